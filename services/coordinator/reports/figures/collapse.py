"""Collapses: the days on which texts begin to degenerate. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from services.coordinator.reports.figures.day import DayReport
from services.coordinator.stats.means import mean_or_none

LIMITS = {"empty": 0.01, "duplicate": 0.10, "placeholder": 0.02}
"""The share of a day's scored rollouts above which a sign of degeneration is a collapse."""
FLOORS = {"empty": 0.005, "duplicate": 0.05, "placeholder": 0.01}
"""The share up to which a doubling is noise, and no collapse."""
WINDOW = 3
"""Days before a day that its share is compared with."""


@dataclass(frozen=True)
class Collapse:
    """A sign of degeneration whose share passed its limit, or doubled, on `date` and had not the day before.

    `before` is the mean share of up to three days before it, None on the first day.
    """

    date: dt.date
    sign: str
    share: float
    before: float | None
    limit: float


def collapses_of(days: Sequence[DayReport]) -> list[Collapse]:
    """Every day on which a sign's share goes above its limit, or to twice the mean of the three days before it and
    above its floor; only the first day of each such episode. In order of date."""
    collapses = [collapse for sign in LIMITS for collapse in _beginnings(sign, days)]
    return sorted(collapses, key=lambda collapse: collapse.date)


def _beginnings(sign: str, days: Sequence[DayReport]) -> list[Collapse]:
    shares = [(day.date, share) for day in days if (share := getattr(day.signs, sign)) is not None]
    # Days without scored rollouts are not in `shares`: they neither end an episode nor begin one.
    collapses, lasting = [], False
    for place, (date, share) in enumerate(shares):
        earlier = [share for _, share in shares[max(place - WINDOW, 0) : place]]
        before = mean_or_none(earlier)
        doubled = before is not None and share >= 2 * before and share > FLOORS[sign]
        collapsed = share > LIMITS[sign] or doubled
        if collapsed and not lasting:
            collapses.append(Collapse(date, sign, share, before, LIMITS[sign]))
        lasting = collapsed
    return collapses
