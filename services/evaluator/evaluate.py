"""The use case: a chunk of groups in, their evaluations out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from statistics import fmean

from services.evaluator.embedder import Cached, Embedder
from services.evaluator.leak import leak_list
from services.evaluator.ranking import make_ranker
from services.evaluator.records import evaluations, read_group
from shared.run_config import RunConfig
from shared.wire import EvaluateResult, EvaluateTask, EvaluationRecord, GroupToScore
from shared.work import Lease

log = logging.getLogger(__name__)


def score_groups(
    groups: Sequence[GroupToScore],
    outcomes: Sequence[str],
    config: RunConfig,
    embedder: Embedder,
    between: Callable[[], None] = lambda: None,
) -> EvaluateResult:
    """Score groups against the outcome headlines. `between` is called before each group and may raise to stop."""
    started = time.monotonic()
    ranker = make_ranker(config.ranker, Cached(embedder))
    records: list[EvaluationRecord] = []
    for group in groups:
        between()
        readings = read_group(group, config)
        records += evaluations(readings, ranker.rank(group, readings, outcomes), config)
    return EvaluateResult(
        evaluations=records,
        ranker=config.ranker,
        leak_list=leak_list(config.preset),
        seconds=time.monotonic() - started,
    )


def evaluate(task: EvaluateTask, lease: Lease, embedder: Embedder) -> EvaluateResult:
    """Do an evaluate step. Raises StoppedError between groups if the coordinator wants no result."""
    result = score_groups(task.groups, task.outcomes, task.config, embedder, lease.check)
    scored = result.evaluations
    log.info(
        "scored %d rollouts of %d groups against %d outcomes of %s by %s in %.1f s: composite %.4f, reward %.4f",
        len(scored),
        len(task.groups),
        len(task.outcomes),
        task.outcome_date,
        result.ranker,
        result.seconds,
        fmean(r.composite for r in scored) if scored else 0.0,
        fmean(r.reward for r in scored) if scored else 0.0,
    )
    return result
