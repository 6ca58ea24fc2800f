"""What is asked of an OpenAI-compatible engine, and how its answers are read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from services.inference.engine_client import Completion, HttpEngine, SamplingRequest
from shared.errors import MorrowError, UnavailableError

REQUEST = SamplingRequest("checkpoint", [1, 2, 3], 40, 0.5, 0.85, 50, 77, ("\n",))
Answer = Callable[[httpx.Request], httpx.Response]


def good(**changed: Any) -> dict[str, Any]:
    choice = {
        "index": 0,
        "text": "ab",
        "finish_reason": "stop",
        "token_ids": [5, 6, 2],
        "logprobs": {"token_logprobs": [-0.25, -1.5, 0.0]},
    }
    return {"model": "checkpoint", "choices": [choice | changed]}


def completed(answer: Answer, request: SamplingRequest = REQUEST) -> list[Completion]:
    async def call() -> list[Completion]:
        client = httpx.AsyncClient(base_url="http://engine", transport=httpx.MockTransport(answer))
        async with HttpEngine(client) as engine:
            return await engine.complete(request)

    return asyncio.run(call())


def answering(status: int, body: Any) -> Answer:
    return lambda _: httpx.Response(status, json=body)


def test_a_page_that_a_proxy_answers_with_is_not_handed_on() -> None:
    page = "<html>\r\n<head><title>403 Forbidden</title></head>\r\n</html>"
    with pytest.raises(MorrowError) as caught:
        completed(lambda _: httpx.Response(403, html=page))
    assert caught.value.detail.startswith("the engine answered 403 to /v1/completions: Forbidden, with a page of HTML")
    assert "<" not in caught.value.detail


def test_answers_are_asked_for_by_token_ids_with_one_seed_and_what_ends_them() -> None:
    seen: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append({"path": request.url.path, **json.loads(request.content)})
        return httpx.Response(200, json=good())

    completed(answer)
    completed(answer, replace(REQUEST, regex="a+", stop=()))
    assert seen[0] == {
        "path": "/v1/completions",
        "model": "checkpoint",
        "prompt": [1, 2, 3],
        "n": 1,
        "max_tokens": 40,
        "temperature": 0.5,
        "top_p": 0.85,
        "top_k": 50,
        "seed": 77,
        "stop": ["\n"],
        "logprobs": 0,
        "return_token_ids": True,
    }
    assert seen[1] == seen[0] | {"structured_outputs": {"regex": "a+"}, "stop": []}


def test_tokens_and_log_probabilities_come_back_one_for_one() -> None:
    (completion,) = completed(answering(200, good()))
    assert completion == Completion("checkpoint", "ab", [5, 6, 2], [-0.25, -1.5, 0.0], "stop")


def test_text_that_a_database_cannot_hold_is_replaced() -> None:
    assert completed(answering(200, good(text="a\x00b")))[0].text == "a\ufffdb"


def test_several_answers_come_in_the_order_of_their_seeds() -> None:
    choices = [good(index=index, text=text)["choices"][0] for index, text in ((1, "b"), (0, "a"))]
    answers = completed(answering(200, good() | {"choices": choices}), replace(REQUEST, n=2))
    assert [answer.text for answer in answers] == ["a", "b"]


@pytest.mark.parametrize("n", [2, 3])
def test_an_answer_that_is_missing_is_not_overlooked(n: int) -> None:
    with pytest.raises(MorrowError, match=f"asked for {n} answers and gave 1"):
        completed(answering(200, good()), replace(REQUEST, n=n))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"token_ids": None}, "one log-probability per token id"),
        ({"token_ids": [5, 6]}, "one log-probability per token id"),
        ({"logprobs": None}, "one log-probability per token id"),
    ],
)
def test_an_answer_that_cannot_be_learned_from_is_refused(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(MorrowError, match=reason) as caught:
        completed(answering(200, good(**changed)))
    assert not caught.value.retryable


def test_another_policys_answer_is_refused() -> None:
    with pytest.raises(MorrowError, match="asked for checkpoint and answered with base"):
        completed(answering(200, good() | {"model": "base"}))


@pytest.mark.parametrize(
    ("status", "body", "retryable", "reason"),
    [
        (404, {"error": {"message": "The model does not exist."}}, True, "The model does not exist."),
        (503, {"detail": "too much waits"}, True, "too much waits"),
        (500, {"object": "error", "message": "out of memory"}, True, "out of memory"),
        (400, {"error": {"message": "bad regex"}}, False, "bad regex"),
        (422, ["odd"], False, "odd"),
    ],
)
def test_an_engines_refusal_is_told_apart_from_its_absence(
    status: int, body: Any, retryable: bool, reason: str
) -> None:
    with pytest.raises(MorrowError, match=reason) as caught:
        completed(answering(status, body))
    assert caught.value.retryable is retryable


def test_an_engine_that_is_away_can_be_tried_again() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(UnavailableError, match="does not answer: refused"):
        completed(refuse)


def test_an_aborted_answer_can_be_tried_again() -> None:
    with pytest.raises(UnavailableError, match="gave up on an answer: abort"):
        completed(answering(200, good(finish_reason="abort")))


def test_what_is_no_engine_is_named() -> None:
    with pytest.raises(UnavailableError, match="http://engine/v1/completions is no engine"):
        completed(lambda _: httpx.Response(200, text="<html>"))


def listing(version: str) -> list[str]:
    """The policies that an engine lists whose weights have this name."""

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/weight_info":
            return httpx.Response(200, json={"weight_version": version}) if version else httpx.Response(404)
        return httpx.Response(200, json={"data": [{"id": "base"}, {"id": "checkpoint"}]})

    async def call() -> list[str]:
        client = httpx.AsyncClient(base_url="http://engine", transport=httpx.MockTransport(answer))
        async with HttpEngine(client) as engine:
            return await engine.policies()

    return asyncio.run(call())


@pytest.mark.parametrize("version", ["default", "base", ""])
def test_the_served_policies_are_listed_by_name(version: str) -> None:
    assert listing(version) == ["base", "checkpoint"]


def test_an_engine_whose_own_weights_were_replaced_has_no_policies_for_a_worker() -> None:
    with pytest.raises(UnavailableError, match="forecasts through its syncer only"):
        listing("made-up-20250818-aaaaaaaaaaaa")
