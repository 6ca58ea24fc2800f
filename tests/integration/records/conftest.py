"""The coordinator's application on a fresh database, and workers that do what it hands out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from fastapi.testclient import TestClient

from services.coordinator.app import create_app
from services.coordinator.backoff import Backoff
from services.coordinator.database import Sessions
from services.evaluator.context import Tools
from services.evaluator.service import evaluate
from shared.checkpoints import CheckpointStore
from shared.wire import EvaluateTask, Result, Task
from shared.worker.steps import Lease
from tests.fakes import FakeWorker
from tests.local import local_client


class NoEmbedder:
    """An embedder for a ranker that needs none."""

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        raise AssertionError(f"nothing is embedded for recorded ranks: {texts}")


@dataclass
class Scorer(FakeWorker):
    """A worker whose evaluations are the evaluator's own."""

    def result(self, task: Task) -> Result:
        if isinstance(task, EvaluateTask):
            return evaluate(task, Lease(task.step_id, task.fence), Tools(NoEmbedder()))
        return super().result(task)


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    """An empty checkpoint store."""
    return CheckpointStore(tmp_path / "store")


@pytest.fixture
def client(sessions: Sessions, store: CheckpointStore) -> Iterator[TestClient]:
    """An API client of the whole application; failed steps are due again at once."""
    with local_client(create_app(sessions, store, backoff=Backoff(0.0))) as client:
        yield client


@pytest.fixture
def worker(client: TestClient, sessions: Sessions, store: CheckpointStore) -> FakeWorker:
    """A worker with made-up results for every kind of step."""
    return FakeWorker(client, sessions, store)


@pytest.fixture
def scorer(client: TestClient, sessions: Sessions, store: CheckpointStore) -> Scorer:
    """A worker that scores with the evaluator's formulas."""
    return Scorer(client, sessions, store)
