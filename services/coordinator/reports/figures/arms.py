"""Two sampler profiles within one day, side by side. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from services.coordinator.reports.figures.lines import Line, by_group
from services.coordinator.stats.bootstrap import Difference, Ratio, Unit, unpaired_difference

RESAMPLES = 1000
Figure = Callable[[Line], float | None]


def units(lines: Sequence[Line], figure: Figure) -> dict[Hashable, Unit]:
    """The figure's sum and count by headline (by group, where a line has no headline)."""
    # By headline, not by group: the same headline on two days of a panel is one unit of the bootstrap.
    by_headline = by_group(lines, key=lambda line: line.headline or (line.group,))
    values = {
        key: [value for line in of_headline if (value := figure(line)) is not None]
        for key, of_headline in by_headline.items()
    }
    return {key: (sum(of_headline), len(of_headline)) for key, of_headline in values.items()}


FIGURES: dict[str, Figure] = {
    "raw_validity": lambda line: float(line.raw_strict),
    "composite": lambda line: line.score.composite if line.score else None,
    "trade_thinking": lambda line: line.score.trade_thinking if line.score else None,
    "leak": lambda line: float(line.score.leak) if line.score else None,
}
"""The figures that are compared between arms, each of all rollouts."""


@dataclass(frozen=True)
class Arm:
    """The headlines of a day that were sampled under one profile, and the means of the figures over their rollouts."""

    profile: str
    headlines: int
    rollouts: int
    figures: Mapping[str, float | None]


@dataclass(frozen=True)
class Arms:
    """Both arms of a day: `a` is the day's own profile. `differences` are B less A by figure, each with a 95 %
    bootstrap interval over headlines; None where an arm has no scored rollout."""

    a: Arm
    b: Arm
    differences: Mapping[str, Difference | None]


def arms_of(lines: Sequence[Line], profile: str) -> Arms | None:
    """The arms of a day whose own profile is `profile`; None unless it has that profile and one other."""
    by_profile = by_group(lines, key=lambda line: line.profile)
    if len(by_profile) != 2 or profile not in by_profile:
        return None
    (other,) = set(by_profile) - {profile}
    a, b = by_profile[profile], by_profile[other]
    return Arms(_arm(profile, a), _arm(str(other), b), {name: _difference(a, b, name) for name in FIGURES})


def _arm(profile: str, lines: Sequence[Line]) -> Arm:
    means = {name: Ratio.of(list(units(lines, figure).values())).value for name, figure in FIGURES.items()}
    return Arm(profile, len(by_group(lines)), len(lines), means)


def _difference(a: Sequence[Line], b: Sequence[Line], name: str) -> Difference | None:
    # Unpaired: the arms of a day share no headline.
    units_a, units_b = units(a, FIGURES[name]), units(b, FIGURES[name])
    return unpaired_difference(list(units_a.values()), list(units_b.values()), resamples=RESAMPLES)
