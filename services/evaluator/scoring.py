"""The formulas of a score.

Pure. Source of each: docs/scoring.md, "Scores of one rollout" and "Reward".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from shared.run_config import BonusFor, Gate, RunConfig
from shared.wire import Sign, Verdict

RANK_WEIGHT = 0.7
TRADE_WEIGHT = 0.3
Key = tuple[float, ...]
"""Texts are ranked by their keys: compared from the first number on, higher is better; the empty key is below all."""


class _Ordered(Protocol):
    def __gt__(self, other: Any, /) -> bool: ...


K = TypeVar("K", bound=_Ordered)


def validity(valid: bool) -> float:
    """1 for a strict or normalised line, else 0."""
    return 1.0 if valid else 0.0


def semantic_score(claim: float, headline: float) -> float:
    """How much nearer a claim is to the outcomes than its headline was: max(0, claim − max(0, headline)), in [0, 1].

    Both arguments are best cosines with the outcome headlines, in [−1, 1]. A headline that is opposite to all outcomes
    does not raise the score. Rounded to 6 decimals, so that equal claims tie whatever batch they were embedded in.
    """
    return round(min(1.0, max(0.0, claim - max(0.0, headline))), 6)


def beyond_headline(relevance: float, residual: float) -> float:
    """The similarity of a claim to the outcomes beyond its headline: √max(0, relevance) · max(0, residual), in [0, 1].

    With unit vectors c of the claim, h of the headline and o of the outcomes, relevance is c·h and residual the
    highest r·o of r = c − (c·h)h, the part of the claim orthogonal to its headline. A restated headline has r ≈ 0,
    a text on something else relevance ≈ 0. Rounded to 6 decimals, as semantic_score is.
    """
    return round(math.sqrt(min(1.0, max(0.0, relevance))) * min(1.0, max(0.0, residual)), 6)


def balanced_win(first: float, second: float) -> float:
    """The win share, in [0, 1], of a text that is chosen with probability `first` where it is the first option.

    `second` is the probability that the other is chosen where that one is first: a bias for the first option adds to
    both and cancels.
    """
    return 0.5 + (first - second) / 2


def tied(texts: Sequence[str], keys: Sequence[Key]) -> list[Key]:
    """The keys, but identical texts (surrounding space aside) share one: number by number the mean of theirs."""
    same: dict[str, list[Key]] = {}
    for text, key in zip(texts, keys, strict=True):
        same.setdefault(text.strip(), []).append(key)
    value = {
        text: of[0] if len(set(of)) == 1 else tuple(sum(sorted(n)) / len(of) for n in zip(*of, strict=True))
        for text, of in same.items()
    }
    return [value[text.strip()] for text in texts]


def places(scores: Sequence[K]) -> list[float]:
    """Average ranks from 1 (the highest score) to n; ties share the mean of their places.

    A score that `a` others beat and that `t` share, itself included, has place a + (t + 1) / 2.
    """
    # not scipy.stats.rankdata: keys are tuples, compared number by number, and it ranks numbers only
    return [
        sum(other > score for other in scores) + (sum(other == score for other in scores) + 1) / 2 for score in scores
    ]


def win_share(score: K, others: Sequence[K]) -> float:
    """The share of the others, at least one, that are below the score, ties counting half; in [0, 1].

    Among the rest of a group this is the normalized score of the place in the group.
    """
    return (sum(score > other for other in others) + sum(score == other for other in others) / 2) / len(others)


def normalized_score(rank: float, n: int) -> float:
    """1 − (rank − 1)/(n − 1), in [0, 1] for ranks in [1, n]. A rollout alone in its group has .5, as any tie of all."""
    return 1 - (rank - 1) / (n - 1) if n > 1 else 0.5


def outcome_score(normalized: float) -> float:
    """The normalised score on the scale [0, 10]."""
    return 10 * normalized


def resolved_score(brier: float | None) -> float:
    """1 − Brier, in [0, 1]; 0 for a claim that could not be settled (None)."""
    return 0.0 if brier is None else 1 - brier


def composite(normalized: float, trade: float) -> float:
    """normalized^0.7 × trade_thinking^0.3, in [0, 1] for arguments in [0, 1]; 0 if either is."""
    return float(normalized**RANK_WEIGHT * trade**TRADE_WEIGHT)


def earns_bonus(verdict: Verdict, bonus_for: BonusFor) -> bool:
    """Whether a text gets the bonus: for `strict` lines, or for `valid` ones, which include normalised near misses."""
    return verdict == "strict" or (bonus_for == "valid" and verdict == "normalized")


def gate(kind: Gate, verdict: Verdict, signs: Sequence[Sign], grounding: float | None) -> float:
    """The factor of a reward's base, in [0, 1].

    `validity` is 0 for an invalid rollout; `sound` is 0 also for one with a sign of degeneration other than duplicate,
    since identical texts are worth the same. `grounded` is that times max(0, 2 · grounding − 1): 0 for a line that fits
    any headline of its day, 1 for one that fits its own best. Without a grounding it is `sound`.
    """
    valid = verdict in {"strict", "normalized"}
    degenerate = any(sign != "duplicate" for sign in signs)
    closed = {"off": False, "validity": not valid}.get(kind, not valid or degenerate)
    if closed:
        return 0.0
    return max(0.0, 2 * grounding - 1) if kind == "grounded" and grounding is not None else 1.0


def reward(
    base: float,
    verdict: Verdict,
    signs: Sequence[Sign],
    config: RunConfig,
    bonus: float,
    grounding: float | None = None,
) -> float:
    """gate · base + bonus · form, in [0, 1 + bonus]; form is 1 for a text that `earns_bonus`, else 0."""
    return gate(config.gate, verdict, signs, grounding) * base + (
        bonus if earns_bonus(verdict, config.bonus_for) else 0.0
    )


def weighted_mean(values: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The mean of the weighted values, in [0, 1] for values in [0, 1]; the weights are ≥ 0, at least one above 0."""
    return sum(values[name] * weight for name, weight in weights.items()) / sum(weights.values())
