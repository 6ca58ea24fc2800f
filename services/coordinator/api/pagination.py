"""Lists are answered in pages: `items`, and in `next` the cursor that the following page is asked for with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query

from shared.wire import Message

T = TypeVar("T")
Limit = Annotated[int, Query(ge=1, le=1000, description="Most items of a page.")]
Cursor = Annotated[str | None, Query(max_length=200, description="The `next` of the page before.")]


class Page(Message, Generic[T]):
    """A page of a list; `next` is null on the last one."""

    items: list[T]
    next: str | None


def page_of(items: Sequence[T], limit: int, cursor: Callable[[T], str]) -> Page[T]:
    """The first `limit` of up to limit + 1 items; the cursor is that of the last one if another follows."""
    page = list(items[:limit])
    return Page[T](items=page, next=cursor(page[-1]) if len(items) > limit else None)
