"""Whether a result answers the task that was handed out. Pure: raises InvalidInputError, or nothing."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

from shared.errors import InvalidInputError


def _refuse(field: str, why: str) -> InvalidInputError:
    return InvalidInputError(f"{field}: {why}", errors=[{"field": field, "message": why}])


def _same(field: str, got: Sequence[int], wanted: Collection[int]) -> None:
    if len(got) != len(wanted) or set(got) != set(wanted):
        missing, extra = sorted(set(wanted) - set(got)), sorted(set(got) - set(wanted))
        raise _refuse(field, f"each must be answered once; missing {missing[:10]}, not asked for {extra[:10]}")


def _finite(field: str, values: Iterable[float | None]) -> None:
    if not all(value is None or math.isfinite(value) for value in values):
        raise _refuse(field, "holds a number that is not finite")
