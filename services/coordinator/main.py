"""The coordinator process: `serve` (the default) or `migrate`."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import uvicorn
from celery import Celery
from fastapi import FastAPI
from sqlalchemy import Engine

from services.coordinator.app import MIB, create_app
from services.coordinator.auth.identity import Access
from services.coordinator.background import PeriodicTask
from services.coordinator.backoff import Backoff
from services.coordinator.database import Sessions, make_engine, make_sessions, migrate
from services.coordinator.retention import PRUNE_INTERVAL, prune
from services.coordinator.scheduling.service import poll_waiting_runs
from services.coordinator.serving.engines import expire_engines
from services.coordinator.serving.limits import ServingLimits
from services.coordinator.serving.panel_promotions import decide_promotions
from services.coordinator.settings import CoordinatorSettings
from services.coordinator.steps.outbox import Publisher, backlog_of, sender, with_timeouts
from services.coordinator.steps.sweeper import expire_leases, resend_lost
from shared.checkpoints import CheckpointStore, open_store
from shared.logging import configure_logging
from shared.worker.celery import make_celery


def build_app(settings: CoordinatorSettings, engine: Engine) -> FastAPI:
    """The application with its background tasks, on the servers that the settings name."""
    sessions = make_sessions(engine)
    celery = with_timeouts(make_celery(settings.broker_url))
    backoff = Backoff(settings.backoff_base, settings.backoff_cap)
    store = open_store(settings.store, settings.store_cache, settings.store_options)
    repeaters = [*_repeaters(settings, sessions, celery, backoff), *_serving_repeaters(settings, sessions, store)]

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for repeater in repeaters:
            repeater.start()
        yield
        for repeater in repeaters:
            repeater.stop()

    def check_broker() -> None:
        backlog_of(celery)("generate")

    return create_app(
        sessions,
        store,
        lease_seconds=settings.lease_seconds,
        ready=check_broker,
        backoff=backoff,
        access=_access(settings),
        max_body=settings.max_body_mib * MIB,
        lifespan=lifespan,
        limits=_serving_limits(settings),
    )


def _serving_limits(settings: CoordinatorSettings) -> ServingLimits:
    return ServingLimits(
        stale_after=settings.engine_stale_after,
        forecast_timeout=settings.forecast_timeout,
        forecast_patience=settings.forecast_patience,
        max_forecasts=settings.forecast_max,
    )


def _access(settings: CoordinatorSettings) -> Access:
    local, rate, burst = settings.local_token.get_secret_value(), settings.rate_per_second, settings.rate_burst
    return Access(settings.auth, local, settings.metrics_open, rate, burst)


def _repeaters(
    settings: CoordinatorSettings, sessions: Sessions, celery: Celery, backoff: Backoff
) -> list[PeriodicTask]:
    backlog, sweep_every = backlog_of(celery), settings.sweep_every
    return [
        _publisher(settings, sessions, celery),
        PeriodicTask("lease sweeper", lambda: expire_leases(sessions, backoff), sweep_every),
        PeriodicTask("message sweeper", lambda: resend_lost(sessions, backlog, settings.resend_after), sweep_every),
        PeriodicTask("outcome sweeper", lambda: poll_waiting_runs(sessions), settings.mature_every),
        PeriodicTask("pruner", lambda: prune(sessions, settings.event_days), PRUNE_INTERVAL),
    ]


def _publisher(settings: CoordinatorSettings, sessions: Sessions, celery: Celery) -> PeriodicTask:
    publisher = Publisher(sessions, sender(celery), per_run=settings.queued_per_run)
    task = PeriodicTask("publisher", publisher.publish, settings.publish_every)
    publisher.wake_at_commit(task.wake)
    return task


def _serving_repeaters(settings: CoordinatorSettings, sessions: Sessions, store: CheckpointStore) -> list[PeriodicTask]:
    return [
        PeriodicTask("promoter", lambda: decide_promotions(sessions, store), settings.sweep_every),
        PeriodicTask(
            "engine sweeper", lambda: expire_engines(sessions, settings.engine_expire_after), settings.sweep_every
        ),
    ]


def serve(settings: CoordinatorSettings, engine: Engine) -> None:
    """Serve HTTP until stopped."""
    app = build_app(settings, engine)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # else X-Forwarded-For would set the peer, and a remote caller could pass for loopback
        timeout_graceful_shutdown=10,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name, with settings from the environment."""
    parser = argparse.ArgumentParser(prog="python -m services.coordinator.main", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["serve", "migrate"], default="serve")
    command = parser.parse_args(arguments).command
    settings = CoordinatorSettings()
    configure_logging(settings.log_level)
    engine = make_engine(settings.database_url, settings.pool_size)
    if command == "migrate" or settings.migrate_on_start:
        migrate(engine)
    if command == "serve":
        serve(settings, engine)
    engine.dispose()


if __name__ == "__main__":
    main()
