"""The syncer's composition root: a sidecar that keeps one engine's policies in sync and serves forecasts on it."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI

from services.inference.engine_client import HttpEngine
from services.inference.sampling.tokenizer import HfTokenizer
from services.inference.settings import InferenceSettings
from services.inference.syncer.app import create_app
from services.inference.syncer.clients import CoordinatorClient, HttpEngineAdmin, HttpWeightAdmin
from services.inference.syncer.forecasts import Forecaster
from services.inference.syncer.loaded import LoadedPolicies, Readiness
from services.inference.syncer.metrics import SyncerMetrics
from services.inference.syncer.reconciler import Clocks, Pace, Syncer
from services.inference.syncer.weight_slot import WeightSlot
from shared.checkpoints import open_store
from shared.errors import InvalidInputError
from shared.http import bearer
from shared.logging import configure_logging
from shared.worker.failover import client_of

log = logging.getLogger(__name__)
GRACE = 60
"""Seconds that forecasts in flight get to finish after SIGTERM."""


def make_slot(settings: InferenceSettings, engine: httpx.Client, loaded: LoadedPolicies) -> WeightSlot | None:
    """The weight slot, if MORROW_SERVED_WEIGHTS is set. Raises InvalidInputError without the base model's folder."""
    if not settings.served_weights:
        return None
    base = Path(settings.base_model_source)
    if not (base / "config.json").is_file():
        raise InvalidInputError(
            "MORROW_BASE_MODEL_PATH: with MORROW_SERVED_WEIGHTS it must be the base model's folder, since weights are "
            f"compared with it before an engine sees them; {str(base)!r} holds no config.json"
        )
    return WeightSlot(HttpWeightAdmin(engine), loaded, base.absolute())


def make_syncer(
    settings: InferenceSettings, syncer_url: str, engine_url: str, loaded: LoadedPolicies, metrics: SyncerMetrics
) -> Syncer:
    """The reconciler of one engine, which others reach at `engine_url`. Raises InvalidInputError as `make_slot`."""
    coordinator = client_of(
        settings.coordinator_url, settings.request_timeout, bearer(settings.token.get_secret_value())
    )
    engine = httpx.Client(base_url=settings.engine_url, timeout=settings.sync_timeout)
    return Syncer(
        coordinator=CoordinatorClient(coordinator, settings.sync_period),
        engine=HttpEngineAdmin(engine),
        store=open_store(settings.store, settings.store_cache, settings.store_options),
        loaded=loaded,
        url=engine_url,
        clocks=Clocks(time.monotonic, lambda: dt.datetime.now(dt.UTC)),
        syncer_url=syncer_url,
        slot=make_slot(settings, engine, loaded),
        pace=Pace(settings.sync_grace, settings.sync_retry, settings.sync_report),
        metrics=metrics,
    )


def make_app(settings: InferenceSettings, syncer_url: str, stop: threading.Event) -> tuple[FastAPI, Callable[[], None]]:
    """The service, and the function that stops its loop and deregisters the engine."""
    sampler = HttpEngine.at(settings.engine_url, settings.engine_timeout, settings.engine_concurrency)
    loaded, metrics = LoadedPolicies(), SyncerMetrics()
    url = settings.engine_public_url or settings.engine_url
    syncer = make_syncer(settings, settings.syncer_public_url or syncer_url, url, loaded, metrics)
    loop = threading.Thread(
        target=tick_until_stopped, args=(syncer, settings.sync_period, stop), name="sync", daemon=True
    )

    @cache
    def tokenizer() -> HfTokenizer:
        return HfTokenizer(settings.base_model_source)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loop.start()
        log.info("syncing the engine at %s with the coordinator at %s", settings.engine_url, settings.coordinator_url)
        async with sampler:
            yield

    def leave() -> None:
        stop.set()
        loop.join()
        syncer.deregister()

    forecaster = Forecaster(
        sampler,
        tokenizer,
        loaded,
        url,
        settings.engine_concurrency,
        settings.forecast_patience,
        settings.served_weights,
    )
    return create_app(forecaster, loaded, metrics, lifespan), leave


def tick_until_stopped(syncer: Syncer, period: float, stop: threading.Event) -> None:
    """Tick every `period` seconds until `stop` is set; a tick long-polls the coordinator for most of its period.

    An unexpected error is logged, and the engine counts as not ready until the next tick.
    """
    left = 0.0
    while not stop.wait(left):
        began = time.monotonic()
        try:
            syncer.tick()
        except Exception:
            log.exception("unexpected error: the engine counts as not ready")
            syncer.loaded.readiness = Readiness(False, "an unexpected error; the syncer's log has it")
        left = max(0.0, period - (time.monotonic() - began))


class Server(uvicorn.Server):
    """A server that deregisters its engine before it stops listening."""

    def __init__(self, config: uvicorn.Config, leave: Callable[[], None]) -> None:
        super().__init__(config)
        self._leave = leave

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Deregister, then let forecasts in flight finish."""
        await asyncio.to_thread(self._leave)
        await super().shutdown(sockets)


def run(settings: InferenceSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    with socket.create_server((settings.syncer_host, settings.syncer_port)) as listener:
        host = settings.syncer_host if ":" not in settings.syncer_host else f"[{settings.syncer_host}]"
        app, leave = make_app(settings, f"http://{host}:{listener.getsockname()[1]}", threading.Event())
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE)
        Server(config, leave).run([listener])


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = InferenceSettings()
    configure_logging(settings.log_level)
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn handles these, and then raises them once more
        signal.signal(number, lambda *_: None)
    run(settings)


if __name__ == "__main__":
    main()
