"""Checks that results of every kind share. Pure: each raises InvalidInputError, or returns nothing."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

from shared.errors import InvalidInputError


def refusal(field: str, why: str) -> InvalidInputError:
    """The error that refuses a result for one of its fields."""
    return InvalidInputError(f"{field}: {why}", errors=[{"field": field, "message": why}])


def check_ids(field: str, ids: Sequence[int], expected: Collection[int]) -> None:
    """Each expected id occurs exactly once, and no other. Raises InvalidInputError."""
    if len(ids) != len(expected) or set(ids) != set(expected):
        missing, extra = sorted(set(expected) - set(ids)), sorted(set(ids) - set(expected))
        raise refusal(field, f"each must be answered once; missing {missing[:10]}, not in the task {extra[:10]}")


def check_finite(field: str, values: Iterable[float | None]) -> None:
    """No value is NaN or infinite; None passes. Raises InvalidInputError."""
    if not all(value is None or math.isfinite(value) for value in values):
        raise refusal(field, "holds a number that is not finite")
