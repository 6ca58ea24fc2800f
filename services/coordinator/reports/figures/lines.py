"""A day's figures from its rollouts, one by one: what is delivered, what it cost, and what the texts are like. Pure.

Shares and means are in [0, 1] and None where there is nothing to count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.coordinator.stats.diversity import duplicate_share, mean_distinct
from services.coordinator.stats.means import mean_or_none

SIGNS = ("empty", "placeholder", "restated", "duplicate")
"""What a degenerate text shows, as shared.wire.Sign names it."""


@dataclass(frozen=True)
class Score:
    """What the evaluator said of a rollout; the names are those of shared.wire.EvaluationRecord."""

    verdict: str
    valid: bool
    composite: float
    trade_thinking: float
    leak: bool
    rank: float
    form_score: float
    signs: Sequence[str] = ()
    settlement: Mapping[str, Any] | None = None
    grounding: float | None = None


@dataclass(frozen=True)
class Line:
    """A rollout as a report reads it. `tokens` are those of the text that stands, `headline` the id of its headline,
    the same on every day of a panel (None for an import)."""

    group: int
    headline: int | None
    index: int
    arm: str
    profile: str
    raw_strict: bool
    text: str
    attempts: int = 1
    sampled_tokens: int = 0
    tokens: int = 0
    score: Score | None = None


@dataclass(frozen=True)
class Decoding:
    """What the delivered lines cost. A call is an attempt at one rollout.

    Per valid line: the calls or tokens of all delivered lines over the number of valid ones among them.
    `failed_tokens` were sampled and thrown away: by attempts that did not stand, and by best of N for those not chosen;
    `failed_share` is their share of the sampled tokens.
    """

    calls_per_rollout: float | None = None
    tokens_per_rollout: float | None = None
    calls_per_valid: float | None = None
    tokens_per_valid: float | None = None
    failed_tokens: int | None = None
    failed_share: float | None = None


@dataclass(frozen=True)
class Signs:
    """Shares of the scored rollouts, whatever their arm, whose text shows a sign of degeneration."""

    empty: float | None = None
    placeholder: float | None = None
    restated: float | None = None
    duplicate: float | None = None


@dataclass(frozen=True)
class ValidLines:
    """What the valid lines are like, whatever their arm; `duplicates` and distinct-n are within groups."""

    count: int = 0
    composite: float | None = None
    trade_thinking: float | None = None
    leak: float | None = None
    distinct_1: float | None = None
    distinct_2: float | None = None
    duplicates: float | None = None
    restated: float | None = None
    grounding: float | None = None


NO_DECODING, NO_SIGNS, NO_LINES = Decoding(), Signs(), ValidLines()


@dataclass(frozen=True)
class LineFigures:
    """A day's figures that need its rollouts one by one. `delivered` counts delivered rollouts that are scored."""

    delivered: int = 0
    final_validity: float | None = None
    abstained: float | None = None
    form_score: float | None = None
    decoding: Decoding = NO_DECODING
    signs: Signs = NO_SIGNS
    valid_lines: ValidLines = NO_LINES


def delivered(lines: Sequence[Line]) -> list[Line]:
    """What the system delivers: the ladder arm, or everything where there is none.

    The free arm never climbs: it exists to measure and to be learned from.
    """
    return [line for line in lines if line.arm == "ladder"] or list(lines)


def scored(lines: Iterable[Line]) -> list[tuple[Line, Score]]:
    """The lines that have a score, with it."""
    return [(line, line.score) for line in lines if line.score]


def line_figures(lines: Sequence[Line]) -> LineFigures:
    """The figures of a day's rollouts."""
    out, everything = scored(delivered(lines)), scored(lines)
    return LineFigures(
        delivered=len(out),
        final_validity=mean_or_none(score.valid for _, score in out),
        abstained=mean_or_none(score.verdict == "abstained" for _, score in out),
        form_score=mean_or_none(score.form_score for _, score in everything),
        decoding=decoding(delivered(lines)),
        signs=Signs(**{sign: mean_or_none(sign in score.signs for _, score in everything) for sign in SIGNS}),
        valid_lines=valid_lines(lines),
    )


def decoding(lines: Sequence[Line]) -> Decoding:
    """What lines cost; nothing is known of those whose tokens were not counted (an import's)."""
    sampled = sum(line.sampled_tokens for line in lines)
    if not sampled:
        return NO_DECODING
    calls, valid = sum(line.attempts for line in lines), sum(score.valid for _, score in scored(lines))
    failed = sum(max(line.sampled_tokens - line.tokens, 0) for line in lines)
    return Decoding(
        calls_per_rollout=calls / len(lines),
        tokens_per_rollout=sampled / len(lines),
        calls_per_valid=calls / valid if valid else None,
        tokens_per_valid=sampled / valid if valid else None,
        failed_tokens=failed,
        failed_share=failed / sampled,
    )


def valid_lines(lines: Sequence[Line]) -> ValidLines:
    """What the valid ones among lines are like."""
    valid = [(line, score) for line, score in scored(lines) if score.valid]
    groups = by_group(line for line, _ in valid)
    texts = [[line.text for line in group] for group in groups.values()]
    return ValidLines(
        count=len(valid),
        composite=mean_or_none(score.composite for _, score in valid),
        trade_thinking=mean_or_none(score.trade_thinking for _, score in valid),
        leak=mean_or_none(score.leak for _, score in valid),
        distinct_1=mean_distinct(texts, 1),
        distinct_2=mean_distinct(texts, 2),
        duplicates=duplicate_share(texts),
        restated=mean_or_none("restated" in score.signs for _, score in valid),
        grounding=mean_or_none(score.grounding for _, score in valid),
    )


def by_group(
    lines: Iterable[Line], key: Callable[[Line], Hashable] = lambda line: line.group
) -> dict[Hashable, list[Line]]:
    """Lines by group, or by another key, each in its order."""
    found: dict[Hashable, list[Line]] = defaultdict(list)
    for line in lines:
        found[key(line)].append(line)
    return found
