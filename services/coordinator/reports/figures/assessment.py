"""Assessment of a run against thresholds: each check is a figure, its bounds, and the outcome. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from services.coordinator.reports.figures.collapse import LIMITS, Collapse
from services.coordinator.reports.figures.day import DayReport
from services.coordinator.reports.figures.panel import PanelFigures, PanelGain
from services.coordinator.reports.figures.position_bias import PositionBias

Outcome = Literal["pass", "fail", "not_applicable"]
MIN_GROUPS = 100
"""Groups from which a position bias can pass: over fewer, chance alone takes the mean beyond the bound."""
MAX_BIAS = 0.05
MIN_GROUNDING = 0.75
"""Halfway between chance (.5, a line fits any headline as well as its own) and 1 (its own fits best of its day's)."""


@dataclass(frozen=True)
class AssessedFigures:
    """The figures that the checks read. `days` are the chain's; `look_ahead` is None if unknown."""

    days: Sequence[DayReport]
    look_ahead: int | None
    position_bias: PositionBias
    panel: Sequence[PanelFigures] = ()
    panel_gain: PanelGain | None = None
    collapses: Sequence[Collapse] = ()


@dataclass(frozen=True)
class Reading:
    """A figure and the place that it is of, such as the worst day."""

    figure: float
    where: str = ""


@dataclass(frozen=True)
class Check:
    """A threshold and the run's figure for it. `figure` is None, and the outcome not_applicable, where the run has no
    such figure; `where` names the day or the policy that the figure is of."""

    name: str
    figure: float | None
    threshold: str
    outcome: Outcome
    where: str


Reader = Callable[[AssessedFigures], Reading | None]
DayFigure = Callable[[DayReport], float | None]


@dataclass(frozen=True)
class Threshold:
    """One row of the assessment: how its figure is read, and its bounds (`above`: the lower bound itself fails)."""

    name: str
    read: Reader
    low: float | None = None
    high: float | None = None
    above: bool = False

    @property
    def bounds(self) -> str:
        """The bounds as text: `≥ 0.99`, `> 0`, `0 to 0.9`."""
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"{'>' if self.above else '≥'} {self.low:g}"
        return f"≤ {self.high:g}"

    def passes(self, figure: float) -> bool:
        """Whether a figure lies within the bounds."""
        above_low = self.low is None or figure > self.low or (figure == self.low and not self.above)
        return above_low and (self.high is None or figure <= self.high)


def _extreme(choose: Callable[..., DayReport], figure: DayFigure) -> Reader:
    def read(run: AssessedFigures) -> Reading | None:
        days = [day for day in run.days if figure(day) is not None]
        if not days:
            return None
        day = choose(days, key=figure)
        # `or` for the type checker only: a day without the figure is not among `days`.
        return Reading(figure(day) or 0.0, f"{day.date:%Y%m%d}")

    return read


def lowest(figure: DayFigure) -> Reader:
    """A figure on the day on which it is lowest."""
    return _extreme(min, figure)


def highest(figure: DayFigure) -> Reader:
    """A figure on the day on which it is highest."""
    return _extreme(max, figure)


def _dropped(day: DayReport) -> float | None:
    groups = day.trained("groups")
    return (day.trained("groups_dropped") or 0.0) / groups if groups else None


def _bias(run: AssessedFigures) -> Reading | None:
    """The absolute bias of enough groups; of fewer only if their whole interval lies beyond the bound."""
    bias = run.position_bias
    if bias.mean is None:
        return None
    beyond = bias.low is not None and bias.high is not None and (bias.low > MAX_BIAS or bias.high < -MAX_BIAS)
    judged = bias.groups >= MIN_GROUPS or beyond
    return Reading(abs(bias.mean), f"{bias.groups} groups") if judged else None


def _last_panel(figure: Callable[[PanelFigures], float | None]) -> Reader:
    def read(run: AssessedFigures) -> Reading | None:
        scored = [policy for policy in run.panel if policy.state == "scored"]
        value = figure(scored[-1]) if scored else None
        return None if value is None else Reading(value, scored[-1].policy or "")

    return read


def _gain(name: str, *, low: bool) -> Reader:
    def read(run: AssessedFigures) -> Reading | None:
        gain = run.panel_gain
        difference = gain.differences[name] if gain else None
        if gain is None or difference is None:
            return None
        return Reading(difference.low if low else difference.value, gain.policy or "")

    return read


def _collapses(sign: str) -> Reader:
    def read(run: AssessedFigures) -> Reading | None:
        if all(getattr(day.signs, sign) is None for day in run.days):
            # Not applicable, rather than passed with no collapse.
            return None
        dates = [f"{collapse.date:%Y%m%d}" for collapse in run.collapses if collapse.sign == sign]
        return Reading(len(dates), ", ".join(dates))

    return read


THRESHOLDS = (
    Threshold("final validity, least day", lowest(lambda day: day.final_validity), low=0.99),
    Threshold("look-ahead, rollouts", lambda run: None if run.look_ahead is None else Reading(run.look_ahead), high=0),
    Threshold("position bias, absolute", _bias, high=MAX_BIAS),
    Threshold("empty texts, worst day", highest(lambda day: day.signs.empty), high=0.01),
    Threshold("placeholder echo, worst day", highest(lambda day: day.signs.placeholder), high=0.02),
    Threshold("duplicates within groups, worst day", highest(lambda day: day.signs.duplicate), high=0.10),
    Threshold("restated headlines, worst day", highest(lambda day: day.signs.restated), high=0.10),
    Threshold(
        "grounding among valid lines, least day", lowest(lambda day: day.valid_lines.grounding), low=MIN_GROUNDING
    ),
    *(Threshold(f"collapses: {sign} share over its limit or doubled", _collapses(sign), high=0) for sign in LIMITS),
    Threshold("clip share, highest day", highest(lambda day: day.trained("clip_share")), low=0, high=0.9),
    Threshold("reward deviation, least day", lowest(lambda day: day.trained("reward_std")), low=0, above=True),
    Threshold("groups dropped, worst day", highest(_dropped), high=0.5),
    Threshold("panel: raw validity less the base's", _gain("raw_validity", low=False), low=0),
    Threshold("panel: composite less the base's, low end", _gain("composite", low=True), low=0, above=True),
    Threshold("panel: trade-thinking less the base's, low end", _gain("trade_thinking", low=True), low=0, above=True),
    Threshold(
        "panel: grounding among valid lines",
        _last_panel(lambda scored: scored.valid_lines.grounding),
        low=MIN_GROUNDING,
    ),
    Threshold(
        "panel: duplicates among valid lines", _last_panel(lambda scored: scored.valid_lines.duplicates), high=0.10
    ),
    Threshold("panel: restated among valid lines", _last_panel(lambda scored: scored.valid_lines.restated), high=0.10),
)
"""The checks of an assessment, in order; a new check is a new row."""


def assess(run: AssessedFigures) -> list[Check]:
    """Every threshold against a run's figures."""
    return [_check(threshold, threshold.read(run)) for threshold in THRESHOLDS]


def _check(threshold: Threshold, reading: Reading | None) -> Check:
    if reading is None:
        return Check(threshold.name, None, threshold.bounds, "not_applicable", "")
    outcome: Outcome = "pass" if threshold.passes(reading.figure) else "fail"
    return Check(threshold.name, reading.figure, threshold.bounds, outcome, reading.where)
