"""Fakes around serving: checkpoints that no worker trained, and syncers without engines.

The syncers are small real HTTP servers that report themselves and answer forecasts.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.coordinator.checkpoints.aliases import point
from services.coordinator.database import Sessions
from services.coordinator.models import Checkpoint, Day
from shared.checkpoints import CheckpointStore
from shared.wire import EngineReport, ForecastTask
from tests.factories import weights
from tests.fakes import Api


def published(sessions: Sessions, store: CheckpointStore) -> list[str]:
    """Publish a checkpoint for each day of the chain, as workers would; answers their ids."""
    with sessions.begin() as session:
        days = session.scalars(select(Day).where(Day.role == "chain", Day.position.is_not(None)).order_by(Day.date))
        return [_publish(session, store, day) for day in days.all()]


def _publish(session: Session, store: CheckpointStore, day: Day) -> str:
    staged = store.stage("RUN", day.date, 1)
    (staged / "adapter_model.safetensors").write_bytes(weights(f"{day.date}".encode()))
    fields: dict[str, Any] = {"fence": 1, "base_model": "tiny", "adapter": "lora"}
    record = store.publish(staged, run="RUN", date=day.date, parent=None, **fields)
    own = {"run_id": day.run_id, "day_id": day.id, "files": record.files, "stats": {}}
    session.add(Checkpoint(id=record.ref.id, uri=record.ref.uri, sha256=record.ref.sha256, **own, **fields))
    session.flush()
    point(session, "RUN", "final_model", record.ref.id)
    return record.ref.id


@dataclass
class FakeSyncer:
    """Answers forecasts by the policies in `loaded`, 503 for others; `says` answers everything with it instead."""

    url: str
    loaded: set[str] = field(default_factory=set)
    says: tuple[int, dict[str, Any]] | None = None
    tasks: list[ForecastTask] = field(default_factory=list)

    @property
    def engine(self) -> str:
        """The engine's own address."""
        return f"{self.url}/engine"

    def answer(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and body of the response to a forecast task."""
        task = ForecastTask.model_validate_json(body)
        self.tasks.append(task)
        if self.says is not None:
            return self.says
        if task.policy.name not in self.loaded:
            return 503, {"detail": f"the engine has not loaded {task.policy.name}"}
        line = {"verdict": "strict", "rung": "free", "attempts": 1}
        lines = [line | {"text": f"{number}: {task.headline}"} for number in range(task.lines)]
        return 200, {"policy": task.policy.name, "engine": self.engine, "lines": lines, "seconds": 0.5}

    def report(self, api: Any, *, ready: bool = True, **changes: Any) -> None:
        """Tell a coordinator what this engine loaded."""
        now = dt.datetime.now(dt.UTC)
        values: dict[str, Any] = {"url": self.engine, "loaded": sorted(self.loaded), "syncer_url": self.url}
        values |= {"ready": ready, "verified_at": dict.fromkeys(self.loaded, now)}
        report = EngineReport(**values | {"load_seconds": dict.fromkeys(self.loaded, 0.25)} | changes)
        answer = api.put("/v1/engines", json=report.model_dump(mode="json"))
        assert answer.status_code == 204, answer.text


@contextmanager
def fake_syncer(api: Api, *loaded: str) -> Iterator[FakeSyncer]:
    """A syncer that has reported to a coordinator what its engine loaded."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, answer = syncer.answer(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        syncer = FakeSyncer(f"http://127.0.0.1:{server.server_port}", set(loaded))
        try:
            syncer.report(api)
            yield syncer
        finally:
            server.shutdown()
            thread.join()
