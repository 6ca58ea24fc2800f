"""The scopes that routes declare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from services.coordinator.api.scopes import OPEN, UNDECLARED, UNROUTED, Requirement, requirement_of, scope
from services.coordinator.app import create_app
from services.coordinator.auth.identity import Access
from services.coordinator.auth.middleware import AuthMiddleware


def middleware(app: FastAPI, access: Access | None = None) -> AuthMiddleware:
    """The middleware over an application's routes."""
    return AuthMiddleware(Mock(), app.routes, Mock(), access or Access())


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """The application without a database: only its routes are read."""
    return create_app(Mock(), Mock())


def requirements(app: FastAPI) -> Iterator[tuple[str, str, Requirement]]:
    """Method, path and requirement of every route."""
    authentication = middleware(app)
    for context in iter_route_contexts(app.routes):
        for method in context.methods or ():
            # A parameter's own name in braces matches as its value would.
            yield method, str(context.path), authentication.requirement(method, str(context.path))


def test_every_route_declares_a_scope(app: FastAPI) -> None:
    found = list(requirements(app))
    assert len(found) > 50
    assert [(method, path) for method, path, needed in found if needed == UNDECLARED or needed is UNROUTED] == []


def test_only_health_is_open(app: FastAPI) -> None:
    assert {path for _, path, needed in requirements(app) if needed.open} == {"/healthz", "/readyz"}


def test_read_scope_admits_to_no_route_that_changes_anything(app: FastAPI) -> None:
    changing = [needed for method, _, needed in requirements(app) if method not in ("GET", "HEAD")]
    assert all(len(needed.scopes) == 1 and "read" not in needed.scopes for needed in changing)


READERS, EVERYBODY = ("read", "operate"), ("read", "operate", "worker")
ADMITTED: list[tuple[str, str, tuple[str, ...], bool]] = [
    ("GET", "/metrics", READERS, False),
    ("GET", "/openapi.json", READERS, False),
    ("HEAD", "/docs", READERS, False),
    ("GET", "/v1/corpora", READERS, False),
    ("GET", "/v1/corpora/sample/days", READERS, False),
    ("POST", "/v1/corpora/sample/imports", ("operate",), True),
    ("GET", "/v1/corpora/sample/panels/p", READERS, False),
    ("POST", "/v1/corpora/sample/panels", ("operate",), False),
    ("GET", "/v1/prices/main", READERS, False),
    ("POST", "/v1/prices/main", ("operate",), True),
    ("GET", "/v1/backfills", READERS, False),
    ("POST", "/v1/backfills", ("operate",), False),
    ("POST", "/v1/backfills/RUN/pause", ("operate",), False),
    ("POST", "/v1/backfills/RUN/retry", ("operate",), False),
    ("GET", "/v1/backfills/RUN/rollouts", READERS, False),
    ("GET", "/v1/backfills/RUN/report", READERS, False),
    ("GET", "/v1/backfills/RUN/export/20250802", READERS, False),
    ("GET", "/v1/backfills/RUN/days/20250802/logs", READERS, False),
    ("POST", "/v1/imports/runs", ("operate",), True),
    ("GET", "/v1/compare", READERS, False),
    ("GET", "/v1/checkpoints/c/files/manifest.json", READERS, False),
    ("GET", "/v1/aliases", READERS, False),
    ("GET", "/v1/serving", EVERYBODY, False),
    ("POST", "/v1/serving", ("operate",), False),
    ("POST", "/v1/forecast", ("operate",), False),
    ("GET", "/v1/engines", READERS, False),
    ("PUT", "/v1/engines", ("worker",), False),
    ("GET", "/v1/steps/1", READERS, False),
    ("POST", "/v1/steps/1/claim", ("worker",), False),
    ("POST", "/v1/steps/1/complete", ("worker",), True),
    ("POST", "/v1/steps/1/fail", ("worker",), False),
    ("GET", "/v1/tokens", ("operate",), False),
    ("POST", "/v1/tokens", ("operate",), False),
    ("DELETE", "/v1/tokens/0123456789abcdef", ("operate",), False),
    ("GET", "/v1/nowhere", EVERYBODY, False),
    ("DELETE", "/v1/backfills", EVERYBODY, False),
]


@pytest.mark.parametrize(("method", "path", "scopes", "large"), ADMITTED)
def test_route_admits_exactly_its_scopes(
    app: FastAPI, method: str, path: str, scopes: tuple[str, ...], large: bool
) -> None:
    assert middleware(app).requirement(method, path) == Requirement(frozenset(scopes), large)


def test_metrics_are_open_where_the_setting_says_so() -> None:
    access = Access(metrics_open=True)
    app = create_app(Mock(), Mock(), access=access)
    assert middleware(app, access).requirement("GET", "/metrics") == OPEN


def test_route_without_a_declaration_admits_nobody() -> None:
    assert requirement_of(None) == requirement_of({"tags": ["x"]}) == UNDECLARED
    assert not UNDECLARED.open
    assert UNDECLARED.scopes == frozenset()


@pytest.mark.parametrize("large", [False, True])
def test_declaration_is_read_as_it_was_written(large: bool) -> None:
    extra: dict[str, Any] = scope("read", "worker", large=large)
    assert requirement_of(extra) == Requirement(frozenset(EVERYBODY), large)
    assert requirement_of(scope()) == OPEN
