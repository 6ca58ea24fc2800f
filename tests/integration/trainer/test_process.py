"""Train steps with the real spawned process on a tiny model: published, killed in the middle, taken back."""

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
from services.trainer.step import train
from shared.checkpoints import open_store
from shared.errors import ProcessFailedError, StoppedError
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


def test_day_is_trained_in_a_spawned_process_and_published(
    settings: TrainerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    store = open_store(settings.store)
    result = train(train_task(GROUPS), Lease(5, 1), store, settings)
    state = load_file(store.verified(result.checkpoint.ref) / "optimizer.safetensors")
    assert {int(tensor) for name, tensor in state.items() if name.endswith(".step")} == {2}
    assert result.stats.updates == 2
    assert result.stats.seconds > 0
    assert any("step 2 of 2: loss" in message for message in caplog.messages)
    assert not list(Path(settings.store).glob("*/.staging-*"))


def test_killed_training_process_fails_without_leftovers(settings: TrainerSettings) -> None:
    store = open_store(settings.store)
    with (
        when_it_says("scored the rollouts", kill_trainer),
        pytest.raises(ProcessFailedError, match="SIGKILL; it probably ran out of memory"),
    ):
        train(train_task(GROUPS), Lease(5, 1), store, settings)
    assert list(Path(settings.store, "RUN").iterdir()) == []


def test_revoked_lease_kills_the_training_process(settings: TrainerSettings) -> None:
    store, lease = open_store(settings.store), Lease(5, 1)
    stop = when_it_says("groups, 0 left out", lambda: lease.revoke("the run was cancelled"))
    with stop, pytest.raises(StoppedError, match="the run was cancelled"):
        train(train_task(GROUPS), lease, store, settings)
    assert trainers() == []
    assert list(Path(settings.store, "RUN").iterdir()) == []
