"""The coordinator's client: pages, problems, and servers that do not respond."""

from __future__ import annotations

import httpx
import pytest

from services.cli.client import error_lines
from shared.errors import ConflictError, InvalidInputError, MorrowError, NotFoundError, UnavailableError
from tests.unit.cli.coordinator import FakeCoordinator, a_page


def test_list_is_fetched_page_by_page() -> None:
    fake = FakeCoordinator().on("GET /v1/x", a_page({"n": 1}, next_="c1"), a_page({"n": 2}))
    assert [item["n"] for item in fake.client().items("/v1/x", state="open")] == [1, 2]
    assert [query for _, query, _ in fake.sent] == [
        {"state": "open", "limit": "1000"},
        {"state": "open", "limit": "1000", "cursor": "c1"},
    ]


def test_problem_is_raised_as_its_error() -> None:
    problem = {"type": "urn:morrow:problem:conflict", "status": 409, "detail": "R exists"}
    with pytest.raises(ConflictError, match="R exists"):
        FakeCoordinator().on("POST /v1/x", problem, status=409).client().post("/v1/x", {})


def test_404_is_a_not_found_error() -> None:
    with pytest.raises(NotFoundError):
        FakeCoordinator().client().get("/v1/nothing")


def test_refused_connection_is_an_unavailable_error_with_the_cure() -> None:
    fake = FakeCoordinator().on("GET /v1/x", httpx.ConnectError("[Errno 111] Connection refused"))
    with pytest.raises(
        UnavailableError, match=r"no coordinator responds at http://coordinator/? \(Connection refused\): start"
    ):
        fake.client().get("/v1/x")


def test_file_is_streamed_whole() -> None:
    fake = FakeCoordinator().on("GET /v1/x", "abc" * 1000)
    assert b"".join(fake.client().chunks("/v1/x")) == b"abc" * 1000


def test_interrupted_transfer_names_its_path() -> None:
    fake = FakeCoordinator().on("GET /v1/x", httpx.ReadError("connection reset"))
    with pytest.raises(UnavailableError, match=r"transfer of /v1/x was interrupted \(connection reset\)"):
        list(fake.client().chunks("/v1/x"))


def test_refused_transfer_raises_the_error_of_its_problem() -> None:
    problem = {"type": "urn:morrow:problem:not-found", "detail": "no such file"}
    fake = FakeCoordinator().on("GET /v1/x", problem, status=404)
    with pytest.raises(NotFoundError, match="no such file"):
        list(fake.client().chunks("/v1/x"))


@pytest.mark.parametrize("content", ["<html>", [1]])
def test_response_that_is_not_a_json_object_is_an_error(content: object) -> None:
    with pytest.raises(MorrowError, match="is this a coordinator"):
        FakeCoordinator().on("GET /v1/x", content).client().get("/v1/x")


def test_error_lines_list_each_field_once_up_to_a_limit() -> None:
    errors = [{"field": f"a.json:{n}", "message": "no text"} for n in range(25)]
    lines = error_lines(InvalidInputError("25 rows are bad. The first is a.json:0: no text", errors=errors))
    assert lines[0].startswith("25 rows are bad")
    assert lines[1] == "  a.json:1: no text"
    assert lines[-1] == "  … and 5 more"
