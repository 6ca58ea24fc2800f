"""The figures of a comparison from the lines of both sides, headline by headline. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.coordinator.comparisons.schemas import Among, Figure
from services.coordinator.stats.bootstrap import Ratio, Resamples, Unit, bootstrap_ci, difference, left_out
from services.coordinator.stats.diversity import distinct


@dataclass(frozen=True)
class ScoredLine:
    """A scored rollout. `headline` names its headline the same way on both sides, `tokens` counts those of its text;
    the rest is as in shared.wire.EvaluationRecord."""

    headline: str
    group: int
    delivered: bool
    raw_strict: bool
    text: str
    tokens: int
    verdict: str
    valid: bool
    composite: float
    trade_thinking: float
    normalized_score: float
    semantic: float | None
    leak: bool
    form_score: float
    signs: Sequence[str] = ()
    grounding: float | None = None


@dataclass(frozen=True)
class Measure:
    """A figure: its name, the lines that it is of, and the sum and count that a headline's lines add to it."""

    name: str
    among: Among
    unit: Callable[[Sequence[ScoredLine]], Unit]


_KEEP: Final[Mapping[Among, Callable[[ScoredLine], bool]]] = {
    "all": lambda _: True,
    "valid": lambda line: line.valid,
    "delivered": lambda line: line.delivered,
}


def _mean(name: str, among: Among, read: Callable[[ScoredLine], float | None]) -> Measure:
    def unit(lines: Sequence[ScoredLine]) -> Unit:
        values = [read(line) for line in lines if _KEEP[among](line)]
        numbers = [float(value) for value in values if value is not None]
        return sum(numbers), len(numbers)

    return Measure(name, among, unit)


def _sign(name: str, among: Among = "all") -> Measure:
    return _mean(name, among, lambda line: name in line.signs)


def _distinct(n: int) -> Measure:
    """Distinct-n of the pairs of valid lines; a group with fewer than two of them is not counted."""

    def unit(lines: Sequence[ScoredLine]) -> Unit:
        groups: dict[int, list[str]] = defaultdict(list)
        for line in lines:
            if line.valid:
                groups[line.group].append(line.text)
        shares = [share for texts in groups.values() if (share := distinct(texts, n)) is not None]
        return sum(shares), len(shares)

    return Measure(f"distinct_{n}", "groups", unit)


_SCORES: Final[Mapping[str, Callable[[ScoredLine], float | None]]] = {
    "composite": lambda line: line.composite,
    "trade_thinking": lambda line: line.trade_thinking,
    "normalized_score": lambda line: line.normalized_score,
    "semantic": lambda line: line.semantic,
    "grounding": lambda line: line.grounding,
}
MEASURES: Final[tuple[Measure, ...]] = (
    _mean("raw_validity", "all", lambda line: line.raw_strict),
    _mean("validity", "all", lambda line: line.valid),
    _mean("final_validity", "delivered", lambda line: line.valid),
    _mean("abstained", "delivered", lambda line: line.verdict == "abstained"),
    *(_mean(name, "valid", read) for name, read in _SCORES.items()),
    *(_mean(name, "all", read) for name, read in _SCORES.items()),
    _mean("leak", "all", lambda line: line.leak),
    _mean("form_score", "all", lambda line: line.form_score),
    *(_sign(name) for name in ("empty", "placeholder", "restated", "duplicate")),
    *(_sign(name, "valid") for name in ("restated", "duplicate")),
    _distinct(1),
    _distinct(2),
    _mean("tokens", "all", lambda line: line.tokens),
)
"""The figures of a comparison, in the order in which they are shown."""
ONLY_OFF_PANEL: Final = frozenset({"final_validity"})
"""Figures that a panel does not have: its rollouts are all of the free arm, and none climbs the ladder."""


def by_headline(lines: Sequence[ScoredLine]) -> dict[str, list[ScoredLine]]:
    """Lines by headline, in order of its name, so that a seed means the same draws in every database."""
    headlines: dict[str, list[ScoredLine]] = defaultdict(list)
    for line in lines:
        headlines[line.headline].append(line)
    return dict(sorted(headlines.items()))


@dataclass(frozen=True)
class Matched:
    """Each side's lines by headline; the same headlines on both if `paired`."""

    a: Mapping[str, Sequence[ScoredLine]]
    b: Mapping[str, Sequence[ScoredLine]]
    paired: bool


def match(a: Sequence[ScoredLine], b: Sequence[ScoredLine]) -> Matched:
    """The headlines that both sides have; all of each side's if they have none in common."""
    left, right = by_headline(a), by_headline(b)
    common = left.keys() & right.keys()
    if not common:
        return Matched(left, right, paired=False)
    shared = [{name: side[name] for name in side if name in common} for side in (left, right)]
    return Matched(shared[0], shared[1], paired=True)


def figures(matched: Matched, *, seed: int, resamples: int, on_panel: bool) -> list[Figure]:
    """Every measure of both sides, with the interval of its difference."""
    of_a, of_b = _resamples(matched, seed, resamples)
    return [
        _figure(measure, matched, of_a, of_b)
        for measure in MEASURES
        if not (on_panel and measure.name in ONLY_OFF_PANEL)
    ]


def _resamples(matched: Matched, seed: int, number: int) -> tuple[Resamples, Resamples]:
    of_a = Resamples.sampled(seed, len(matched.a), number)
    # Without common headlines the sides are independent: a seed of its own keeps B from being drawn in step with A.
    return of_a, of_a if matched.paired else Resamples.sampled(seed + 1, len(matched.b), number)


def _figure(measure: Measure, matched: Matched, of_a: Resamples, of_b: Resamples) -> Figure:
    a, b = (_ratio(measure, side) for side in (matched.a, matched.b))
    interval = bootstrap_ci(a, b, of_a, of_b)
    return Figure(
        name=measure.name,
        among=measure.among,
        a=a.value,
        b=b.value,
        difference=difference(a, b),
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        excludes_zero=interval.excludes_zero if interval else None,
        left_out=left_out(a, b, of_a, of_b) if interval else 0,
    )


def _ratio(measure: Measure, side: Mapping[str, Sequence[ScoredLine]]) -> Ratio:
    return Ratio.of([measure.unit(lines) for lines in side.values()])
