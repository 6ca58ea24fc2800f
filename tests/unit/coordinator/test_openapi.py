"""The coordinator's OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest

from services.coordinator.app import create_app
from shared.errors import InvalidInputError

Operation = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document as /openapi.json answers it."""
    found: dict[str, Any] = json.loads(json.dumps(create_app(Mock(), Mock()).openapi()))
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, Operation]]:
    """Every operation with its method and path as one text."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def errors_of(operation: Operation) -> set[str]:
    """The statuses of an operation's error answers."""
    return {status for status in operation["responses"] if status >= "400"}


def test_every_operation_names_the_scopes_it_needs(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["token"] | {"description": ""} == {
        "type": "http",
        "scheme": "bearer",
        "description": "",
    }
    entries = {name: operation["security"] for name, operation in operations(document)}
    assert {name for name, security in entries.items() if not security} == {"GET /healthz", "GET /readyz"}
    assert entries["GET /v1/serving"] == [{"token": ["read"]}, {"token": ["operate"]}, {"token": ["worker"]}]
    assert {tuple(entry) for security in entries.values() for entry in security} == {("token",)}


def test_every_operation_documents_a_client_error(document: dict[str, Any]) -> None:
    without = [name for name, operation in operations(document) if not any(e < "500" for e in errors_of(operation))]
    assert without == []


def test_every_operation_with_a_scope_documents_the_answers_of_authentication(document: dict[str, Any]) -> None:
    secured = [(name, errors_of(operation)) for name, operation in operations(document) if operation["security"]]
    assert [name for name, errors in secured if not errors >= {"401", "403", "413", "429", "503"}] == []


def test_every_error_answer_is_a_problem(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status in errors_of(operation):
            answer = operation["responses"][status]
            shared = document["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
            schema = shared["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}, (name, status)
    assert "HTTPValidationError" not in json.dumps(document)


def test_problem_schema_has_the_fields_of_a_problem(document: dict[str, Any]) -> None:
    problem = InvalidInputError("lines: too many", errors=[{"field": "lines", "message": "too many"}]).problem()
    assert problem.keys() == document["components"]["schemas"]["Problem"]["properties"].keys()


def test_operations_on_a_named_thing_document_404(document: dict[str, Any]) -> None:
    # Imports create the corpus or price set that their path names.
    creating = {"POST /v1/corpora/{name}/imports", "POST /v1/prices/{name}"}
    named = {name for name, operation in operations(document) if "{" in name and "404" not in errors_of(operation)}
    assert named == creating


def test_operations_that_take_input_document_422(document: dict[str, Any]) -> None:
    taking = {n: errors_of(o) for n, o in operations(document) if o.get("parameters") or o.get("requestBody")}
    assert len(taking) > 40
    assert [name for name, errors in taking.items() if "422" not in errors] == []


CONFLICTS = {
    "POST /v1/corpora/{name}/imports",
    "POST /v1/corpora/{name}/panels",
    "POST /v1/prices/{name}",
    "POST /v1/backfills",
    "POST /v1/backfills/{run}/resume",
    "POST /v1/imports/runs",
    "GET /v1/compare",
    "POST /v1/serving",
    "POST /v1/steps/{step_id}/complete",
    "POST /v1/tokens",
    "DELETE /v1/tokens/{token_id}",
}


def test_operations_that_may_conflict_document_409(document: dict[str, Any]) -> None:
    documented = {name for name, operation in operations(document) if "409" in errors_of(operation)}
    assert documented >= CONFLICTS


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    references = {part.split('"', 1)[0] for part in text.split('"$ref": "#/')[1:]}
    for reference in references:
        found: Any = document
        for key in reference.split("/"):
            found = found[key]
        assert found
