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

from services.coordinator.api.openapi import CoordinatorApi
from services.coordinator.api.scopes import scope
from services.coordinator.auth import routes as tokens
from services.coordinator.auth.identity import Access, Authenticator
from services.coordinator.auth.middleware import REQUIREMENT, AuthMiddleware
from services.coordinator.backfills import routes as backfills
from services.coordinator.backoff import Backoff
from services.coordinator.checkpoints import routes as checkpoints
from services.coordinator.comparisons import routes as compare
from services.coordinator.corpora import routes as corpora
from services.coordinator.database import Sessions
from services.coordinator.dependencies import Deps
from services.coordinator.exports import routes as exports
from services.coordinator.imports import routes as imports
from services.coordinator.metrics import make_registry
from services.coordinator.panels import routes as panels
from services.coordinator.prices import routes as prices
from services.coordinator.reports import routes as reports
from services.coordinator.results import routes as results
from services.coordinator.scheduling.service import resume_waiting
from services.coordinator.serving import routes as serving
from services.coordinator.serving.dependencies import ServingDeps
from services.coordinator.serving.limits import ServingLimits
from services.coordinator.steps import routes as steps
from shared.checkpoints import CheckpointStore
from shared.errors import InvalidInputError, UnavailableError
from shared.web.body_limit import BodyLimit
from shared.web.problems import install_health, install_problems, problem_response

log = logging.getLogger(__name__)
MIB = 2**20
MAX_SMALL_BODY = MIB
"""Bytes that the body of a request may have, unless it contains rows."""
MODULES = (
    corpora,
    panels,
    prices,
    backfills,
    results,
    reports,
    exports,
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
    "prices": "Daily closes that settle claims.",
    "backfills": "Runs: one pass over past days.",
    "days": "The days of a run.",
    "results": "Steps, rollouts, evaluations and events of a run.",
    "reports": "Reports of a run.",
    "exports": "Days of a run in the legacy layout.",
    "compare": "Two checkpoints or runs compared, with intervals.",
    "checkpoints": "Published checkpoints and their aliases.",
    "serving": "The served checkpoint, engines, and forecasts on demand.",
    "imports": "Import of runs recorded elsewhere.",
    "steps": "The worker protocol: claim, renew, complete or fail a step.",
    "tokens": "API tokens and their scopes.",
    "health": "Liveness, readiness and metrics.",
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
    limits: ServingLimits | None = None,
) -> FastAPI:
    """The coordinator's application over a database and a checkpoint store.

    `access` configures authentication; `max_body` limits the body of an import or a result, in bytes. `ready` raises a
    MorrowError if something besides the database is missing; `lifespan` is FastAPI's; `limits` are those of serving.
    """
    serving_deps = ServingDeps.over(sessions, limits or ServingLimits())
    app = CoordinatorApi(
        title="Morrow coordinator",
        summary="Plans backfills, grants their steps to workers, stores the results.",
        version="1",
        lifespan=_lifespan(serving_deps, lifespan),
        # The routes as their modules made them: include_router would make each anew, .1 to .2 s of every start.
        routes=[route for module in MODULES for route in module.router.routes],
        openapi_tags=[{"name": name, "description": about} for name, about in TAGS.items()],
    )
    app.state.deps = Deps(sessions, store, lease_seconds, resume_waiting, backoff or Backoff())
    app.state.serving = serving_deps
    access = access or Access()
    install_problems(app)
    _install_database_errors(app)
    _install_health(app, sessions, ready, access)
    _install_middleware(app, sessions, access, max_body)
    return app


def _install_health(app: FastAPI, sessions: Sessions, ready: Callable[[], None] | None, access: Access) -> None:
    def check() -> None:
        _check_database(sessions)
        if ready:
            ready()

    extras = {
        # Open, since probes of an orchestrator bring no token.
        "/healthz": scope(),
        "/readyz": scope(raises=[UnavailableError]),
        "/metrics": scope() if access.metrics_open else scope("read"),
    }
    install_health(app, check, make_registry(sessions), extras)


def _install_middleware(app: FastAPI, sessions: Sessions, access: Access, max_body: int) -> None:
    def limit(scope: Scope) -> int:
        # Only imports and results bring rows; a small limit keeps other bodies from filling memory.
        return max_body if scope["state"][REQUIREMENT].large else min(max_body, MAX_SMALL_BODY)

    cure = "send it in parts, or raise MORROW_MAX_BODY_MIB for imports and results"
    app.add_middleware(BodyLimit, limit=limit, cure=cure)
    # Added last, it stands outermost: a caller is authenticated before a byte of the body is read.
    authenticator = Authenticator(sessions, access)
    app.add_middleware(AuthMiddleware, routes=app.routes, authenticator=authenticator, access=access)


def _lifespan(serving_deps: ServingDeps, lifespan: Any) -> Any:
    @asynccontextmanager
    async def combined(app: FastAPI) -> AsyncIterator[None]:
        async with lifespan(app) if lifespan else nullcontext():
            yield
        # After the last request: a forecast under way needs its connection.
        await serving_deps.close()

    return combined


def _check_database(sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.execute(text("select 1"))


def _install_database_errors(app: FastAPI) -> None:
    """503 while the database is away or undid a transaction, since workers retry it; 422 for values it cannot store."""

    def unavailable(_: Request, error: Exception) -> Response:
        log.warning("the database does not answer: %s", error)
        return problem_response(UnavailableError("the database does not answer; try again in a moment"))

    def not_storable(_: Request, error: Exception) -> Response:
        log.info("the database refuses a value: %s", error)
        return problem_response(InvalidInputError("a value cannot be stored: it contains NUL or is out of range"))

    app.add_exception_handler(DataError, not_storable)
    app.add_exception_handler(OperationalError, unavailable)
    app.add_exception_handler(InterfaceError, unavailable)
