"""The formulas of a score.

Source of each: docs/scoring.md, "Scores of one rollout" and "Reward".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

RANK_WEIGHT = 0.7
TRADE_WEIGHT = 0.3


def validity(valid: bool) -> float:
    """1 for a strict or normalised line, else 0."""
    return 1.0 if valid else 0.0


def semantic_score(claim: float, headline: float) -> float:
    """How much nearer a claim is to the outcomes than its headline was: max(0, claim − max(0, headline)), in [0, 1].

    Both arguments are best cosines with the outcome headlines, in [−1, 1]. A headline that is opposite to all outcomes
    does not raise the score. Rounded to 6 decimals, so that equal claims tie whatever batch they were embedded in.
    """
    return round(min(1.0, max(0.0, claim - max(0.0, headline))), 6)


def tied(texts: Sequence[str], scores: Sequence[float]) -> list[float]:
    """Scores in which identical texts (surrounding space aside) have the same value: the mean of theirs."""
    same: dict[str, list[float]] = {}
    for text, score in zip(texts, scores, strict=True):
        same.setdefault(text.strip(), []).append(score)
    value = {text: s[0] if len(set(s)) == 1 else sum(sorted(s)) / len(s) for text, s in same.items()}
    return [value[text.strip()] for text in texts]


def places(scores: Sequence[float]) -> list[float]:
    """Places from 1 (the highest score) to n; ties share the mean of their places.

    A score that `a` others beat and that `t` share, itself included, has place a + (t + 1) / 2.
    """
    return [
        sum(other > score for other in scores) + (sum(other == score for other in scores) + 1) / 2 for score in scores
    ]


def normalized_score(rank: float, n: int) -> float:
    """1 − (rank − 1)/(n − 1), in [0, 1] for ranks in [1, n]. A rollout alone in its group has .5, as any tie of all."""
    return 1 - (rank - 1) / (n - 1) if n > 1 else 0.5


def outcome_score(normalized: float) -> float:
    """The normalised score on the scale [0, 10]."""
    return 10 * normalized


def composite(normalized: float, trade: float) -> float:
    """normalized^0.7 × trade_thinking^0.3, in [0, 1] for arguments in [0, 1]; 0 if either is."""
    return float(normalized**RANK_WEIGHT * trade**TRADE_WEIGHT)


def reward(base: float, valid: bool, gate: Literal["validity", "off"], bonus: float) -> float:
    """gate · base + bonus · validity, in [0, 1 + bonus]; the gate `validity` is 0 for an invalid rollout."""
    opened = 1.0 if gate == "off" else validity(valid)
    return opened * base + bonus * validity(valid)
