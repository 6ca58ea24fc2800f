"""The judge's order balance cancels what its first letter draws, measured as the report measures it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from statistics import fmean

from services.coordinator.reports.figures.position_bias import spearman
from services.evaluator.dependencies import Dependencies
from services.evaluator.rankers import make_ranker
from services.evaluator.service import pool_of
from tests.unit.evaluator.group_texts import LeaningEngine, WordEmbedder, group, inputs

GROUPS = 100
"""Each is ranked in a random order and in the reverse of it, so that chance adds nothing to the mean."""
WORDS = ["rivals", "profit", "shares", "weather", "fall", "climb", "miss", "beat", "merge", "hire", "sell", "wait"]


def made_groups(seed: int, size: int) -> list[list[str]]:
    """Groups of forecasts of four words each; one in ten repeats another of its group."""
    generator = random.Random(seed)  # noqa: S311
    groups = []
    for _ in range(GROUPS):
        texts = [" ".join(generator.sample(WORDS, 4)) for _ in range(size)]
        if generator.random() < 0.1:
            texts[-1] = texts[0]
        groups += [texts, texts[::-1]]
    return groups


def bias(ranks: Callable[[Sequence[str]], Sequence[float]], groups: Sequence[Sequence[str]]) -> float:
    """The mean of Spearman's correlation of rank and position."""
    correlations = [spearman(ranks(texts), range(len(texts))) for texts in groups]
    assert len(correlations) >= GROUPS
    return fmean(rho for rho in correlations if rho is not None)


def test_judge_with_letter_bias_favours_no_position() -> None:
    engine = LeaningEngine(prior=3.0)
    of = inputs(ranker="judge", judge_pairs=10)
    ranker = make_ranker("judge", Dependencies(WordEmbedder(), engine), of)
    mean = bias(lambda texts: ranker.rank(pool_of(group(*texts), of)).ranks, made_groups(seed=4, size=6))
    assert abs(mean) <= 0.05
    assert ranker.figures()["first_option"] > 0.85


def test_position_bias_shows_for_a_judge_asked_in_one_order_only() -> None:
    engine = LeaningEngine(prior=3.0)

    def lazy(texts: Sequence[str]) -> list[float]:
        wins = [0.0] * len(texts)
        for i, first in enumerate(texts):
            for j, second in enumerate(texts[i + 1 :], i + 1):
                share = engine.merit(first) - engine.merit(second) + engine.prior > 0
                wins[i if share else j] += 1
        return [-count for count in wins]

    assert bias(lazy, made_groups(seed=4, size=6)) > 0.3
