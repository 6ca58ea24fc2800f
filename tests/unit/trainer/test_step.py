"""A train step from the worker's side: staged, spawned, published or swept away. The training process is a fake."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.trainer.job import OUTCOME, Outcome, UpdateRequest
from services.trainer.settings import TrainerSettings
from services.trainer.step import child_environment, sweep_staging, train, update_process
from shared.checkpoints import MANIFEST, CheckpointStore
from shared.errors import CheckpointCorruptError, InvalidInputError, ProcessFailedError, StoppedError
from shared.wire import TrainResult, TrainStats, TrainTask
from shared.worker.steps import Lease
from tests.factories import weights
from tests.unit.trainer.toys import BASE, DAY, train_task

STATS = TrainStats.model_validate(
    dict.fromkeys(TrainStats.model_fields, 0)
    | {"objective": "gspo", "loss": 0.25, "importance_mean": 1.0, "seconds": 3.0}
)


class FakeProcess:
    """Stands in for the training process: writes weights and an outcome, or fails."""

    def __init__(self, outcome: Outcome | None, error: Exception | None = None) -> None:
        self.outcome, self.error = outcome, error
        self.requests: list[UpdateRequest] = []

    def run(self, request: Path, lease: Lease) -> None:
        """Do the request, or fail."""
        given = UpdateRequest.model_validate_json(request.read_bytes())
        self.requests.append(given)
        (given.staged / "adapter_model.safetensors").write_bytes(
            weights(b"weights of " + str(given.task.date).encode())
        )
        if self.error:
            raise self.error
        if self.outcome:
            (given.work / OUTCOME).write_text(self.outcome.model_dump_json(), "utf8")


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "store")


@pytest.fixture
def settings(store: CheckpointStore) -> TrainerSettings:
    return TrainerSettings(
        store=str(store.root), base_model=BASE, base_model_path="/somewhere", trainer_device="cpu", trainer_threads=2
    )


Do = Callable[..., TrainResult]


@pytest.fixture
def do(store: CheckpointStore, settings: TrainerSettings) -> Do:
    def run(task: TrainTask, process: FakeProcess, lease: Lease | None = None) -> TrainResult:
        return train(task, lease or Lease(5, task.fence), store, settings, process)

    return run


def leftovers(store: CheckpointStore) -> list[str]:
    return [path.name for path in store.root.glob("*/.staging-*")]


def test_a_step_ends_as_a_published_checkpoint_that_verifies(do: Do, store: CheckpointStore) -> None:
    process = FakeProcess(Outcome(stats=STATS))
    result = do(train_task([]), process)
    folder = store.verified(result.checkpoint.ref)
    assert sorted(path.name for path in folder.iterdir()) == ["adapter_model.safetensors", MANIFEST]
    assert result.stats == STATS
    record = result.checkpoint
    assert (record.run, record.date, record.fence, record.parent) == ("RUN", DAY, 1, None)
    assert (record.base_model, record.adapter) == (BASE, "lora")
    assert leftovers(store) == []


def test_next_day_gets_the_verified_folder_of_its_parent(do: Do, store: CheckpointStore) -> None:
    process = FakeProcess(Outcome(stats=STATS))
    parent = do(train_task([]), process).checkpoint.ref
    child = do(train_task([], day=1, parent=parent), process).checkpoint
    assert process.requests[1].parent == store.path(parent)
    assert child.parent == parent.id


def test_a_parent_whose_files_changed_is_not_trained_on(do: Do, store: CheckpointStore) -> None:
    parent = do(train_task([]), FakeProcess(Outcome(stats=STATS))).checkpoint.ref
    (store.path(parent) / "adapter_model.safetensors").write_bytes(b"other")
    with pytest.raises(CheckpointCorruptError):
        do(train_task([], day=1, parent=parent), FakeProcess(Outcome(stats=STATS)))


def test_a_run_on_another_base_model_is_refused_naming_both(do: Do) -> None:
    with pytest.raises(InvalidInputError, match="the run needs other/model, this worker has toy/llama"):
        do(train_task([], base_model="other/model"), FakeProcess(Outcome(stats=STATS)))


@pytest.mark.parametrize("error", [ProcessFailedError("killed"), StoppedError("cancelled")])
def test_a_process_that_fails_leaves_no_staging_folder(do: Do, store: CheckpointStore, error: Exception) -> None:
    with pytest.raises(type(error)):
        do(train_task([]), FakeProcess(None, error))
    assert leftovers(store) == []


def test_error_outcome_of_the_process_is_not_retryable(do: Do, store: CheckpointStore) -> None:
    with pytest.raises(InvalidInputError, match="token 99") as caught:
        do(train_task([]), FakeProcess(Outcome(error="group 1: token 99 is not in the vocabulary")))
    assert not caught.value.retryable
    assert leftovers(store) == []


def test_process_without_an_outcome_is_retryable(do: Do) -> None:
    with pytest.raises(ProcessFailedError, match="without an outcome"):
        do(train_task([]), FakeProcess(None))


def test_lease_lost_at_the_end_of_training_publishes_nothing(do: Do, store: CheckpointStore) -> None:
    lease = Lease(5, 1)
    lease.revoke("the run was cancelled")
    with pytest.raises(StoppedError):
        do(train_task([]), FakeProcess(Outcome(stats=STATS)), lease)
    assert [path.name for path in (store.root / "RUN").iterdir()] == []


def test_only_staging_folders_of_earlier_attempts_are_removed(store: CheckpointStore) -> None:
    task = train_task([], fence=3)
    kept = [f".staging-{DAY:%Y%m%d}-3-77", f".staging-{DAY:%Y%m%d}-4-77", ".staging-20990101-1-77", f"{DAY:%Y%m%d}-abc"]
    gone = [f".staging-{DAY:%Y%m%d}-1-77", f".staging-{DAY:%Y%m%d}-2-9"]
    for name in kept + gone:
        (store.root / "RUN" / name / "work").mkdir(parents=True)
    sweep_staging(store, task)
    assert sorted(path.name for path in (store.root / "RUN").iterdir()) == sorted(kept)


def request(tmp_path: Path, **changes: Any) -> UpdateRequest:
    defaults: dict[str, Any] = {
        "task": train_task([]),
        "base": "name/of-it",
        "parent": None,
        "staged": tmp_path,
        "device": "cpu",
    }
    return UpdateRequest(**(defaults | changes))


def test_training_process_gets_its_threads_and_no_gpu_on_cpu(settings: TrainerSettings) -> None:
    environment = child_environment(settings, {"PATH": "/bin", "OMP_NUM_THREADS": "9", "CUDA_VISIBLE_DEVICES": "1"})
    assert environment["PATH"] == "/bin"
    assert environment["OMP_NUM_THREADS"] == environment["MKL_NUM_THREADS"] == "2"
    assert environment["CUDA_VISIBLE_DEVICES"] == ""
    assert "HF_HUB_OFFLINE" not in environment


@pytest.mark.parametrize(("inherited_gpus", "visible"), [(None, "0"), ("2,3", "2")])
def test_one_gpu_at_most_is_visible(settings: TrainerSettings, inherited_gpus: str | None, visible: str) -> None:
    inherited = {"CUDA_VISIBLE_DEVICES": inherited_gpus} if inherited_gpus else {}
    auto = settings.model_copy(update={"trainer_device": "auto"})
    assert child_environment(auto, inherited)["CUDA_VISIBLE_DEVICES"] == visible


def test_a_base_model_in_a_folder_needs_no_hub(settings: TrainerSettings, tmp_path: Path) -> None:
    folder = settings.model_copy(update={"base_model_path": str(tmp_path)})
    assert child_environment(folder, {})["HF_HUB_OFFLINE"] == "1"


def test_training_process_gets_no_secret(settings: TrainerSettings) -> None:
    environment = child_environment(settings, {"MORROW_TOKEN": "mrw_x", "MORROW_BROKER_URL": "redis://u:p@h"})
    assert not environment.keys() & {"MORROW_TOKEN", "MORROW_BROKER_URL"}


def test_training_process_is_not_started_before_it_is_needed(settings: TrainerSettings) -> None:
    before = set(Path("/proc/self/task", str(os.getpid()), "children").read_text("utf8").split())
    update_process(settings)
    assert set(Path("/proc/self/task", str(os.getpid()), "children").read_text("utf8").split()) == before


def test_update_request_round_trips_through_json(tmp_path: Path) -> None:
    one = request(tmp_path, parent=tmp_path / "parent")
    assert UpdateRequest.model_validate(json.loads(one.model_dump_json())) == one


def test_threads_default_to_the_available_cores(store: CheckpointStore) -> None:
    assert TrainerSettings(store=str(store.root)).threads == len(os.sched_getaffinity(0))
    assert TrainerSettings(store=str(store.root), trainer_threads=1).threads == 1


def test_layout_and_pack_tokens_come_from_the_workers_settings(
    store: CheckpointStore, settings: TrainerSettings
) -> None:
    process = FakeProcess(Outcome(stats=STATS))
    train(train_task([]), Lease(5, 1), store, settings, process)
    changed = settings.model_copy(update={"trainer_layout": "plain", "trainer_pack_tokens": 99})
    train(train_task([], day=1), Lease(5, 1), store, changed, process)
    assert [(request.layout, request.pack_tokens) for request in process.requests] == [("packed", 512), ("plain", 99)]
