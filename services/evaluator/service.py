"""Scores a chunk of groups: parses, ranks and evaluates each."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from services.evaluator.dependencies import Dependencies
from services.evaluator.embeddings.grounding import groundings
from services.evaluator.embeddings.model import Cached, Embedder
from services.evaluator.embeddings.similarity import NOTHING, similarities
from services.evaluator.inputs import ScoringInputs
from services.evaluator.rankers import Pool, Ranker, make_ranker
from services.evaluator.records import EmbeddingScores, evaluations, rewards_semantic
from services.evaluator.text.leak import leak_list
from services.evaluator.text.parsing import TextParser
from shared.errors import InvalidInputError
from shared.wire import EvaluateResult, EvaluateTask, EvaluationRecord, GroupToScore
from shared.worker.steps import Lease

log = logging.getLogger(__name__)


def pool_of(group: GroupToScore, inputs: ScoringInputs) -> Pool:
    """The parsed texts of a group and of its reference, and the outcomes that they are compared with.

    Raises UnavailableError if closes that a claim is settled against are missing.
    """
    parser = TextParser(group, inputs)
    outcomes = inputs.outcomes if group.outcomes is None else group.outcomes
    parsed = parser.parse(rollout.text for rollout in group.rollouts)
    return Pool(group, parsed, parser.parse(group.reference), outcomes)


def _semantic(pool: Pool, embedder: Embedder) -> list[float]:
    """The semantic scores of a group, for a reward that needs them where the ranker does not compute them."""
    if not pool.outcomes:
        raise InvalidInputError("reward_base: semantic needs the headlines of the outcome day, and there are none")
    claims = [parsed.claim for parsed in pool.texts]
    similarity_of = similarities(embedder, pool.group.headline, claims, pool.outcomes)
    return [similarity_of.get(claim, NOTHING).semantic for claim in claims]


def score_group(
    group: GroupToScore, ranker: Ranker, embedder: Embedder, inputs: ScoringInputs
) -> list[EvaluationRecord]:
    """The evaluations of one group, in the order of its rollouts.

    Raises InvalidInputError where the ranker or the reward needs outcomes and there are none.
    """
    pool = pool_of(group, inputs)
    ranking = ranker.rank(pool)
    semantic = ranking.semantic
    if semantic is None and rewards_semantic(inputs.config):
        semantic = _semantic(pool, embedder)
    peers = inputs.peers if group.peers is None else group.peers
    subjects = [parsed.subject for parsed in pool.texts]
    grounding = groundings(embedder, group.headline, subjects, peers)
    return evaluations(pool, ranking, EmbeddingScores(semantic, grounding), inputs)


def _settled(records: Sequence[EvaluationRecord]) -> dict[str, float]:
    settled = sum(record.settlement is not None for record in records)
    return {"settled": settled, "unsettled": len(records) - settled}


def score_groups(groups: Sequence[GroupToScore], inputs: ScoringInputs, dependencies: Dependencies) -> EvaluateResult:
    """Score groups. `inputs.between` is called before each group, and between questions to a model."""
    started = time.monotonic()
    # one cache for the task: groups share outcomes and peers, and the ranker embeds the same claims again
    embedder = Cached(dependencies.embedder)
    ranker = make_ranker(inputs.config.ranker, replace(dependencies, embedder=embedder), inputs)
    records: list[EvaluationRecord] = []
    for group in groups:
        inputs.between()
        records += score_group(group, ranker, embedder, inputs)
    return EvaluateResult(
        evaluations=records,
        ranker=inputs.config.ranker,
        leak_list=leak_list(inputs.config.preset),
        seconds=time.monotonic() - started,
        figures=ranker.figures() | (_settled(records) if inputs.prices else {}),
    )


def evaluate(task: EvaluateTask, lease: Lease, dependencies: Dependencies) -> EvaluateResult:
    """Do an evaluate step. Raises StoppedError, between groups, once the lease is revoked."""
    inputs = ScoringInputs(task.config, task.outcomes, task.bonus, task.prices, task.date, lease.check, task.peers)
    result = score_groups(task.groups, inputs, dependencies)
    scored = result.evaluations
    log.info(
        "scored %d rollouts of %d groups against %d outcomes of %s by %s in %.1f s: composite %.4f, reward %.4f%s",
        len(scored),
        len(task.groups),
        len(task.outcomes),
        task.outcome_date,
        result.ranker,
        result.seconds,
        fmean(r.composite for r in scored) if scored else 0.0,
        fmean(r.reward for r in scored) if scored else 0.0,
        "".join(f", {name} {value:g}" for name, value in result.figures.items()),
    )
    return result
