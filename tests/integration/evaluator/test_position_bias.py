"""The semantic ranker with the real embedding model favours no position."""

from __future__ import annotations

import os
import random
from itertools import product
from statistics import fmean

from services.coordinator.reports.figures.position_bias import spearman
from services.evaluator.dependencies import Dependencies
from services.evaluator.embeddings.model import Cached, MiniLm
from services.evaluator.inputs import ScoringInputs
from services.evaluator.rankers import make_ranker
from services.evaluator.service import pool_of
from shared.run_config import RunConfig
from shared.wire import GroupToScore, RolloutToScore

GROUPS = 100
"""Each is ranked in a random order and in the reverse of it, so that chance adds nothing to the mean."""
SUBJECTS = ["The dollar", "Copper", "Airline stocks", "The 10-year yield", "Chip makers", "Bank shares", "Wheat", "KHC"]
MOVES = ["falls at least 2% by Friday", "rises above its August high", "is upgraded by a broker",
         "rallies on hopes of a rate cut", "slips as traders take profit", "waits for the payrolls report"]  # fmt: skip
HEADLINES = ["Central bank meets with a cut in doubt", "Copper mine reopens after strike", "Chip maker lifts guidance"]
OUTCOMES = ["Stocks rally as the key rate is lowered", "Copper falls to a three-month low", "Airline orders forty jets",
            "Chip stocks slip from their record", "Harvest worries lift wheat prices"]  # fmt: skip


def made_groups() -> list[GroupToScore]:
    generator = random.Random(11)  # noqa: S311
    claims = [f"{subject} {move}" for subject, move in product(SUBJECTS, MOVES)]
    groups = []
    for number in range(GROUPS):
        texts, headline = generator.sample(claims, 8), generator.choice(HEADLINES)
        for order in (texts, texts[::-1]):
            rollouts = [RolloutToScore(rollout_id=i, text=text) for i, text in enumerate(order)]
            groups.append(GroupToScore(group_id=number, headline=headline, prompt_text="", rollouts=rollouts))
    return groups


def test_over_a_hundred_groups_rank_and_position_do_not_correlate() -> None:
    inputs = ScoringInputs(RunConfig.model_validate({}), OUTCOMES, bonus=0.1)
    ranker = make_ranker("semantic", Dependencies(Cached(MiniLm(os.environ.get("MORROW_EMBEDDER", "")))), inputs)
    rankings = [ranker.rank(pool_of(group, inputs)) for group in made_groups()]
    found = [rho for ranking in rankings if (rho := spearman(ranking.ranks, range(8))) is not None]
    assert len(found) >= GROUPS
    assert abs(fmean(found)) <= 0.05
    assert max(map(abs, found)) > 0.3  # each group for itself has an order
