"""The syncer's two conversations over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from services.inference.syncer.clients import CoordinatorClient, HttpEngineAdmin
from shared.errors import InvalidInputError, MorrowError, UnavailableError
from shared.wire import EngineReport, WantedCheckpoints
from tests.unit.inference.fakes import ref

Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer) -> httpx.Client:
    return httpx.Client(base_url="http://there", transport=httpx.MockTransport(answer))


def refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


def fall_silent(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("", request=request)


def test_a_checkpoint_is_loaded_under_a_fresh_name_and_unloaded_by_it() -> None:
    seen: list[tuple[str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.path, json.loads(request.content)))
        return httpx.Response(200, text="Success: LoRA adapter 'x' added successfully.")

    admin = HttpEngineAdmin(client(answer))
    admin.load("x", Path("/store/x"))
    admin.unload("x")
    assert seen == [
        ("/v1/load_lora_adapter", {"lora_name": "x", "lora_path": "/store/x", "load_inplace": False}),
        ("/v1/unload_lora_adapter", {"lora_name": "x"}),
    ]


def test_a_probe_asks_the_policy_greedily_and_checks_who_answered() -> None:
    bodies: list[dict[str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, json={"model": "x", "choices": [{"text": "a"}]})

    admin = HttpEngineAdmin(client(answer))
    admin.probe("x")
    assert (bodies[0]["model"], bodies[0]["temperature"], bodies[0]["max_tokens"]) == ("x", 0.0, 1)
    with pytest.raises(MorrowError, match="probed for y and answered with x"):
        admin.probe("y")


def test_the_served_policies_are_listed() -> None:
    listed = {"data": [{"id": "base"}]}
    assert HttpEngineAdmin(client(lambda _: httpx.Response(200, json=listed))).policies() == ["base"]


def test_an_engine_that_is_away_or_refuses_says_so() -> None:
    with pytest.raises(UnavailableError, match="the engine at http://there does not answer: refused"):
        HttpEngineAdmin(client(refuse)).policies()
    with pytest.raises(UnavailableError, match="the engine at http://there does not answer: ReadTimeout"):
        HttpEngineAdmin(client(fall_silent)).policies()
    bad = HttpEngineAdmin(client(lambda _: httpx.Response(400, json={"error": {"message": "rank too high"}})))
    with pytest.raises(MorrowError, match="answered 400 to /v1/load_lora_adapter: rank too high"):
        bad.load("x", Path("/store/x"))


def test_the_coordinator_says_what_is_wanted_and_is_told_what_is_held() -> None:
    wanted = WantedCheckpoints(served=ref("a").id, previous=None, checkpoints=[ref("a")])
    seen: list[tuple[str, str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json=wanted.model_dump(mode="json"))
        seen.append((request.method, request.url.path, json.loads(request.content)))
        return httpx.Response(204)

    coordinator = CoordinatorClient(client(answer))
    assert coordinator.desired() == wanted
    coordinator.report(EngineReport(url="http://engine", loaded=["base"]))
    body = EngineReport(url="http://engine", loaded=["base"]).model_dump(mode="json")
    assert seen == [("PUT", "/v1/engines", body)]


def test_a_coordinator_that_is_away_or_refuses_says_so() -> None:
    with pytest.raises(UnavailableError, match="the coordinator at http://there does not answer"):
        CoordinatorClient(client(refuse)).desired()
    problem = {"type": "urn:morrow:problem:invalid-input", "detail": "url: too long"}
    with pytest.raises(InvalidInputError, match="url: too long"):
        CoordinatorClient(client(lambda _: httpx.Response(422, json=problem))).report(EngineReport(url="u", loaded=[]))
