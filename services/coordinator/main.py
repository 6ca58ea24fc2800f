"""The coordinator process: `serve` (the default) or `migrate`."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import uvicorn
from celery import Celery
from fastapi import FastAPI
from sqlalchemy import Engine

from services.coordinator.app import create_app
from services.coordinator.backoff import Backoff
from services.coordinator.database import Sessions, make_engine, make_sessions
from services.coordinator.migrate import migrate
from services.coordinator.outbox import backlog_of, publish_due, sender, with_timeouts
from services.coordinator.repeater import Repeater
from services.coordinator.settings import CoordinatorSettings
from services.coordinator.sweeper import expire_leases, look_for_outcomes, resend_lost
from shared.checkpoints import open_store
from shared.logging import configure_logging
from shared.queue import make_celery


def build_app(settings: CoordinatorSettings, engine: Engine) -> FastAPI:
    """The application with its threads, on the servers that the settings name."""
    sessions = make_sessions(engine)
    celery = with_timeouts(make_celery(settings.broker_url))
    backoff = Backoff(settings.backoff_base, settings.backoff_cap)
    repeaters = _repeaters(settings, sessions, celery, backoff)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for repeater in repeaters:
            repeater.start()
        yield
        for repeater in repeaters:
            repeater.stop()

    def broker_answers() -> None:
        backlog_of(celery)("generate")

    store = open_store(settings.store, settings.store_cache, settings.store_options)
    return create_app(
        sessions,
        store,
        lease_seconds=settings.lease_seconds,
        ready=broker_answers,
        backoff=backoff,
        lifespan=lifespan,
    )


def _repeaters(settings: CoordinatorSettings, sessions: Sessions, celery: Celery, backoff: Backoff) -> list[Repeater]:
    send, backlog, sweep_every = sender(celery), backlog_of(celery), settings.sweep_every
    return [
        Repeater("publisher", lambda: publish_due(sessions, send), settings.publish_every),
        Repeater("lease sweeper", lambda: expire_leases(sessions, backoff), sweep_every),
        Repeater("message sweeper", lambda: resend_lost(sessions, backlog, settings.resend_after), sweep_every),
        Repeater("outcome sweeper", lambda: look_for_outcomes(sessions), settings.mature_every),
    ]


def serve(settings: CoordinatorSettings, engine: Engine) -> None:
    """Serve until stopped."""
    app = build_app(settings, engine)
    uvicorn.run(
        app, host=settings.host, port=settings.port, log_config=None, access_log=False, timeout_graceful_shutdown=10
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
