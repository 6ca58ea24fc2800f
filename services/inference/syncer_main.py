"""The syncer's composition root: it stands beside one engine and keeps it holding what is wanted."""

from __future__ import annotations

import logging
import signal
import threading
import time

import httpx

from services.inference.admin import HttpEngineAdmin, HttpServing
from services.inference.settings import InferenceSettings
from services.inference.syncer import Pace, Syncer
from shared.checkpoints import open_store
from shared.logging import configure_logging

log = logging.getLogger(__name__)


def run(settings: InferenceSettings, stop: threading.Event) -> None:
    """Tick until `stop` is set."""
    with (
        httpx.Client(base_url=settings.coordinator_url, timeout=settings.request_timeout) as coordinator,
        httpx.Client(base_url=settings.engine_url, timeout=settings.engine_timeout) as engine,
    ):
        syncer = Syncer(
            serving=HttpServing(coordinator),
            engine=HttpEngineAdmin(engine),
            store=open_store(settings.store, settings.store_cache, settings.store_options),
            url=settings.engine_url,
            clock=time.monotonic,
            pace=Pace(settings.sync_grace, settings.sync_retry, settings.sync_report),
        )
        log.info("syncing the engine at %s with the coordinator at %s", settings.engine_url, settings.coordinator_url)
        while not stop.wait(settings.sync_period):
            syncer.tick()


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = InferenceSettings()
    configure_logging(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(settings, stop)


if __name__ == "__main__":
    main()
