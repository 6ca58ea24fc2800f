"""The use case: a chunk of groups in, their evaluations out."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from services.evaluator.context import Context, Job, Tools
from services.evaluator.embeddings.grounding import groundings
from services.evaluator.embeddings.model import Cached
from services.evaluator.embeddings.similarity import NOTHING, similarities
from services.evaluator.rankers import Pool, Ranker, make_ranker
from services.evaluator.records import Likeness, evaluations, rewards_semantic
from services.evaluator.text.leak import leak_list
from services.evaluator.text.parsing import Reader
from shared.errors import InvalidInputError
from shared.wire import EvaluateResult, EvaluateTask, EvaluationRecord, GroupToScore
from shared.worker.steps import Lease

log = logging.getLogger(__name__)


def pool_of(group: GroupToScore, job: Job) -> Pool:
    """The texts of a group and of its reference, read; and the outcomes that they are held against."""
    reader = Reader(group, job)
    outcomes = job.outcomes if group.outcomes is None else group.outcomes
    readings = reader.read(rollout.text for rollout in group.rollouts)
    return Pool(group, readings, reader.read(group.reference), outcomes)


def _semantic(pool: Pool, context: Context) -> list[float]:
    """The semantic scores of a group for a reward that wants them where the ranker does not compute them."""
    if not pool.outcomes:
        raise InvalidInputError("reward_base: semantic needs the headlines of the outcome day, and there are none")
    claims = [reading.claim for reading in pool.readings]
    known = similarities(context.tools.embedder, pool.group.headline, claims, pool.outcomes)
    return [known.get(claim, NOTHING).semantic for claim in claims]


def score_group(group: GroupToScore, ranker: Ranker, context: Context) -> list[EvaluationRecord]:
    """The evaluations of one group, in the order of its rollouts."""
    pool = pool_of(group, context.job)
    standing = ranker.rank(pool)
    semantic = standing.semantic
    if semantic is None and rewards_semantic(context.job.config):
        semantic = _semantic(pool, context)
    peers = context.job.peers if group.peers is None else group.peers
    subjects = [reading.subject for reading in pool.readings]
    grounding = groundings(context.tools.embedder, group.headline, subjects, peers)
    return evaluations(pool, standing, Likeness(semantic, grounding), context.job)


def _settled(records: Sequence[EvaluationRecord]) -> dict[str, float]:
    settled = sum(record.settlement is not None for record in records)
    return {"settled": settled, "unsettled": len(records) - settled}


def score_groups(groups: Sequence[GroupToScore], job: Job, tools: Tools) -> EvaluateResult:
    """Score groups. `job.between` is called before each group, and between questions to a model."""
    started = time.monotonic()
    context = Context(replace(tools, embedder=Cached(tools.embedder)), job)
    ranker = make_ranker(job.config.ranker, context)
    records: list[EvaluationRecord] = []
    for group in groups:
        job.between()
        records += score_group(group, ranker, context)
    return EvaluateResult(
        evaluations=records,
        ranker=job.config.ranker,
        leak_list=leak_list(job.config.preset),
        seconds=time.monotonic() - started,
        figures=ranker.figures() | (_settled(records) if job.prices else {}),
    )


def evaluate(task: EvaluateTask, lease: Lease, tools: Tools) -> EvaluateResult:
    """Do an evaluate step. Raises StoppedError between groups if the coordinator wants no result."""
    job = Job(task.config, task.outcomes, task.bonus, task.prices, task.date, lease.check, task.peers)
    result = score_groups(task.groups, job, tools)
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
