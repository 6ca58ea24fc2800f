"""Bodies that are too large are never parsed, whether their length is declared or not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from shared.web.body_limit import BodyLimit

MOST = 1_000


@pytest.fixture
def seen() -> list[int]:
    """Lengths of the bodies that reached the application."""
    return []


@pytest.fixture
def client(seen: list[int]) -> TestClient:
    """A client of an application that takes MOST bytes, ten times that at /large."""
    app = FastAPI()

    def limit_of(scope: object) -> int:
        assert isinstance(scope, dict)
        return MOST * 10 if scope["path"] == "/large" else MOST

    app.add_middleware(BodyLimit, limit=limit_of, cure="send less")

    @app.post("/{where}")
    async def take(where: str, request: Request) -> int:
        seen.append(len(await request.body()))
        return seen[-1]

    return TestClient(app)


def pieces(total: int) -> Iterator[bytes]:
    """A body in chunks of 100 bytes, its length not declared."""
    yield from [b"x" * 100] * (total // 100)


def test_a_body_within_the_limit_arrives_whole(client: TestClient) -> None:
    assert client.post("/small", content=b"x" * MOST).json() == MOST
    assert client.post("/small", content=pieces(MOST)).json() == MOST
    assert client.post("/large", content=b"x" * MOST * 10).json() == MOST * 10


@pytest.mark.parametrize("content", [b"x" * (MOST + 1), list(pieces(MOST + 100))], ids=["declared", "in chunks"])
def test_a_body_above_it_is_refused(client: TestClient, seen: list[int], content: bytes | list[bytes]) -> None:
    answer = client.post("/small", content=content if isinstance(content, bytes) else iter(content))
    assert answer.status_code == 413
    assert answer.json()["detail"] == "body: above 1000 bytes; send less"
    assert seen == []


def test_a_length_that_understates_the_body_does_not_help(client: TestClient, seen: list[int]) -> None:
    answer = client.post("/small", content=pieces(MOST * 2), headers={"Content-Length": "10"})
    assert answer.status_code == 413
    assert seen == []
    assert client.post("/small", content=b"x", headers={"Content-Length": "-1"}).status_code == 422
