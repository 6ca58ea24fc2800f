"""The coordinator's HTTP application."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from fastapi import FastAPI, Request, Response
from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError

from services.coordinator.backoff import Backoff
from services.coordinator.database import Sessions
from services.coordinator.metrics import make_registry
from services.coordinator.routes import (
    backfills,
    checkpoints,
    compare,
    corpora,
    days,
    imports,
    panels,
    prices,
    reports,
    results,
    serving,
    steps,
)
from services.coordinator.routes.deps import Deps
from services.coordinator.serving_rules import ServingRules
from services.coordinator.serving_side import ServingSide
from shared.checkpoints import CheckpointStore
from shared.errors import UnavailableError
from shared.web import install_health, install_problems, problem_response

log = logging.getLogger(__name__)
MODULES = (corpora, panels, prices, backfills, days, results, reports, compare, checkpoints, serving, imports, steps)
TAGS = {
    "corpora": "Headlines by day, with their real publication times.",
    "panels": "Headlines held out of training, the same for every checkpoint.",
    "prices": "Daily closes that claims are settled against.",
    "backfills": "Runs: one pass over past days.",
    "days": "The days of a run.",
    "results": "What a run produced, and what happened to it.",
    "reports": "What a run came to.",
    "compare": "Two checkpoints or runs side by side.",
    "checkpoints": "Published checkpoints and the names that point to them.",
    "serving": "What is served, which engines hold it, and forecasts by it.",
    "imports": "Runs that were made elsewhere.",
    "steps": "The protocol by which workers do the work.",
    "health": "Whether the coordinator lives and can work.",
}


def create_app(
    sessions: Sessions,
    store: CheckpointStore,
    *,
    lease_seconds: float = 30,
    ready: Callable[[], None] | None = None,
    backoff: Backoff | None = None,
    lifespan: Any = None,
    rules: ServingRules | None = None,
) -> FastAPI:
    """The coordinator over a database and a checkpoint store.

    `ready` raises a MorrowError if something besides the database is missing; `lifespan` is FastAPI's; `rules` are
    those of the serving side.
    """
    side = ServingSide.over(sessions, rules or ServingRules())
    app = FastAPI(
        title="Morrow coordinator",
        summary="Plans backfills, hands out their steps, keeps what they produced.",
        version="1",
        lifespan=_with(side, lifespan),
        openapi_tags=[{"name": name, "description": about} for name, about in TAGS.items()],
    )
    app.state.deps = Deps(sessions, store, lease_seconds, side, backoff or Backoff())
    install_problems(app)
    _install_database_errors(app)

    def check() -> None:
        _check_database(sessions)
        if ready:
            ready()

    install_health(app, check, make_registry(sessions))
    for module in MODULES:
        app.include_router(module.router)
    return app


def _with(side: ServingSide, lifespan: Any) -> Any:
    @asynccontextmanager
    async def whole(app: FastAPI) -> AsyncIterator[None]:
        async with lifespan(app) if lifespan else nullcontext():
            yield
        await side.close()

    return whole


def _check_database(sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.execute(text("select 1"))


def _install_database_errors(app: FastAPI) -> None:
    """A database that is away, or that undid a transaction, is worth another try: workers wait for it."""

    def unavailable(_: Request, error: Exception) -> Response:
        log.warning("the database does not answer: %s", error)
        return problem_response(UnavailableError("the database does not answer; try again in a moment"))

    app.add_exception_handler(OperationalError, unavailable)
    app.add_exception_handler(InterfaceError, unavailable)
