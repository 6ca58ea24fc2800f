"""Pages of lists: `items`, and in `next` the cursor of the following page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query

from shared.wire import Message

T = TypeVar("T")
Limit = Annotated[int, Query(ge=1, le=1000, description="Maximum number of items of a page.")]
Cursor = Annotated[str | None, Query(max_length=200, description="The `next` of the previous page.")]


class Page(Message, Generic[T]):
    """A page of a list; `next` is null on the last one."""

    items: list[T]
    next: str | None


def page_of(items: Sequence[T], limit: int, cursor: Callable[[T], str]) -> Page[T]:
    """A page of up to `limit` items, given up to limit + 1: the extra one shows that another page follows."""
    page = list(items[:limit])
    return Page[T](items=page, next=cursor(page[-1]) if len(items) > limit else None)
