"""By a model that is asked, pair by pair, which forecast the news bears out better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.evaluator.context import Context
from services.evaluator.rankers.base import Pool, Standing, standing_by
from services.evaluator.rankers.judge_prompts import drawn_pairs, question
from services.evaluator.scoring import balanced_win
from shared.errors import InvalidInputError

REGULARIZATION: Final = 0.01
"""Rate that joins all texts in the fit, so that one that won or lost everything still has a finite strength."""
_MOST_ROUNDS: Final = 1_000


class JudgeRanker:
    """Orders by Bradley–Terry strengths, fitted to the shares of wins that a model gives in both orders of each pair.

    Texts that make the same claim are one: they tie without being asked about. Those without a claim of their own lose
    without being asked about.
    """

    def __init__(self, context: Context) -> None:
        """Raises InvalidInputError without an engine."""
        if context.tools.engine is None:
            raise InvalidInputError("ranker: judge asks a model; set MORROW_ENGINE_URL to an engine that serves it")
        self._engine, self._job = context.tools.engine, context.job
        self._first: list[float] = []

    def rank(self, pool: Pool) -> Standing:
        """Raises InvalidInputError without outcomes, or where a question does not fit the model's context."""
        if not pool.outcomes:
            raise InvalidInputError("outcomes: none given; the ranker judge needs headlines of the outcome day")
        claims = sorted({reading.claim for reading in pool.everyone if reading.claim})
        known = dict(zip(claims, self._strengths(claims, pool.outcomes), strict=True))
        return standing_by(pool, [(known.get(reading.claim, 0.0),) for reading in pool.everyone])

    def figures(self) -> dict[str, float]:
        """How many questions were asked, and the mean probability of what stood first: .5 without a prior for it."""
        asked = len(self._first)
        return {"comparisons": asked, "first_option": sum(self._first) / asked} if asked else {"comparisons": 0}

    def _strengths(self, claims: Sequence[str], outcomes: Sequence[str]) -> list[float]:
        pairs = drawn_pairs(claims, self._job.config.judge_pairs, self._job.config.seed)
        orders = [order for i, j in pairs for order in ((i, j), (j, i))]
        prompts = [question(outcomes, claims[i], claims[j]) for i, j in orders]
        first = self._engine.first_letter(prompts, self._job.between)
        self._first += first
        wins = [balanced_win(one, other) for one, other in zip(first[::2], first[1::2], strict=True)]
        return strengths(len(claims), pairs, wins)


def strengths(n: int, pairs: Sequence[tuple[int, int]], wins: Sequence[float]) -> list[float]:
    """Bradley–Terry log-strengths of n texts, rounded to 6 decimals: P(i beats j) = 1 / (1 + exp(s_j − s_i)).

    `wins` has for each pair (i, j) the share in [0, 1] that i won of it. Fitted by choix (iterative Luce spectral
    ranking, Maystre & Grossglauser 2015), regularised by REGULARIZATION.
    """
    # Imported here: choix loads scipy, which only this ranker needs.
    import choix
    import numpy as np

    matrix = np.zeros((n, n))
    for (i, j), win in zip(pairs, wins, strict=True):
        matrix[i, j], matrix[j, i] = win, 1 - win
    if not pairs:
        return [0.0] * n
    fitted = choix.ilsr_pairwise_dense(matrix, alpha=REGULARIZATION, max_iter=_MOST_ROUNDS)
    return [round(float(strength), 6) for strength in fitted]
