"""The OpenAPI document: the security scheme, and the problem+json answers that all routes share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from services.coordinator.api.scopes import SCHEME, response_of
from shared.errors import (
    KINDS,
    ForbiddenError,
    InvalidInputError,
    MorrowError,
    TooLargeError,
    TooManyError,
    UnauthorizedError,
    UnavailableError,
)
from shared.web.problems import PROBLEM_JSON

PROBLEM: Mapping[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "An error as RFC 9457 describes it.",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "description": "urn:morrow:problem:CODE"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, and the cure."},
        "errors": {
            "type": "array",
            "description": "The fields at fault.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
BEARER: Mapping[str, Any] = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token made by `morrow token create`. Until there is one, callers on the same machine need none.",
}
_OF_TOKENS = (UnauthorizedError, ForbiddenError, TooManyError, UnavailableError)
"""Answers of the authentication middleware, which looks tokens up in the database and counts requests."""


class CoordinatorApi(FastAPI):
    """FastAPI, with security and error answers in its OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        """The document; FastAPI makes it once for a set of routes."""
        document = super().openapi()
        components = document.setdefault("components", {})
        # FastAPI caches the document and makes it anew when routes are added, without what is completed here.
        if "securitySchemes" not in components:
            _complete(document, components)
        return document


def _complete(document: dict[str, Any], components: dict[str, Any]) -> None:
    components["securitySchemes"] = {SCHEME: dict(BEARER)}
    errors: tuple[type[MorrowError], ...] = (MorrowError, *KINDS)
    components["responses"] = {error.__name__: _response(error) for error in errors}
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = dict(PROBLEM)
    for path in document["paths"].values():
        for operation in path.values():
            _add_shared_answers(operation)
    # FastAPI's own schemas of a 422, in whose place a problem is answered.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)


def _response(error: type[MorrowError]) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": (error.__doc__ or "").strip(), "content": {PROBLEM_JSON: {"schema": schema}}}


def _add_shared_answers(operation: dict[str, Any]) -> None:
    """Document what any route of this form may answer: a body limit stands before all of them."""
    answers = operation["responses"]
    shared: list[type[MorrowError]] = [TooLargeError, *(_OF_TOKENS if operation.get("security") else ())]
    # FastAPI documents a 422 wherever it validates parameters or a body.
    shared += [InvalidInputError] if "422" in answers else []
    for error in shared:
        answers[str(error.status)] = response_of(error)
