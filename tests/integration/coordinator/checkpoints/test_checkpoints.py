"""A checkpoint is recorded only if its files are what its manifest and its worker say."""

from __future__ import annotations

from shared.checkpoints import CheckpointStore
from shared.wire import TrainTask
from tests.factories import trained
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Get


def train_task(worker: FakeWorker) -> TrainTask:
    while True:
        task = worker.take(worker.queued("RUN")[0])
        if isinstance(task, TrainTask):
            return task
        worker.post(task)


def test_a_checkpoint_whose_files_changed_is_not_recorded(
    worker: FakeWorker, step_id: int, store: CheckpointStore, get: Get
) -> None:
    task = train_task(worker)
    result = trained(store, task)
    weights = store.path(result.checkpoint.ref) / "adapter_model.safetensors"
    sound = weights.read_bytes()
    weights.write_bytes(b"something else")
    assert worker.post(task, result).json()["type"] == "urn:morrow:problem:checkpoint-corrupt"
    assert get("/backfills/RUN/checkpoints") == []
    weights.write_bytes(sound)
    assert worker.post(task, result).json() == {"status": "accepted"}


def test_a_record_that_differs_from_its_manifest_is_refused(
    worker: FakeWorker, step_id: int, store: CheckpointStore
) -> None:
    task = train_task(worker)
    result = trained(store, task)
    record = result.checkpoint.model_copy(update={"files": {"adapter_model.safetensors": "0" * 64}})
    refused = worker.post(task, result.model_copy(update={"checkpoint": record}))
    assert refused.status_code == 422
    assert "differs from its manifest" in refused.json()["detail"]


def test_an_accepted_checkpoint_is_not_hashed_again(worker: FakeWorker, step_id: int, store: CheckpointStore) -> None:
    task = train_task(worker)
    result = trained(store, task)
    assert worker.post(task, result).json() == {"status": "accepted"}
    (store.path(result.checkpoint.ref) / "adapter_model.safetensors").unlink()
    assert worker.post(task, result).json() == {"status": "already"}
