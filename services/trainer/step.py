"""A train step: stage, train in a process of its own, publish."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from services.trainer.job import OUTCOME, REQUEST, WORK, Outcome, UpdateRequest
from services.trainer.settings import TrainerSettings
from services.trainer.subprocess import WarmProcess
from shared.checkpoints import CheckpointStore
from shared.errors import InvalidInputError, ProcessFailedError
from shared.wire import TrainResult, TrainStats, TrainTask
from shared.worker.steps import Lease

log = logging.getLogger(__name__)
_STAGING = re.compile(r"\.staging-(?P<date>\d{8})-(?P<fence>\d+)-\d+")


class Updates(Protocol):
    """The process that makes updates, as a step uses it: it does a request file and writes its outcome beside it.

    Raises ProcessFailedError if it crashes, StoppedError once the lease is revoked.
    """

    def run(self, request: Path, lease: Lease) -> None: ...


def update_process(settings: TrainerSettings) -> WarmProcess:
    """The process of a worker's updates, not started yet. Its environment sizes its thread pools, once."""
    command = [sys.executable, "-P", "-m", "services.trainer.update"]
    return WarmProcess(command, child_environment(settings, os.environ), settings.trainer_idle_seconds)


def train(
    task: TrainTask, lease: Lease, store: CheckpointStore, settings: TrainerSettings, updates: Updates
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
            layout=settings.trainer_layout,
            pack_tokens=settings.trainer_pack_tokens,
            compute_lock=settings.compute_lock,
        )
        stats = _updated(request, lease, updates)
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


def _updated(request: UpdateRequest, lease: Lease, updates: Updates) -> TrainStats:
    request.work.mkdir()
    (request.work / REQUEST).write_text(request.model_dump_json(), "utf8")
    updates.run(request.work / REQUEST, lease)
    path = request.staged / WORK / OUTCOME
    if not path.is_file():
        raise ProcessFailedError("the training process ended without an outcome; its log has the last lines")
    outcome = Outcome.model_validate_json(path.read_bytes())
    if outcome.stats is None:
        raise InvalidInputError(outcome.error or "the training process refused the step")
    return outcome.stats


NOT_FOR_CHILDREN = ("MORROW_TOKEN", "MORROW_BROKER_URL")
"""Secrets that the training process does not need: it contacts neither the coordinator nor the broker."""


def child_environment(settings: TrainerSettings, inherited: Mapping[str, str]) -> dict[str, str]:
    """The worker's environment with the settings' number of threads, at most one GPU, telemetry off and no secrets.

    Waiting threads sleep (OMP_WAIT_POLICY) unless turns are taken at the processors: spinning ones would take the cores
    of an engine that computes at the same time, and an update beside a busy engine took four times as long.
    """
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(settings.threads))
    waiting = {} if settings.compute_lock else {"OMP_WAIT_POLICY": "PASSIVE"}
    quiet = {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore::FutureWarning", "TOKENIZERS_PARALLELISM": "false"}
    local = Path(settings.base_model_source).is_dir()
    offline = {"HF_HUB_DISABLE_TELEMETRY": "1"} | ({"HF_HUB_OFFLINE": "1"} if local else {})
    gpus = "" if settings.trainer_device == "cpu" else inherited.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    kept = {name: value for name, value in inherited.items() if name not in NOT_FOR_CHILDREN}
    return kept | threads | waiting | quiet | offline | {"CUDA_VISIBLE_DEVICES": gpus}
