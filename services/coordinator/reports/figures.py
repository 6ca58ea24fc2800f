"""A report's figures. Pure: what was stored in, totals, averages and warnings out.

Scores are means in [0, 1] (outcome_score in [0, 10]) and unrounded; None where there is nothing to average.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

SCORES = (
    "raw_validity",
    "final_validity",
    "composite",
    "trade_thinking",
    "leak",
    "outcome_score",
    "normalized_score",
    "reward",
)


@dataclass(frozen=True)
class Seconds:
    """Seconds of work per stage, summed over its steps, which may have run side by side; None where none is done."""

    generate: float | None = None
    evaluate: float | None = None
    train: float | None = None


@dataclass(frozen=True)
class DayFigures:
    """One day. `raw_validity` is the share of rollouts whose free attempt was strict, `final_validity` the mean
    validity of the evaluations, `reward` the mean training reward; `training` holds the statistics of the update.

    `policies` and `final_sources` count the rollouts by policy and by the rung of the ladder that they came from,
    `look_ahead` those whose policy had learned from headlines published after their own (None if unknown).
    """

    date: dt.date
    state: str
    headlines: int = 0
    rollouts: int = 0
    sampler: str | None = None
    raw_validity: float | None = None
    final_validity: float | None = None
    composite: float | None = None
    trade_thinking: float | None = None
    leak: float | None = None
    outcome_score: float | None = None
    normalized_score: float | None = None
    reward: float | None = None
    evaluations: int = 0
    checkpoint: str | None = None
    training: Mapping[str, Any] | None = None
    seconds: Seconds = field(default_factory=Seconds)
    tokens: int = 0
    look_ahead: int | None = 0
    policies: Mapping[str, int] = field(default_factory=dict)
    final_sources: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    outcome_date: dt.date | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Flag:
    """A headline with a false date, or one that its day's policy had learned past; `used` if it was forecast from."""

    date: dt.date
    headline: str
    published_at: dt.datetime
    reason: str
    used: bool


@dataclass(frozen=True)
class Failure:
    """What failed and why: a step, a day (no kind) or the run (no date). `attempts` is how often a step was tried."""

    date: dt.date | None
    kind: str | None
    chunk: int | None
    attempts: int | None
    reason: str


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
    (each rollout, for raw_validity)."""

    by_day: Mapping[str, float | None]
    by_evaluation: Mapping[str, float | None]


@dataclass(frozen=True)
class RunFacts:
    """What a run says of itself."""

    run: str
    kind: str
    state: str
    reason: str | None
    corpus: str | None
    timezone: str | None
    config: Mapping[str, Any]
    config_hash: str
    created_at: dt.datetime
    finished_at: dt.datetime | None


@dataclass(frozen=True)
class Report(RunFacts):
    """Everything that a report says, whatever it is rendered as."""

    warnings: Sequence[str]
    days: Sequence[DayFigures]
    totals: Totals
    averages: Averages
    look_ahead: int | None
    flags: Sequence[Flag]
    failures: Sequence[Failure]


def total(values: Iterable[float | None]) -> float | None:
    """The sum of what is there, None if nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def totals_of(days: Sequence[DayFigures]) -> Totals:
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


def averages_of(days: Sequence[DayFigures]) -> Averages:
    """Both averages of every score; days that lack a figure count for nothing in it."""
    return Averages(
        by_day={name: _mean([(getattr(day, name), 1) for day in days]) for name in SCORES},
        by_evaluation={name: _mean([(getattr(day, name), _weight(day, name)) for day in days]) for name in SCORES},
    )


def _weight(day: DayFigures, name: str) -> int:
    return day.rollouts if name == "raw_validity" else day.evaluations


def _mean(values: Sequence[tuple[float | None, int]]) -> float | None:
    known = [(value, weight) for value, weight in values if value is not None and weight]
    return fmean([value for value, _ in known], [weight for _, weight in known]) if known else None


def look_ahead_of(days: Sequence[DayFigures]) -> int | None:
    """Rollouts that looked ahead; None if that is unknown of any day."""
    counts = [day.look_ahead for day in days if day.look_ahead is not None]
    return sum(counts) if len(counts) == len(days) else None


def warnings_of(facts: RunFacts, stored: Sequence[str], days: Sequence[DayFigures]) -> list[str]:
    """What a reader must know before the figures: look-ahead first, then what was found when the run was made."""
    ahead, rollouts = look_ahead_of(days), sum(day.rollouts for day in days)
    learned = "come from a policy that had learned from headlines published after their own"
    counted = f"{ahead} of {rollouts} rollouts {learned}"
    if ahead is None:
        first = ["Look-ahead is unknown: an imported run's files do not say what its policies had learned from."]
    elif facts.config.get("lag") == 0:
        first = [
            f"This run looked ahead: under lag 0 a day's policy has learned from that day's own headlines. {counted}."
        ]
    elif ahead:
        cause = "the run kept headlines with false dates (dates=warn)"
        first = [f"This run looked ahead: {counted}" + (f"; {cause}." if facts.config.get("dates") == "warn" else ".")]
    else:
        first = []
    return [*first, *stored]


def make_report(
    facts: RunFacts,
    days: Sequence[DayFigures],
    stored_warnings: Sequence[str],
    flags: Sequence[Flag],
    failures: Sequence[Failure],
) -> Report:
    """The report of a run from its days' figures."""
    return Report(
        **vars(facts),
        warnings=warnings_of(facts, stored_warnings, days),
        days=days,
        totals=totals_of(days),
        averages=averages_of(days),
        look_ahead=look_ahead_of(days),
        flags=flags,
        failures=failures,
    )
