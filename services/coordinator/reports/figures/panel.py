"""The base model and each checkpoint on the run's panel. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.coordinator.reports.figures.arms import Figure, units
from services.coordinator.reports.figures.lines import NO_LINES, NO_SIGNS, Line, Score, Signs, ValidLines, line_figures
from services.coordinator.stats.bootstrap import Difference, Ratio, paired, paired_difference


@dataclass(frozen=True)
class PanelFigures:
    """A policy on the panel. `policy` is `base` or a checkpoint's id (None until it is published), `updates` the number
    of updates behind it (0 for the base; a warm start is one), `date` the day of the last of them. All rollouts are of
    the free arm."""

    date: dt.date
    policy: str | None
    state: str
    updates: int = 0
    headlines: int = 0
    rollouts: int = 0
    raw_validity: float | None = None
    form_score: float | None = None
    signs: Signs = NO_SIGNS
    valid_lines: ValidLines = NO_LINES


@dataclass(frozen=True)
class PanelGain:
    """The last policy that was scored on the panel beside the base: `differences` are last less base by figure, each
    with a 95 % bootstrap interval over the panel's headlines (paired); None where one side has no valid line."""

    policy: str | None
    base: Mapping[str, float | None]
    last: Mapping[str, float | None]
    differences: Mapping[str, Difference | None]


def _of_valid(read: Callable[[Score], float | None]) -> Figure:
    return lambda line: read(line.score) if line.score and line.score.valid else None


FIGURES: dict[str, Figure] = {
    "raw_validity": lambda line: float(line.raw_strict),
    "composite": _of_valid(lambda score: score.composite),
    "trade_thinking": _of_valid(lambda score: score.trade_thinking),
    "grounding": _of_valid(lambda score: score.grounding),
    "leak": _of_valid(lambda score: float(score.leak)),
}
"""The figures that are compared on a panel: raw validity of all rollouts, the others of valid lines."""


def panel_figures(date: dt.date, policy: str | None, state: str, updates: int, lines: Sequence[Line]) -> PanelFigures:
    """A policy's figures from its rollouts on the panel."""
    figures = line_figures(lines)
    return PanelFigures(
        date=date,
        policy=policy,
        state=state,
        updates=updates,
        headlines=len({line.group for line in lines}),
        rollouts=len(lines),
        raw_validity=Ratio.of(list(units(lines, FIGURES["raw_validity"]).values())).value,
        form_score=figures.form_score,
        signs=figures.signs,
        valid_lines=figures.valid_lines,
    )


def panel_gain(policy: str | None, base: Sequence[Line], last: Sequence[Line]) -> PanelGain:
    """The difference of the last policy and the base, headline by headline."""
    sides = {name: (units(base, figure), units(last, figure)) for name, figure in FIGURES.items()}
    return PanelGain(
        policy=policy,
        base={name: Ratio.of(list(first.values())).value for name, (first, _) in sides.items()},
        last={name: Ratio.of(list(second.values())).value for name, (_, second) in sides.items()},
        differences={name: paired_difference(paired(first, second)) for name, (first, second) in sides.items()},
    )
