"""A run against thresholds: each check is a figure, a bound, and whether it holds. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from services.coordinator.reports.figures.collapse import LIMITS, Collapse
from services.coordinator.reports.figures.day import DayFigures
from services.coordinator.reports.figures.panel import PanelFigures, PanelGain
from services.coordinator.reports.figures.position_bias import PositionBias

Outcome = Literal["pass", "fail", "not_applicable"]
LEAST_GROUPS = 100
"""Groups from which a position bias can pass: the mean over fewer strays further than the bound by chance."""
MOST_BIAS = 0.05
GROUNDED = 0.75
"""Halfway from chance, where lines are about anything, to each line fitting its own headline best of its day's."""


@dataclass(frozen=True)
class Findings:
    """What the checks look at. `days` are the chain's; `look_ahead` is None if unknown."""

    days: Sequence[DayFigures]
    look_ahead: int | None
    position_bias: PositionBias
    panel: Sequence[PanelFigures] = ()
    panel_gain: PanelGain | None = None
    collapses: Sequence[Collapse] = ()


@dataclass(frozen=True)
class Reading:
    """A figure and where it was read, such as the worst day."""

    figure: float
    where: str = ""


@dataclass(frozen=True)
class Check:
    """A threshold and how the run stands to it. `figure` is None, and the outcome not_applicable, where there is
    nothing to hold against it; `where` names the day or the policy that the figure is of."""

    name: str
    figure: float | None
    threshold: str
    outcome: Outcome
    where: str


@dataclass(frozen=True)
class Rule:
    """One row of the assessment: what is read, and between which bounds it must lie (`above`: not on the lower)."""

    name: str
    read: Callable[[Findings], Reading | None]
    low: float | None = None
    high: float | None = None
    above: bool = False

    @property
    def threshold(self) -> str:
        """The bounds in signs: `≥ 0.99`, `> 0`, `0 to 0.9`."""
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"{'>' if self.above else '≥'} {self.low:g}"
        return f"≤ {self.high:g}"

    def holds(self, figure: float) -> bool:
        """Whether a figure lies within the bounds."""
        enough = self.low is None or figure > self.low or (figure == self.low and not self.above)
        return enough and (self.high is None or figure <= self.high)


Figure = Callable[[DayFigures], float | None]


def _extreme(choose: Callable[..., DayFigures], figure: Figure) -> Callable[[Findings], Reading | None]:
    def read(found: Findings) -> Reading | None:
        known = [day for day in found.days if figure(day) is not None]
        if not known:
            return None
        day = choose(known, key=figure)
        return Reading(figure(day) or 0.0, f"{day.date:%Y%m%d}")

    return read


def least(figure: Figure) -> Callable[[Findings], Reading | None]:
    """The day with the least of a figure."""
    return _extreme(min, figure)


def greatest(figure: Figure) -> Callable[[Findings], Reading | None]:
    """The day with the greatest of a figure."""
    return _extreme(max, figure)


def _dropped(day: DayFigures) -> float | None:
    groups = day.trained("groups")
    return (day.trained("groups_dropped") or 0.0) / groups if groups else None


def _bias(found: Findings) -> Reading | None:
    """The absolute bias of enough groups; of fewer only if their whole interval lies beyond the bound."""
    bias = found.position_bias
    if bias.mean is None:
        return None
    beyond = bias.low is not None and bias.high is not None and (bias.low > MOST_BIAS or bias.high < -MOST_BIAS)
    judged = bias.groups >= LEAST_GROUPS or beyond
    return Reading(abs(bias.mean), f"{bias.groups} groups") if judged else None


def _last_panel(figure: Callable[[PanelFigures], float | None]) -> Callable[[Findings], Reading | None]:
    def read(found: Findings) -> Reading | None:
        scored = [policy for policy in found.panel if policy.state == "scored"]
        value = figure(scored[-1]) if scored else None
        return None if value is None else Reading(value, scored[-1].policy or "")

    return read


def _gain(name: str, *, low: bool) -> Callable[[Findings], Reading | None]:
    def read(found: Findings) -> Reading | None:
        gain = found.panel_gain
        difference = gain.differences[name] if gain else None
        if gain is None or difference is None:
            return None
        return Reading(difference.low if low else difference.value, gain.policy or "")

    return read


def _collapses(sign: str) -> Callable[[Findings], Reading | None]:
    def read(found: Findings) -> Reading | None:
        if all(getattr(day.signs, sign) is None for day in found.days):
            return None
        dates = [f"{collapse.date:%Y%m%d}" for collapse in found.collapses if collapse.sign == sign]
        return Reading(len(dates), ", ".join(dates))

    return read


RULES = (
    Rule("final validity, least day", least(lambda day: day.final_validity), low=0.99),
    Rule("look-ahead, rollouts", lambda f: None if f.look_ahead is None else Reading(f.look_ahead), high=0),
    Rule("position bias, absolute", _bias, high=MOST_BIAS),
    Rule("empty texts, worst day", greatest(lambda day: day.signs.empty), high=0.01),
    Rule("placeholder echo, worst day", greatest(lambda day: day.signs.placeholder), high=0.02),
    Rule("duplicates within groups, worst day", greatest(lambda day: day.signs.duplicate), high=0.10),
    Rule("restated headlines, worst day", greatest(lambda day: day.signs.restated), high=0.10),
    Rule("grounding among valid lines, least day", least(lambda day: day.valid_lines.grounding), low=GROUNDED),
    *(Rule(f"collapses: {sign} share over its limit or doubled", _collapses(sign), high=0) for sign in LIMITS),
    Rule("clip share, highest day", greatest(lambda day: day.trained("clip_share")), low=0, high=0.9),
    Rule("reward deviation, least day", least(lambda day: day.trained("reward_std")), low=0, above=True),
    Rule("groups dropped, worst day", greatest(_dropped), high=0.5),
    Rule("panel: raw validity less the base's", _gain("raw_validity", low=False), low=0),
    Rule("panel: composite less the base's, low end", _gain("composite", low=True), low=0, above=True),
    Rule("panel: trade-thinking less the base's, low end", _gain("trade_thinking", low=True), low=0, above=True),
    Rule("panel: grounding among valid lines", _last_panel(lambda found: found.valid_lines.grounding), low=GROUNDED),
    Rule("panel: duplicates among valid lines", _last_panel(lambda found: found.valid_lines.duplicates), high=0.10),
    Rule("panel: restated among valid lines", _last_panel(lambda found: found.valid_lines.restated), high=0.10),
)
"""The checks of an assessment, in order: another is another row."""


def assess(found: Findings) -> list[Check]:
    """Every rule against a run's figures."""
    return [_check(rule, rule.read(found)) for rule in RULES]


def _check(rule: Rule, reading: Reading | None) -> Check:
    if reading is None:
        return Check(rule.name, None, rule.threshold, "not_applicable", "")
    outcome: Outcome = "pass" if rule.holds(reading.figure) else "fail"
    return Check(rule.name, reading.figure, rule.threshold, outcome, reading.where)
