"""The coordinator with its servers and instant workers, as processes on one loopback address."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from bench.distributing.hosts import ROOT, Host, Process
from bench.distributing.parts import make_token
from bench.distributing.servers import start_postgres, start_valkey

PATIENCE = 240.0
KINDS = ("generate", "evaluate", "train")
Json = dict[str, Any]


@dataclass(frozen=True)
class Workers:
    """The workers of a kind: their processes, the steps that each works on at once, and the seconds of a step.

    With one step at a time a process is what production runs: a Celery worker with one pool child. More are threads.
    """

    processes: int = 1
    threads: int = 1
    seconds: float = 0.0


@dataclass
class Stack:
    """A running coordinator; `client` calls it, `folder` holds the database, the store and the logs."""

    host: Host
    database_url: str
    broker_url: str
    client: httpx.Client
    coordinator: Process
    token: str
    folder: Path
    database: psycopg.Connection[Any]
    _started: int = field(default=0)

    def start_workers(self, workers: dict[str, Workers]) -> list[Process]:
        """Start instant workers and wait until all consume their queue."""
        processes = [self._start_worker(kind, size) for kind, size in workers.items() for _ in range(size.processes)]
        for process in processes:
            wait(lambda process=process: process.says(" ready."), f"worker {process.name}")
        return processes

    def _start_worker(self, kind: str, size: Workers) -> Process:
        self._started += 1
        name = f"{kind}-{self._started}"
        figures = (str(size.threads), str(self.times(name)), str(size.seconds))
        words = (sys.executable, "-P", "-m", "bench.coordinating.worker", kind, *figures)
        return self.host.start(name, words, self._settings())

    def _settings(self) -> dict[str, str]:
        return {
            "MORROW_COORDINATOR_URL": str(self.client.base_url),
            "MORROW_TOKEN": self.token,
            "MORROW_BROKER_URL": self.broker_url,
            "MORROW_STORE": str(self.folder / "store"),
            "MORROW_LOG_LEVEL": "INFO",
        }

    def stop(self, processes: Sequence[Process]) -> None:
        """Stop workers."""
        for process in processes:
            process.end(signal.SIGKILL)
            process.popen.wait()

    def times(self, name: str) -> Path:
        """The file in which a worker records its calls."""
        return self.folder / f"{name}.times"

    def calls(self) -> list[Json]:
        """What all workers recorded so far, see `worker.Timed`."""
        return [json.loads(line) for path in self.folder.glob("*.times") for line in path.read_text().splitlines()]

    def post(self, path: str, body: Json) -> Any:
        """POST; raises httpx.HTTPStatusError unless accepted."""
        answer = self.client.post(path, json=body)
        answer.raise_for_status()
        return answer.json()

    def query(self, statement: str, *values: Any) -> list[Any]:
        """Rows of a query on the database, bypassing the coordinator."""
        return self.database.execute(statement.encode(), values).fetchall()

    def state(self, run: str) -> str:
        """The state of a run."""
        return str(self.query("select state from runs where name = %s", run)[0][0])

    def cpu(self) -> dict[str, float]:
        """Processor seconds (user and system) so far of the coordinator and of Postgres, all their processes."""
        postgres = next(process for process in self.host.processes if process.name == "postgres")
        return {"coordinator": _tree_seconds(self.coordinator), "postgres": _tree_seconds(postgres)}


def _tree_seconds(process: Process) -> float:
    leader = psutil.Process(process.popen.pid)
    own = leader.cpu_times()
    # Of children that ended the leader has the sum, once it has waited for them.
    total = own.user + own.system + own.children_user + own.children_system
    for child in leader.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def wait(happened: Callable[[], object], what: str, every: float = 0.1) -> None:
    """Poll until `happened` is truthy; exits at the timeout."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            raise SystemExit(f"timeout waiting for {what}")
        time.sleep(every)


def _listens(database_url: str) -> bool:
    try:
        psycopg.connect(database_url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def stack(settings: dict[str, str] | None = None, *, durable: bool = True) -> Iterator[Stack]:
    """Postgres, Valkey and a coordinator with these settings; `durable`: commits wait for the disk."""
    with tempfile.TemporaryDirectory(prefix="morrow-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postgres runs under another account
        host = Host("bench", f"127.78.{os.getpid() % 250 + 1}.11", folder / "host", None)
        host.folder.mkdir()
        try:
            yield _start(host, folder, settings or {}, durable=durable)
        finally:
            for process in reversed(host.processes):
                process.end(signal.SIGKILL)
                process.popen.wait()


def _start(host: Host, folder: Path, settings: dict[str, str], *, durable: bool) -> Stack:
    database_url, broker_url = start_postgres(host, durable=durable), start_valkey(host)
    wait(lambda: _listens(database_url), "Postgres")
    own = {
        "MORROW_DATABASE_URL": database_url,
        "MORROW_BROKER_URL": broker_url,
        "MORROW_HOST": host.address,
        "MORROW_PORT": "8700",
        "MORROW_STORE": str(folder / "store"),
        "MORROW_RATE_PER_SECOND": "0",
    }
    coordinator = host.start("coordinator", (sys.executable, "-P", "-m", "services.coordinator.main"), own | settings)
    client = httpx.Client(base_url=f"http://{host.address}:8700", timeout=120, trust_env=False)
    wait(lambda: _ready(client), "the coordinator")
    token = make_token(host, database_url, "bench", "operate", "worker")
    client.headers["Authorization"] = f"Bearer {token}"
    database = psycopg.connect(database_url, autocommit=True)
    return Stack(host, database_url, broker_url, client, coordinator, token, folder, database)


def machine() -> Json:
    """The processor, the number of cores and the load average (1, 5 and 15 minutes)."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return {"processor": model, "cores": os.cpu_count(), "load": [round(part, 2) for part in os.getloadavg()]}


__all__ = ["KINDS", "ROOT", "Json", "Stack", "Workers", "machine", "stack", "wait"]
