"""A train step: stage, train in a spawned process, publish."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from services.trainer.job import OUTCOME, REQUEST, WORK, Outcome, UpdateRequest
from services.trainer.settings import TrainerSettings
from services.trainer.subprocess import supervise
from shared.checkpoints import CheckpointStore
from shared.errors import InvalidInputError, ProcessFailedError
from shared.wire import TrainResult, TrainStats, TrainTask
from shared.worker.steps import Lease

log = logging.getLogger(__name__)
Spawn = Callable[[Sequence[str], Mapping[str, str], Lease], None]
_STAGING = re.compile(r"\.staging-(?P<date>\d{8})-(?P<fence>\d+)-\d+")


def train(
    task: TrainTask, lease: Lease, store: CheckpointStore, settings: TrainerSettings, spawn: Spawn = supervise
) -> TrainResult:
    """Train and publish one step's checkpoint. The staging folder is removed on success and on failure.

    Raises InvalidInputError for a step that this worker cannot train, ProcessFailedError if the training process
    crashes, StoppedError once the lease is revoked, and CheckpointCorruptError for a parent whose files changed.
    """
    _check_base(task, settings)
    parent = store.verified(task.parent) if task.parent else None
    sweep_staging(store, task)
    staged = store.stage(task.run, task.date, task.fence)
    try:
        request = UpdateRequest(
            task=task,
            base=settings.base_model_source,
            parent=parent,
            staged=staged,
            device=settings.trainer_device,
            threads=settings.threads,
            layout=settings.trainer_layout,
            pack_tokens=settings.trainer_pack_tokens,
        )
        stats = _spawned(request, lease, spawn)
        shutil.rmtree(request.work)
        # checked last: a lease that was lost during training must publish nothing
        lease.check()
        record = store.publish(
            staged,
            run=task.run,
            date=task.date,
            fence=task.fence,
            parent=task.parent.id if task.parent else None,
            base_model=task.config.base_model,
            adapter=task.config.adapter,
        )
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return TrainResult(checkpoint=record, stats=stats)


def sweep_staging(store: CheckpointStore, task: TrainTask) -> None:
    """Remove staging folders of earlier attempts at the same step: their fence is stale, so they cannot publish."""
    for folder in (store.root / task.run).glob(f".staging-{task.date:%Y%m%d}-*"):
        match = _STAGING.fullmatch(folder.name)
        if match and int(match["fence"]) < task.fence:
            log.info("removing %s of an earlier attempt", folder.name)
            shutil.rmtree(folder, ignore_errors=True)


def _check_base(task: TrainTask, settings: TrainerSettings) -> None:
    if task.config.base_model != settings.base_model:
        raise InvalidInputError(
            f"base_model: the run needs {task.config.base_model}, this worker has {settings.base_model}; "
            "start a trainer with MORROW_BASE_MODEL and MORROW_BASE_MODEL_PATH of the run's model"
        )


def _spawned(request: UpdateRequest, lease: Lease, spawn: Spawn) -> TrainStats:
    request.work.mkdir()
    (request.work / REQUEST).write_text(request.model_dump_json(), "utf8")
    command = [sys.executable, "-P", "-m", "services.trainer.update", str(request.work / REQUEST), str(os.getpid())]
    spawn(command, child_environment(request, os.environ), lease)
    path = request.staged / WORK / OUTCOME
    if not path.is_file():
        raise ProcessFailedError("the training process ended without an outcome; its log has the last lines")
    outcome = Outcome.model_validate_json(path.read_bytes())
    if outcome.stats is None:
        raise InvalidInputError(outcome.error or "the training process refused the step")
    return outcome.stats


NOT_FOR_CHILDREN = ("MORROW_TOKEN", "MORROW_BROKER_URL")
"""Secrets that the training process does not need: it contacts neither the coordinator nor the broker."""


def child_environment(request: UpdateRequest, inherited: Mapping[str, str]) -> dict[str, str]:
    """The worker's environment with the request's number of threads, at most one GPU, telemetry off and no secrets.

    Waiting threads sleep (OMP_WAIT_POLICY): spinning ones take the cores of the engine, and an update beside a busy
    engine took four times as long.
    """
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(request.threads)) | {
        "OMP_WAIT_POLICY": "PASSIVE"
    }
    quiet = {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore::FutureWarning", "TOKENIZERS_PARALLELISM": "false"}
    offline = {"HF_HUB_DISABLE_TELEMETRY": "1"} | ({"HF_HUB_OFFLINE": "1"} if Path(request.base).is_dir() else {})
    gpus = "" if request.device == "cpu" else inherited.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    kept = {name: value for name, value in inherited.items() if name not in NOT_FOR_CHILDREN}
    return kept | threads | quiet | offline | {"CUDA_VISIBLE_DEVICES": gpus}
