"""Refusals of an import of rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import InvalidInputError

MAX_ERRORS = 1_000
"""Rows that a refusal lists; its detail names the number of all of them."""


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be imported, and what would cure it."""

    origin: str
    reason: str


def refuse_bad_rows(bad: Sequence[BadRow], skip_bad: bool) -> None:
    """Raises InvalidInputError if there are bad rows, unless they may be skipped."""
    if bad and not skip_bad:
        raise InvalidInputError(
            f"{len(bad)} of the rows are bad and nothing was imported; mend them or import with skip_bad. "
            f"The first is {bad[0].origin}: {bad[0].reason}",
            errors=[{"field": row.origin, "message": row.reason} for row in bad[:MAX_ERRORS]],
        )
