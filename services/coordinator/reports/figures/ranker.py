"""The statistics that a ranker reports of its steps, over all steps of a run. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.coordinator.stats.means import mean_or_none

COMPARISONS = "comparisons"
MEANS = frozenset({"first_option"})
"""The statistics that are means over comparisons; the others are counts."""


def over_steps(steps: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Each statistic over the steps that report it: counts added up, means weighted by comparisons."""
    names = dict.fromkeys(name for figures in steps for name in figures)
    return {name: _over_steps(name, [figures for figures in steps if name in figures]) for name in names}


def _over_steps(name: str, steps: Sequence[Mapping[str, float]]) -> float:
    values = [figures[name] for figures in steps]
    if name not in MEANS:
        return sum(values)
    return mean_or_none(values, [figures.get(COMPARISONS, 1.0) for figures in steps]) or 0.0
