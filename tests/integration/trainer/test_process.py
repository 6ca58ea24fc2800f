"""Train steps with the real training process on a tiny model: published, killed, taken back, kept warm."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from safetensors.torch import load_file

from services.trainer.settings import TrainerSettings
from services.trainer.step import train, update_process
from services.trainer.subprocess import WarmProcess
from shared.checkpoints import CheckpointStore, open_store
from shared.errors import InvalidInputError, ProcessFailedError, StoppedError
from shared.wire import CheckpointRecord
from shared.worker.steps import Lease
from tests.unit.trainer.toys import BASE, random_group, save_tiny_llama, train_task

GROUPS = [random_group(1), random_group(2)]
SUPERVISOR = logging.getLogger("services.trainer.subprocess")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llama(tmp_path_factory.mktemp("base"))


@pytest.fixture
def settings(tmp_path: Path, base: Path) -> TrainerSettings:
    return TrainerSettings(
        store=str(tmp_path), base_model=BASE, base_model_path=str(base), trainer_device="cpu", trainer_threads=1
    )


@pytest.fixture
def updates(settings: TrainerSettings) -> Iterator[WarmProcess]:
    process = update_process(settings)
    yield process
    process.close()


class _At(logging.Handler):
    def __init__(self, word: str, then: Callable[[], None]) -> None:
        super().__init__()
        self.word, self.then = word, then

    def emit(self, record: logging.LogRecord) -> None:
        if self.word in record.getMessage():
            self.then()


@contextmanager
def when_it_says(word: str, then: Callable[[], None]) -> Iterator[None]:
    """Do something when the training process logs a word."""
    handler, level = _At(word, then), SUPERVISOR.level
    SUPERVISOR.addHandler(handler)
    SUPERVISOR.setLevel(logging.INFO)
    try:
        yield
    finally:
        SUPERVISOR.removeHandler(handler)
        SUPERVISOR.setLevel(level)


def children() -> list[int]:
    """Processes that this one has started and that live."""
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text("utf8")
    return [int(word) for word in text.split()]


def trainers() -> list[int]:
    """Those of them that train."""
    return [pid for pid in children() if b"services.trainer.update" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def kill_trainer() -> None:
    for pid in trainers():
        os.kill(pid, signal.SIGKILL)


def test_day_is_trained_in_another_process_and_published(
    settings: TrainerSettings, updates: WarmProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    store = open_store(settings.store)
    result = train(train_task(GROUPS), Lease(5, 1), store, settings, updates)
    state = load_file(store.verified(result.checkpoint.ref) / "optimizer.safetensors")
    assert {int(tensor) for name, tensor in state.items() if name.endswith(".step")} == {2}
    assert result.stats.updates == 2
    assert result.stats.seconds > 0
    assert any("step 2 of 2: loss" in message for message in caplog.messages)
    assert not list(Path(settings.store).glob("*/.staging-*"))


def test_killed_training_process_fails_without_leftovers(settings: TrainerSettings, updates: WarmProcess) -> None:
    store = open_store(settings.store)
    with (
        when_it_says("scored the rollouts", kill_trainer),
        pytest.raises(ProcessFailedError, match="SIGKILL; it probably ran out of memory"),
    ):
        train(train_task(GROUPS), Lease(5, 1), store, settings, updates)
    assert list(Path(settings.store, "RUN").iterdir()) == []


def test_revoked_lease_kills_the_training_process(settings: TrainerSettings, updates: WarmProcess) -> None:
    store, lease = open_store(settings.store), Lease(5, 1)
    stop = when_it_says("groups, 0 left out", lambda: lease.revoke("the run was cancelled"))
    with stop, pytest.raises(StoppedError, match="the run was cancelled"):
        train(train_task(GROUPS), lease, store, settings, updates)
    assert trainers() == []
    assert list(Path(settings.store, "RUN").iterdir()) == []


def chain(settings: TrainerSettings, store: CheckpointStore, updates: WarmProcess) -> list[CheckpointRecord]:
    """Three days: two of a chain under GSPO, and one of another run, objective and rank between them."""
    first = train(train_task(GROUPS), Lease(5, 1), store, settings, updates).checkpoint
    other = train_task(GROUPS, objective="kto", lora_rank=2, seed=9).model_copy(update={"run": "OTHER"})
    between = train(other, Lease(6, 1), store, settings, updates).checkpoint
    second = train(train_task(GROUPS, day=1, parent=first.ref), Lease(7, 1), store, settings, updates).checkpoint
    return [first, between, second]


def test_updates_of_one_warm_process_and_of_fresh_ones_are_equal_byte_for_byte(
    settings: TrainerSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    folders: list[list[dict[str, bytes]]] = []
    starts = []
    for name, idle in (("warm", 60.0), ("fresh", 0.0)):
        own = settings.model_copy(update={"store": str(tmp_path / name), "trainer_idle_seconds": idle})
        store, updates = CheckpointStore(tmp_path / name), update_process(own)
        paths = [store.verified(record.ref) for record in chain(own, store, updates)]
        folders.append([{file.name: file.read_bytes() for file in path.iterdir()} for path in paths])
        starts.append(sum("seconds of imports" in message for message in caplog.messages))
        caplog.clear()
        updates.close()
    assert starts == [1, 3]
    warm, fresh = folders
    for one, other in zip(warm, fresh, strict=True):
        assert one == other


def test_full_weights_of_a_warm_process_and_of_fresh_ones_are_equal(settings: TrainerSettings, tmp_path: Path) -> None:
    hashes = []
    for name, idle in (("warm", 60.0), ("fresh", 0.0)):
        own = settings.model_copy(update={"store": str(tmp_path / name), "trainer_idle_seconds": idle})
        store, updates = CheckpointStore(tmp_path / name), update_process(own)
        adapter = train(train_task(GROUPS), Lease(5, 1), store, own, updates).checkpoint
        task = train_task(GROUPS, adapter="full", learning_rate=1e-3).model_copy(update={"run": "FULL"})
        full = train(task, Lease(6, 1), store, own, updates).checkpoint
        after = train(train_task(GROUPS, day=1, parent=adapter.ref), Lease(7, 1), store, own, updates).checkpoint
        hashes.append([full.ref.id, after.ref.id])
        updates.close()
    assert hashes[0] == hashes[1]


def test_update_after_a_killed_one_starts_another_process(settings: TrainerSettings, updates: WarmProcess) -> None:
    store = open_store(settings.store)
    with when_it_says("scored the rollouts", kill_trainer), pytest.raises(ProcessFailedError):
        train(train_task(GROUPS), Lease(5, 1), store, settings, updates)
    assert train(train_task(GROUPS, fence=2), Lease(5, 2), store, settings, updates).stats.updates == 2


def test_refused_update_ends_its_process(settings: TrainerSettings, updates: WarmProcess) -> None:
    store = open_store(settings.store)
    with pytest.raises(InvalidInputError, match="temperature is"):
        train(train_task([random_group(1, temperature=0.0)]), Lease(5, 1), store, settings, updates)
    for pid in trainers():
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert train(train_task(GROUPS, fence=2), Lease(5, 2), store, settings, updates).stats.updates == 2
