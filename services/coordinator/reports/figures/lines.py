"""A day's figures from its single rollouts: validity, decoding cost, degeneration and diversity. Pure.

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
"""The signs of a degenerate text, as shared.wire.Sign names them."""


@dataclass(frozen=True)
class Score:
    """The evaluation of a rollout; the names are those of shared.wire.EvaluationRecord."""

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
    """A rollout as a report reads it. `tokens` counts the tokens of its final text, `sampled_tokens` those of all
    attempts; `headline` is the id of its headline, the same on every day of a panel (None for an import)."""

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
    """The decoding cost of the delivered lines. A call is an attempt at one rollout.

    Per valid line: the calls or tokens of all delivered lines over the number of valid ones among them.
    `failed_tokens` were sampled and discarded: those of rejected attempts, and of candidates that best of N did not
    choose; `failed_share` is their share of the sampled tokens.
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
    """Scores and diversity of the valid lines, whatever their arm; `duplicates` and distinct-n are within groups."""

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
    """The figures of a day that need its single rollouts. `delivered` counts delivered rollouts that are scored."""

    delivered: int = 0
    final_validity: float | None = None
    abstained: float | None = None
    form_score: float | None = None
    decoding: Decoding = NO_DECODING
    signs: Signs = NO_SIGNS
    valid_lines: ValidLines = NO_LINES


def delivered(lines: Sequence[Line]) -> list[Line]:
    """The lines that the system delivers: the ladder arm, or all lines where there is no ladder arm."""
    # The free arm never climbs the ladder: it is there for measurement and training.
    return [line for line in lines if line.arm == "ladder"] or list(lines)


def scored(lines: Iterable[Line]) -> list[tuple[Line, Score]]:
    """The lines that have a score, with it."""
    return [(line, line.score) for line in lines if line.score]


def line_figures(lines: Sequence[Line]) -> LineFigures:
    """The figures of a day's rollouts."""
    of_delivered, of_all = scored(delivered(lines)), scored(lines)
    return LineFigures(
        delivered=len(of_delivered),
        final_validity=mean_or_none(score.valid for _, score in of_delivered),
        abstained=mean_or_none(score.verdict == "abstained" for _, score in of_delivered),
        form_score=mean_or_none(score.form_score for _, score in of_all),
        decoding=decoding(delivered(lines)),
        signs=Signs(**{sign: mean_or_none(sign in score.signs for _, score in of_all) for sign in SIGNS}),
        valid_lines=valid_lines(lines),
    )


def decoding(lines: Sequence[Line]) -> Decoding:
    """The decoding cost of lines; all None if their tokens were not counted (an import's)."""
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
    """Scores and diversity of the valid ones among lines."""
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
    groups: dict[Hashable, list[Line]] = defaultdict(list)
    for line in lines:
        groups[key(line)].append(line)
    return groups
