"""Path and query parameters shared by several routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from services.coordinator.states import Role
from shared.dates import AnyDate
from shared.errors import InvalidInputError
from shared.wire import NAME_PATTERN

RunName = Annotated[str, Path(pattern=NAME_PATTERN, description="Name of a run.")]
DatePath = Annotated[AnyDate, Path(description="A date: YYYYMMDD or YYYY-MM-DD.")]
DateQuery = Annotated[AnyDate | None, Query(description="Only of this date: YYYYMMDD or YYYY-MM-DD.")]
RoleQuery = Annotated[
    Role,
    Query(
        description="Only days of this role: `chain`, the days that the run learns from in order; `panel`, which score "
        "its checkpoints (and the base, under the day before the first) on the panel; `warm_start`."
    ),
]
MAX_ID = 2**63 - 1
"""Postgres' bigint."""


def id_after(cursor: str | None) -> int:
    """The id after which a page begins; raises InvalidInputError."""
    if cursor is None:
        return 0
    if not cursor.isdecimal() or int(cursor) > MAX_ID:
        raise InvalidInputError(f"cursor: {cursor!r} is not the `next` of a page; pass it unchanged")
    return int(cursor)


CorpusName = Annotated[str, Path(pattern=NAME_PATTERN, description="Name of a corpus.")]
