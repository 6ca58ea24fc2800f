"""Trends of a run's figures: ordinary least squares against the day's number. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from services.coordinator.reports.figures.day import DayReport
from services.coordinator.reports.figures.panel import PanelFigures

# A table and a series, so that the coordinator does without scipy, some 100 MB for one quantile.
_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
"""The 97.5 % quantile of Student's t with 1 to 30 degrees of freedom."""
_Z = 1.959964
MIN_DAYS = 4
"""Days from which a slope has an interval: fewer leave at most one degree of freedom."""
Point = tuple[int, float]


@dataclass(frozen=True)
class Trend:
    """A figure over the days that have it: the first and the last, and the least-squares slope per day.

    `low` and `high` bound the slope with 95 % confidence, from 4 days on: slope ± t(n − 2) · s / √Σ(x − mean x)², with
    s² the squared residuals over n − 2 (the textbook interval; it assumes independent deviations of equal variance).
    """

    figure: str
    days: int
    first: float | None
    last: float | None
    slope: float | None
    low: float | None
    high: float | None


def _trained(name: str) -> Callable[[DayReport], float | None]:
    return lambda day: day.trained(name)


OF_DAYS: dict[str, Callable[[DayReport], float | None]] = {
    "raw_validity": lambda day: day.raw_validity,
    "final_validity": lambda day: day.final_validity,
    "composite": lambda day: day.composite,
    "trade_thinking": lambda day: day.trade_thinking,
    "leak": lambda day: day.leak,
    "normalized_score": lambda day: day.normalized_score,
    "distinct_1": lambda day: day.valid_lines.distinct_1,
    "distinct_2": lambda day: day.valid_lines.distinct_2,
    "duplicates": lambda day: day.valid_lines.duplicates,
    "grounding": lambda day: day.valid_lines.grounding,
    "training_loss": _trained("loss"),
    "training_mean_reward": _trained("mean_reward"),
    "clip_share": _trained("clip_share"),
    "policy_lag": _trained("policy_lag"),
    "entropy": _trained("entropy"),
    "grad_norm": _trained("grad_norm"),
}
"""The figures of the chain's days whose trends a report gives."""
OF_PANEL: dict[str, Callable[[PanelFigures], float | None]] = {
    "panel_raw_validity": lambda scored: scored.raw_validity,
    "panel_composite": lambda scored: scored.valid_lines.composite,
    "panel_trade_thinking": lambda scored: scored.valid_lines.trade_thinking,
    "panel_grounding": lambda scored: scored.valid_lines.grounding,
    "panel_leak": lambda scored: scored.valid_lines.leak,
    "panel_distinct_2": lambda scored: scored.valid_lines.distinct_2,
    "panel_duplicates": lambda scored: scored.valid_lines.duplicates,
    "panel_restated": lambda scored: scored.valid_lines.restated,
}
"""The figures of the panel whose trends a report gives, against the number of updates behind each checkpoint."""


def trends_of(days: Sequence[DayReport], panel: Sequence[PanelFigures]) -> list[Trend]:
    """All trends for which there is a figure. A day's number is its place among the days that are not skipped."""
    numbered = list(enumerate(day for day in days if day.state != "skipped"))
    trends = [trend(name, [(x, read(day)) for x, day in numbered]) for name, read in OF_DAYS.items()]
    trends += [trend(name, [(scored.updates, read(scored)) for scored in panel]) for name, read in OF_PANEL.items()]
    return [one for one in trends if one.days]


def trend(figure: str, values: Sequence[tuple[int, float | None]]) -> Trend:
    """The trend through (day's number, value); days without a value are left out but keep their number."""
    points = [(x, y) for x, y in values if y is not None]
    line = slope(points)
    low, high = interval(points, line) if line is not None and len(points) >= MIN_DAYS else (None, None)
    first, last = (points[0][1], points[-1][1]) if points else (None, None)
    return Trend(figure, len(points), first, last, line, low, high)


def _spread(points: Sequence[Point]) -> float:
    middle = fmean(x for x, _ in points)
    return sum((x - middle) ** 2 for x, _ in points)


def slope(points: Sequence[Point]) -> float | None:
    """The least-squares slope through points of (x, y); None unless two differ in x."""
    if len({x for x, _ in points}) < 2:
        return None
    # Not statistics.linear_regression: it rounds its sums otherwise, which changes the last bit of every second slope,
    # and the reports of a run are compared to the digit.
    middle_x, middle_y = fmean(x for x, _ in points), fmean(y for _, y in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / _spread(points)


def interval(points: Sequence[Point], line: float) -> tuple[float, float]:
    """The 95 % interval of the least-squares slope `line` through at least three points."""
    middle_x, middle_y = fmean(x for x, _ in points), fmean(y for _, y in points)
    residuals = sum((y - middle_y - line * (x - middle_x)) ** 2 for x, y in points)
    margin = t_quantile(len(points) - 2) * math.sqrt(residuals / (len(points) - 2) / _spread(points))
    return line - margin, line + margin


def t_quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t: from a table up to 30 degrees of freedom, beyond from its expansion in 1/n.

    Abramowitz and Stegun 1964, 26.7.5, two terms: ±.001.
    """
    if freedom <= len(_T):
        return _T[freedom - 1]
    return _Z + (_Z**3 + _Z) / (4 * freedom) + (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / (96 * freedom**2)
