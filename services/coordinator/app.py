"""The coordinator's HTTP application."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from fastapi import FastAPI, Request, Response
from sqlalchemy import text
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from starlette.types import Scope

from services.coordinator.auth import routes as tokens
from services.coordinator.auth.identity import Access, Callers
from services.coordinator.auth.middleware import RULE, Gate
from services.coordinator.backfills import routes as backfills
from services.coordinator.backoff import Backoff
from services.coordinator.checkpoints import routes as checkpoints
from services.coordinator.comparisons import routes as compare
from services.coordinator.corpora import routes as corpora
from services.coordinator.database import Sessions
from services.coordinator.dependencies import Deps
from services.coordinator.imports import routes as imports
from services.coordinator.metrics import make_registry
from services.coordinator.panels import routes as panels
from services.coordinator.prices import routes as prices
from services.coordinator.reports import routes as reports
from services.coordinator.results import routes as results
from services.coordinator.serving import routes as serving
from services.coordinator.serving.dependencies import ServingSide
from services.coordinator.serving.limits import ServingRules
from services.coordinator.steps import routes as steps
from shared.checkpoints import CheckpointStore
from shared.errors import InvalidInputError, UnavailableError
from shared.web.body_limit import BodyLimit
from shared.web.problems import install_health, install_problems, problem_response

log = logging.getLogger(__name__)
MIB = 2**20
MOST_SMALL_BODY = MIB
"""Bytes of a request that brings no rows."""
MODULES = (
    corpora,
    panels,
    prices,
    backfills,
    results,
    reports,
    compare,
    checkpoints,
    serving,
    imports,
    steps,
    tokens,
)
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
    "tokens": "Who may ask for what.",
    "health": "Whether the coordinator lives and can work.",
}


def create_app(
    sessions: Sessions,
    store: CheckpointStore,
    *,
    lease_seconds: float = 30,
    ready: Callable[[], None] | None = None,
    backoff: Backoff | None = None,
    access: Access | None = None,
    max_body: int = 64 * MIB,
    lifespan: Any = None,
    rules: ServingRules | None = None,
) -> FastAPI:
    """The coordinator over a database and a checkpoint store.

    `access` is how its gate is set, and `max_body` what an import or a result may have, in bytes.
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
    _install_gate(app, sessions, access or Access(), max_body)
    return app


def _install_gate(app: FastAPI, sessions: Sessions, access: Access, max_body: int) -> None:
    def most(scope: Scope) -> int:
        return max_body if scope["state"][RULE].large else min(max_body, MOST_SMALL_BODY)

    cure = "send it in parts, or raise MORROW_MAX_BODY_MIB for imports and results"
    app.add_middleware(BodyLimit, limit=most, cure=cure)
    app.add_middleware(Gate, routes=app.routes, callers=Callers(sessions, access), access=access)


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

    def not_storable(_: Request, error: Exception) -> Response:
        log.info("the database refuses a value: %s", error)
        return problem_response(InvalidInputError("a value cannot be stored: it holds NUL or is out of range"))

    app.add_exception_handler(DataError, not_storable)
    app.add_exception_handler(OperationalError, unavailable)
    app.add_exception_handler(InterfaceError, unavailable)
