"""The ranker `judge`: a model chooses, pair by pair, the forecast that the news bears out better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.evaluator.dependencies import Dependencies
from services.evaluator.inputs import ScoringInputs
from services.evaluator.rankers.base import Pool, Ranker, Ranking, ranking_by
from services.evaluator.rankers.judge_prompts import question, sampled_pairs
from services.evaluator.scoring import balanced_win
from shared.errors import InvalidInputError

REGULARIZATION: Final = 0.01
"""Rate that connects all texts in the fit, so that one that won or lost every pair has a finite strength."""
_MAX_ROUNDS: Final = 1_000


class JudgeRanker(Ranker):
    """Ranks by Bradley–Terry strengths, fitted to the win shares that a model gives in both orders of each pair.

    Texts with the same claim tie, and texts without a claim of their own lose; neither costs a question.
    """

    def __init__(self, dependencies: Dependencies, inputs: ScoringInputs) -> None:
        """Raises InvalidInputError without an engine."""
        if dependencies.engine is None:
            raise InvalidInputError("ranker: judge asks a model; set MORROW_ENGINE_URL to an engine that serves it")
        self._engine, self._inputs = dependencies.engine, inputs
        self._first: list[float] = []

    def rank(self, pool: Pool) -> Ranking:
        """Raises InvalidInputError without outcomes, or where a question does not fit the model's context."""
        if not pool.outcomes:
            raise InvalidInputError("outcomes: none given; the ranker judge needs headlines of the outcome day")
        claims = sorted({parsed.claim for parsed in pool.everyone if parsed.claim})
        strength_of = dict(zip(claims, self._strengths(claims, pool.outcomes), strict=True))
        return ranking_by(pool, [(strength_of.get(parsed.claim, 0.0),) for parsed in pool.everyone])

    def figures(self) -> dict[str, float]:
        """The number of questions, and the mean probability of the first option: .5 without position bias."""
        questions = len(self._first)
        if not questions:
            return {"comparisons": 0}
        return {"comparisons": questions, "first_option": sum(self._first) / questions}

    def _strengths(self, claims: Sequence[str], outcomes: Sequence[str]) -> list[float]:
        pairs = sampled_pairs(claims, self._inputs.config.judge_pairs, self._inputs.config.seed)
        orders = [order for i, j in pairs for order in ((i, j), (j, i))]
        prompts = [question(outcomes, claims[i], claims[j]) for i, j in orders]
        first = self._engine.first_letter(prompts, self._inputs.between)
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
    fitted = choix.ilsr_pairwise_dense(matrix, alpha=REGULARIZATION, max_iter=_MAX_ROUNDS)
    return [round(float(strength), 6) for strength in fitted]
