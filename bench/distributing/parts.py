"""Morrow's processes on their hosts, each with only its own settings."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.distributing.hosts import Host, Process
from bench.distributing.servers import Servers

BUCKET = "morrow"
METRICS_PORT = 9100
_STORE = {"MORROW_STORE", "MORROW_STORE_CACHE", "MORROW_STORE_OPTIONS"}
_AWS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"}
_WORKER = {"MORROW_COORDINATOR_URL", "MORROW_TOKEN", "MORROW_BROKER_URL", "MORROW_METRICS_HOST", "MORROW_METRICS_PORT"}
ALLOWED = {
    "coordinator": {"MORROW_DATABASE_URL", "MORROW_BROKER_URL", "MORROW_HOST", "MORROW_PORT", "MORROW_LEASE_SECONDS"}
    | {"MORROW_RESEND_AFTER"}
    | _STORE
    | _AWS,
    "engine": {"MORROW_ENGINE_HOST", "MORROW_ENGINE_PORT", "MORROW_ENGINE_THREADS", "MORROW_BASE_MODEL_PATH"},
    "syncer": {"MORROW_COORDINATOR_URL", "MORROW_TOKEN", "MORROW_ENGINE_URL", "MORROW_BASE_MODEL_PATH"}
    | {"MORROW_SYNCER_HOST", "MORROW_SYNCER_PORT"}
    | _STORE
    | _AWS,
    "inference": _WORKER | {"MORROW_ENGINE_URL", "MORROW_BASE_MODEL_PATH"},
    "evaluator": _WORKER,
    "trainer": _WORKER | {"MORROW_BASE_MODEL_PATH", "MORROW_TRAINER_THREADS"} | _STORE | _AWS,
}
"""The variables of Morrow, AWS and Postgres that a process of a role may have."""


@dataclass(frozen=True)
class Known:
    """The addresses, credentials and paths that parts share."""

    servers: Servers
    coordinators: tuple[str, str]
    model: Path
    token: str = ""

    def store(self, host: Host) -> dict[str, str]:
        """Settings of the checkpoint store, with the host's own cache folder."""
        return self.servers.aws | {
            "MORROW_STORE": f"s3://{BUCKET}/checkpoints",
            "MORROW_STORE_CACHE": str(host.folder / "checkpoints"),
            "MORROW_STORE_OPTIONS": json.dumps({"endpoint_url": self.servers.s3_url}),
        }

    def coordinator(self, first: int) -> dict[str, str]:
        """Both coordinators' URLs, number `first` first, and the workers' token."""
        urls = (self.coordinators[first], self.coordinators[1 - first])
        return {"MORROW_COORDINATOR_URL": ",".join(urls), "MORROW_TOKEN": self.token}

    def worker(self, host: Host, first: int) -> dict[str, str]:
        """Settings of every Celery worker."""
        metrics = {"MORROW_METRICS_HOST": host.address, "MORROW_METRICS_PORT": str(METRICS_PORT)}
        return self.coordinator(first) | metrics | {"MORROW_BROKER_URL": self.servers.broker_url}


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", module, *arguments)


def start_coordinator(host: Host, known: Known) -> Process:
    """Start a coordinator; each migrates the database."""
    own = known.store(host) | {
        "MORROW_DATABASE_URL": known.servers.database_url,
        "MORROW_BROKER_URL": known.servers.broker_url,
        "MORROW_HOST": host.address,
        "MORROW_PORT": "8700",
        "MORROW_LEASE_SECONDS": "15",
        "MORROW_RESEND_AFTER": "5",
    }
    return host.start("coordinator", _python("services.coordinator.main"), own)


def make_token(host: Host, database_url: str, name: str, *scopes: str) -> str:
    """Create a token with the coordinator's own command, directly in the database."""
    flags = [word for scope in scopes for word in ("--scope", scope)]
    command = host.command(*_python("services.coordinator.auth.cli", "create", name, *flags))
    own = host.environment({"MORROW_DATABASE_URL": database_url})
    return subprocess.run(
        command, env=own, cwd=host.folder, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def start_inference(host: Host, known: Known, first: int) -> list[Process]:
    """Start an engine, its syncer and an inference worker."""
    model = {"MORROW_BASE_MODEL_PATH": str(known.model)}
    address = {"MORROW_ENGINE_HOST": host.address, "MORROW_ENGINE_PORT": "8701", "MORROW_ENGINE_THREADS": "1"}
    engine = {"MORROW_ENGINE_URL": f"http://{host.address}:8701"} | model
    syncer = {"MORROW_SYNCER_HOST": host.address, "MORROW_SYNCER_PORT": "8702"} | known.coordinator(first)
    return [
        host.start("engine", _python("services.inference.cpu_engine.main"), address | model),
        host.start("syncer", _python("services.inference.syncer.main"), engine | syncer | known.store(host)),
        host.start("inference", _python("services.inference.worker.main"), engine | known.worker(host, first)),
    ]


def start_evaluator(host: Host, known: Known, first: int) -> list[Process]:
    """Start an evaluator worker."""
    return [host.start("evaluator", _python("services.evaluator.main", "worker"), known.worker(host, first))]


def start_trainer(host: Host, known: Known, first: int) -> list[Process]:
    """Start the trainer worker."""
    own = known.worker(host, first) | known.store(host) | {"MORROW_TRAINER_THREADS": "1"}
    own |= {"MORROW_BASE_MODEL_PATH": str(known.model)}
    return [host.start("trainer", _python("services.trainer.main"), own)]


def answers(url: str, headers: Mapping[str, str] | None = None) -> Callable[[], bool]:
    """A check whether a GET of `url` has status 200."""

    def ready() -> bool:
        try:
            return httpx.get(url, timeout=2.0, trust_env=False, headers=headers).status_code == 200
        except httpx.TransportError:
            return False

    return ready
