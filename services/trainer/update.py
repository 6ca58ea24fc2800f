"""One day's update: parent's weights and scored groups in, a checkpoint's files and figures out."""

from __future__ import annotations

import logging
import time
from typing import Any

import torch
from transformers.utils.logging import disable_progress_bar

from services.trainer.batch import Batch, into_packs, make_batch
from services.trainer.gspo import GspoTrainer, gspo_config
from services.trainer.job import Job
from services.trainer.optimizer_state import carry_optimizer, load_optimizer, save_optimizer
from services.trainer.packs import Pack, make_pack
from services.trainer.policy import device_of, load_policy, load_tokenizer, save_policy
from services.trainer.scored import ScoredPack, score_pack
from services.trainer.stats import make_stats
from shared.errors import InvalidInputError
from shared.wire import TrainStats

log = logging.getLogger(__name__)
STATS = "training.json"


def update(job: Job, started: float) -> TrainStats:
    """Make the update of a job and leave the checkpoint's files in its staging folder.

    `started` is where the seconds count from, on the perf_counter.

    A day without a group to learn from keeps the parent's weights, or is a fresh adapter that changes nothing.
    """
    task, device = job.task, device_of(job.device)
    torch.set_num_threads(job.threads)
    disable_progress_bar()
    batch = make_batch(task.groups, task.config.minibatches)
    log.info("%d groups, %d left out, %d answer tokens", batch.groups, batch.dropped, batch.tokens)
    model, tokenizer = load_policy(job, device), load_tokenizer(job)
    _check_tokens(job, model)
    minibatches = _minibatches(job, model, tokenizer, batch, device)
    packs, steps = _train(job, model, tokenizer, minibatches, device)
    stats = make_stats(task, batch, packs, steps, time.perf_counter() - started)
    save_policy(model, tokenizer, job.staged, task.config)
    _say(job, stats)
    return stats.model_copy(update={"seconds": time.perf_counter() - started})


def _minibatches(
    job: Job, model: Any, tokenizer: Any, batch: Batch, device: torch.device
) -> list[list[Pack | ScoredPack]]:
    """The packs, all scored but the first minibatch's: its step begins with the weights of the day's start anyway."""
    pad, cap = tokenizer.pad_token_id or tokenizer.eos_token_id or 0, job.task.config.importance_cap
    first, *later = [
        [make_pack(groups, pad, device) for groups in into_packs(part, job.pack_tokens)] for part in batch.minibatches
    ] or [[]]
    scored: list[list[Pack | ScoredPack]] = [
        [score_pack(model, pack, cap, job.layout) for pack in packs] for packs in later
    ]
    log.info("scored the rollouts of %d later minibatches with the weights of the day's start", len(later))
    return [[*first], *scored] if first else []


def _train(
    job: Job, model: Any, tokenizer: Any, minibatches: list[list[Pack | ScoredPack]], device: torch.device
) -> tuple[list[ScoredPack], list[dict[str, float]]]:
    """The packs as scored, and TRL's log of each optimizer step; the optimizer's state is saved on the way."""
    if not minibatches:
        if job.parent:
            carry_optimizer(job.parent, job.staged)
        return [], []
    config = job.task.config
    arguments = gspo_config(config, job.work / "trl", device)
    trainer = GspoTrainer(model, tokenizer, arguments, minibatches, config.importance_cap, job.layout)
    trainer.create_optimizer()
    if job.parent:
        load_optimizer(trainer.optimizer, model, job.parent)
    trainer.train()
    save_optimizer(trainer.optimizer, model, job.staged)
    packs = [micro.scored for part in trainer.minibatches for micro in part if micro.scored is not None]
    return packs, [step for step in trainer.state.log_history if "loss" in step]


def _check_tokens(job: Job, model: Any) -> None:
    vocabulary = model.get_input_embeddings().num_embeddings
    for group in job.task.groups:
        highest = max(group.prompt_token_ids + [token for rollout in group.rollouts for token in rollout.token_ids])
        if highest >= vocabulary:
            raise InvalidInputError(
                f"group {group.group_id}: token {highest} is not in the vocabulary of {job.task.config.base_model} "
                f"({vocabulary} tokens); sample with the base model that is trained"
            )


def _say(job: Job, stats: TrainStats) -> None:
    """Write the figures beside the weights; without the seconds, so that equal updates are equal files."""
    (job.staged / STATS).write_text(stats.model_dump_json(indent=1, exclude={"seconds"}), "utf8")
