"""Sums over a run's days, both kinds of averages, look-ahead. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.coordinator.reports.figures.day import SCORES, DayReport, Seconds
from services.coordinator.stats.means import mean_or_none

_WEIGHTS = {"raw_validity": "rollouts", "final_validity": "delivered"}
"""The weights of an average by evaluation, for figures that are not means over evaluations."""


@dataclass(frozen=True)
class Totals:
    """Sums over the days; `states` counts the days by state."""

    days: int
    states: Mapping[str, int]
    headlines: int
    left_out: int
    rollouts: int
    evaluations: int
    checkpoints: int
    tokens: int
    seconds: Seconds


@dataclass(frozen=True)
class Averages:
    """`by_day`: means of the days' figures, each day counting once. `by_evaluation`: each evaluation counting once
    (each rollout, for raw_validity; each delivered one, for final_validity)."""

    by_day: Mapping[str, float | None]
    by_evaluation: Mapping[str, float | None]


def total(values: Iterable[float | None]) -> float | None:
    """The sum of the values that are not None; None without any."""
    numbers = [value for value in values if value is not None]
    return sum(numbers) if numbers else None


def totals_of(days: Sequence[DayReport]) -> Totals:
    """Sums over the days."""
    return Totals(
        days=len(days),
        states=dict(Counter(day.state for day in days)),
        headlines=sum(day.headlines for day in days),
        left_out=sum(sum(day.left_out.values()) for day in days),
        rollouts=sum(day.rollouts for day in days),
        evaluations=sum(day.evaluations for day in days),
        checkpoints=sum(day.checkpoint is not None for day in days),
        tokens=sum(day.tokens for day in days),
        seconds=Seconds(
            *(total(getattr(day.seconds, kind) for day in days) for kind in ("generate", "evaluate", "train"))
        ),
    )


def averages_of(days: Sequence[DayReport]) -> Averages:
    """Both averages of every score, each over the days that have it."""
    return Averages(
        by_day={name: mean_or_none(getattr(day, name) for day in days) for name in SCORES},
        by_evaluation={
            name: mean_or_none([getattr(day, name) for day in days], [_weight(day, name) for day in days])
            for name in SCORES
        },
    )


def _weight(day: DayReport, name: str) -> int:
    weight: int = getattr(day, _WEIGHTS.get(name, "evaluations"))
    return weight


def look_ahead_of(days: Sequence[DayReport]) -> int | None:
    """The number of rollouts that looked ahead; None if it is unknown of any day."""
    # A sum over the known days alone would pass for the whole run's.
    counts = [day.look_ahead for day in days if day.look_ahead is not None]
    return sum(counts) if len(counts) == len(days) else None
