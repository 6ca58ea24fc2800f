"""Problem+json error responses and health routes, for every HTTP service."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.exceptions import HTTPException

from shared.errors import InvalidInputError, MorrowError, NotFoundError
from shared.text.redact import masked

PROBLEM_JSON = "application/problem+json"
log = logging.getLogger(__name__)


def problem_response(error: MorrowError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as RFC 9457 problem+json, secrets redacted."""
    body = error.problem() | {"detail": masked(error.detail)}
    return JSONResponse(body, status_code=error.status, headers=headers, media_type=PROBLEM_JSON)


def _field_errors(error: RequestValidationError) -> list[dict[str, str]]:
    return [
        {"field": ".".join(str(part) for part in e["loc"]), "message": str(e["msg"]).removeprefix("Value error, ")}
        for e in error.errors()
    ]


def install_problems(app: FastAPI) -> None:
    """Answer every error of the tree, every refused request and every unknown route as problem+json."""

    @app.exception_handler(MorrowError)
    def _morrow(_: Request, error: MorrowError) -> Response:
        return problem_response(error)

    @app.exception_handler(RequestValidationError)
    def _invalid(_: Request, error: RequestValidationError) -> Response:
        fields = _field_errors(error)
        detail = "; ".join(f"{e['field']}: {e['message']}" for e in fields)
        return problem_response(InvalidInputError(detail, errors=fields))

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return problem_response(NotFoundError(f"no such route: {request.url.path}"))
        body = {"type": "about:blank", "title": str(error.detail), "status": error.status_code}
        return JSONResponse(body, error.status_code, error.headers, PROBLEM_JSON)

    @app.exception_handler(Exception)
    def _unexpected(request: Request, error: Exception) -> Response:
        log.error("unhandled error at %s", request.url.path, exc_info=error)
        return problem_response(MorrowError("an unexpected error occurred; the service's log has it"))


def install_health(
    app: FastAPI,
    ready: Callable[[], None],
    registry: CollectorRegistry,
    extras: Mapping[str, dict[str, Any]] | None = None,
) -> None:
    """/healthz (the process lives), /readyz (`ready` raises a MorrowError if not) and /metrics (Prometheus).

    `extras` holds what the application adds to their OpenAPI operations, by path.
    """
    extras = extras or {}

    @app.get("/healthz", tags=["health"], openapi_extra=extras.get("/healthz"))
    def healthz() -> dict[str, str]:
        """200 while the process runs."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"], openapi_extra=extras.get("/readyz"))
    def readyz() -> dict[str, str]:
        """200 if the service can do its work, 503 with the reason if not."""
        ready()
        return {"status": "ready"}

    @app.get("/metrics", tags=["health"], openapi_extra=extras.get("/metrics"))
    def metrics() -> Response:
        """Prometheus metrics."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
