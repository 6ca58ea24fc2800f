"""The coordinator's application on a fresh database, and a worker that does whatever it hands out."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
import uvicorn
from fastapi.testclient import TestClient
from sqlalchemy import func, select, text

from services.coordinator.app import create_app
from services.coordinator.backoff import Backoff
from services.coordinator.database import Sessions
from services.coordinator.models import Base
from services.evaluator.dependencies import Dependencies
from services.evaluator.service import evaluate
from shared.checkpoints import CheckpointStore
from shared.wire import EvaluateTask, Result, Task
from shared.worker.steps import Lease
from tests.factories import day, make_corpus
from tests.fakes import FakeWorker
from tests.local import local_client

Start = Callable[..., dict[str, Any]]
Get = Callable[[str], Any]
Sql = Callable[..., Any]
Counts = Callable[[], dict[str, int]]
UntilBlocked = Callable[[], None]


class NoEmbedder:
    """An embedder for a ranker that needs none."""

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        raise AssertionError(f"nothing is embedded for recorded ranks: {texts}")


@dataclass
class Scorer(FakeWorker):
    """A worker whose evaluations are the evaluator's own."""

    def result(self, task: Task) -> Result:
        if isinstance(task, EvaluateTask):
            return evaluate(task, Lease(task.step_id, task.fence), Dependencies(NoEmbedder()))
        return super().result(task)


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    """An empty checkpoint store."""
    return CheckpointStore(tmp_path / "store")


@pytest.fixture
def client(sessions: Sessions, store: CheckpointStore) -> Iterator[TestClient]:
    """An API client of the whole application; failed steps are due again at once."""
    app = create_app(sessions, store, backoff=Backoff(0.0))
    with local_client(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def server(sessions: Sessions, store: CheckpointStore) -> Iterator[httpx.Client]:
    """A client of the application behind a real server: what threads must use, since a TestClient is not for them."""
    app = create_app(sessions, store, backoff=Backoff(0.0))
    listener = socket.create_server(("127.0.0.1", 0))
    served = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
    thread = threading.Thread(target=served.run, kwargs={"sockets": [listener]})
    thread.start()
    # Building the routes silences warnings for a moment, which another thread must not do at the same time.
    while not served.started:
        time.sleep(0.01)
    with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60) as client:
        yield client
    served.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def crowd(server: httpx.Client, sessions: Sessions, store: CheckpointStore) -> FakeWorker:
    """A worker that many threads may be at once."""
    return FakeWorker(server, sessions, store)


@pytest.fixture
def worker(client: TestClient, sessions: Sessions, store: CheckpointStore) -> FakeWorker:
    """A worker for every kind of step."""
    return FakeWorker(client, sessions, store)


@pytest.fixture
def scorer(client: TestClient, sessions: Sessions, store: CheckpointStore) -> Scorer:
    """A worker that scores with the evaluator's formulas."""
    return Scorer(client, sessions, store)


@pytest.fixture
def start(client: TestClient) -> Start:
    """Begins a run over the corpus `sample`: start(name, first=…, last=…, **config) answers the run."""

    def begin(name: str = "RUN", *, first: object = None, last: object = None, **config: Any) -> dict[str, Any]:
        dates = {"from": first and str(first), "to": last and str(last)}
        body = {"name": name, "corpus": "sample", "config": {"rollouts": 2} | config} | dates
        answer = client.post("/v1/backfills", json=body)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return begin


@pytest.fixture
def get(client: TestClient) -> Get:
    """Gets a path below /v1; of a list, its items."""

    def fetch(path: str) -> Any:
        answer = client.get(f"/v1{path}")
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return body["items"] if isinstance(body, dict) and body.keys() == {"items", "next"} else body

    return fetch


@pytest.fixture
def sql(sessions: Sessions) -> Sql:
    """Runs a statement and answers its rows, if it has any."""

    def run(statement: str, **values: Any) -> Any:
        with sessions.begin() as session:
            result = session.execute(text(statement), values)
            return result.all() if result.returns_rows else None  # type: ignore[attr-defined]

    return run


@pytest.fixture
def until_blocked(sql: Sql) -> UntilBlocked:
    """Returns once a transaction on this database waits for another one."""
    waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"

    def wait() -> None:
        deadline = time.monotonic() + 30
        while not sql(waiting)[0][0]:
            assert time.monotonic() < deadline, "no transaction waits"
            time.sleep(0.01)

    return wait


@pytest.fixture
def counts(sessions: Sessions, store: CheckpointStore) -> Counts:
    """Counts what is there: rows by table, and the files of the checkpoint store."""

    def count() -> dict[str, int]:
        with sessions.begin() as session:
            rows = {
                name: session.execute(select(func.count()).select_from(table)).scalar_one()
                for name, table in Base.metadata.tables.items()
            }
        return rows | {"files": sum(path.is_file() for path in store.root.rglob("*"))}

    return count


@pytest.fixture
def step_id(sessions: Sessions, worker: FakeWorker, start: Start) -> int:
    """A queued generate step, the only one of its run."""
    make_corpus(sessions, dates=2, per_day=1)
    start(last=day(0), max_attempts=3)
    return worker.queued("RUN")[0]
