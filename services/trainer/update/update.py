"""One day's update: from the parent's weights and scored groups to a checkpoint's files and figures."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from transformers.utils.logging import disable_progress_bar

from services.trainer.batch.rules import Batch
from services.trainer.job import UpdateRequest
from services.trainer.objectives.base import Learner
from services.trainer.objectives.registry import OBJECTIVES
from services.trainer.objectives.trl import Objective
from services.trainer.update.base import BaseModels
from services.trainer.update.model import device_of, load_policy, load_tokenizer, save_policy
from services.trainer.update.optimizer import carry_optimizer, load_optimizer, save_optimizer
from services.trainer.update.stats import make_stats
from shared.compute import Turn, turn_at
from shared.errors import InvalidInputError
from shared.wire import TrainStats

log = logging.getLogger(__name__)
STATS = "training.json"


def update(request: UpdateRequest, bases: BaseModels, started: float) -> TrainStats:
    """Make the update of a request and write the checkpoint's files into its staging folder.

    `started` is the perf_counter at the request's arrival, in seconds. A day without a group to learn from keeps the
    parent's weights, or publishes a fresh adapter that changes nothing. Raises InvalidInputError for groups that no
    update can be made of and for figures that are not finite, CheckpointCorruptError for an optimizer state that does
    not fit.
    """
    task, device = request.task, device_of(request.device)
    disable_progress_bar()
    objective = OBJECTIVES[task.objective]
    batch = objective.make_batch(task)
    log.info("%s: %d groups, %d left out, %d answer tokens", task.objective, batch.groups, batch.dropped, batch.tokens)
    learner = Learner(request, load_policy(request, device, bases), load_tokenizer(request), device)
    _check_tokens(request, learner.model)
    turn = turn_at(request.compute_lock if device.type == "cpu" else "")
    with taking_turns(learner.model, turn):
        steps, own = _train(learner, objective, batch)
    stats = make_stats(task, batch, steps, own, time.perf_counter() - started)
    save_policy(learner.model, learner.tokenizer, request.staged, task.config)
    _write_stats(request, stats)
    return stats.model_copy(update={"seconds": time.perf_counter() - started})


@contextmanager
def taking_turns(model: Any, turn: Turn) -> Iterator[None]:
    """Hold the turn from each forward pass of the model on; at each, a process that waits goes first."""
    # Every layout and objective begins a pass with the embeddings, and calls the model's parts by themselves.
    handle = model.get_input_embeddings().register_forward_pre_hook(lambda *_: turn.hold())
    try:
        yield
    finally:
        handle.remove()
        turn.release()


def _train(
    learner: Learner, objective: type[Objective], batch: Batch
) -> tuple[Sequence[Mapping[str, float]], Mapping[str, float]]:
    """TRL's log of each optimizer step and the objective's own figures; the optimizer's state is saved on the way."""
    request, model = learner.request, learner.model
    if not batch.minibatches:
        if request.parent:
            carry_optimizer(request.parent, request.staged)
        return [], objective.idle_figures
    trainer = objective.of(learner, batch)
    trainer.create_optimizer()
    if request.parent:
        load_optimizer(trainer.optimizer, model, request.parent, request.task.objective)
    trainer.train()
    save_optimizer(trainer.optimizer, model, request.staged, request.task.objective)
    return trainer.steps, trainer.figures()


def _check_tokens(request: UpdateRequest, model: Any) -> None:
    vocabulary = model.get_input_embeddings().num_embeddings
    for group in request.task.groups:
        highest = max(group.prompt_token_ids + [token for rollout in group.rollouts for token in rollout.token_ids])
        if highest >= vocabulary:
            raise InvalidInputError(
                f"group {group.group_id}: token {highest} is not in the vocabulary of {request.task.config.base_model} "
                f"({vocabulary} tokens); sample with the base model that is trained"
            )


def _write_stats(request: UpdateRequest, stats: TrainStats) -> None:
    """Write the figures beside the weights, without the seconds: equal updates must be equal files."""
    (request.staged / STATS).write_text(stats.model_dump_json(indent=1, exclude={"seconds"}), "utf8")
