"""A report, composed of the figures of a run's days and rollouts. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.coordinator.reports.figures.assessment import AssessedFigures, Check, assess
from services.coordinator.reports.figures.collapse import Collapse, collapses_of
from services.coordinator.reports.figures.day import DayReport
from services.coordinator.reports.figures.panel import PanelFigures, PanelGain
from services.coordinator.reports.figures.position_bias import UNKNOWN, PositionBias
from services.coordinator.reports.figures.reliability import Reliability
from services.coordinator.reports.figures.serving import NO_SERVING, ServingFigures
from services.coordinator.reports.figures.totals import Averages, Totals, averages_of, look_ahead_of, totals_of
from services.coordinator.reports.figures.trends import Trend, trends_of

UNKNOWN_REASON = "no reason was given"


@dataclass(frozen=True)
class Flag:
    """A headline with a false date, or one published before the newest that its day's policy had learned from;
    `used` if the day forecasts from it."""

    date: dt.date
    headline: str
    published_at: dt.datetime
    reason: str
    used: bool


@dataclass(frozen=True)
class Failure:
    """A failed step, a failed day (no kind) or a failed run (no date), with its reason; `attempts` of a step."""

    date: dt.date | None
    kind: str | None
    chunk: int | None
    attempts: int | None
    reason: str
    role: str = "chain"


@dataclass(frozen=True)
class RunFacts:
    """The row of a run and of its corpus."""

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
class RunFigures:
    """The figures of a run as a whole. `ranker` contains the statistics that the ranker of the evaluate steps reported;
    `reliability` is None unless the run settles claims; `warm_start` is no day of the chain."""

    position_bias: PositionBias = UNKNOWN
    ranker: Mapping[str, float] = field(default_factory=dict)
    reliability: Reliability | None = None
    panel: Sequence[PanelFigures] = ()
    panel_gain: PanelGain | None = None
    warm_start: DayReport | None = None
    serving: ServingFigures = NO_SERVING


@dataclass(frozen=True)
class Report(RunFacts):
    """The content of a report, in whatever format it is rendered. `days`, `totals` and `averages` are of the chain."""

    warnings: Sequence[str]
    days: Sequence[DayReport]
    totals: Totals
    averages: Averages
    look_ahead: int | None
    flags: Sequence[Flag]
    failures: Sequence[Failure]
    assessment: Sequence[Check]
    collapses: Sequence[Collapse]
    trends: Sequence[Trend]
    position_bias: PositionBias
    ranker: Mapping[str, float]
    reliability: Reliability | None
    panel: Sequence[PanelFigures]
    panel_gain: PanelGain | None
    warm_start: DayReport | None
    serving: ServingFigures


def warnings_of(facts: RunFacts, stored: Sequence[str], days: Sequence[DayReport]) -> list[str]:
    """The warnings on top of a report: look-ahead first, then those stored when the run was created."""
    ahead, rollouts = look_ahead_of(days), sum(day.rollouts for day in days)
    learned = "come from a policy that had learned from headlines published after their own"
    counted = f"{ahead} of {rollouts} rollouts {learned}"
    if ahead is None:
        first = ["Look-ahead is unknown: an imported run's files do not say what its policies had learned from."]
    elif facts.config.get("lag") == 0:
        # Even without a single such rollout: the day's own headlines are its training data.
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
    days: Sequence[DayReport],
    stored_warnings: Sequence[str],
    flags: Sequence[Flag],
    failures: Sequence[Failure],
    whole: RunFigures = RunFigures(),
) -> Report:
    """The report of a run from its days' figures and those of the run as a whole."""
    ahead, collapses = look_ahead_of(days), collapses_of(days)
    findings = AssessedFigures(days, ahead, whole.position_bias, whole.panel, whole.panel_gain, collapses)
    return Report(
        **vars(facts),
        **vars(whole),
        warnings=warnings_of(facts, stored_warnings, days),
        days=days,
        totals=totals_of(days),
        averages=averages_of(days),
        look_ahead=ahead,
        flags=flags,
        failures=failures,
        assessment=assess(findings),
        collapses=collapses,
        trends=trends_of(days, whole.panel),
    )
