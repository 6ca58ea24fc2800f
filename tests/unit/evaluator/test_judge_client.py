"""The judge's engine: both letters from one answer, nothing cut off, every failure by name."""

from __future__ import annotations

import json
import math
from typing import Any

import httpx
import pytest

from services.evaluator.judge_client import HttpJudgeEngine
from shared.errors import InvalidInputError, MorrowError, UnavailableError


class FakeServer:
    """An engine of a context of `context` tokens. `top` are its log-probabilities, `count` what it tokenizes to."""

    def __init__(self, context: int = 1000, count: int | None = None) -> None:
        self.context, self.count = context, count
        self.top = {"A": math.log(0.75), "B": math.log(0.25)}
        self.model = "base"
        self.bodies: list[dict[str, Any]] = []
        self.status = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/models":
            return httpx.Response(200, json={"data": [{"id": "base", "max_model_len": self.context}]})
        if request.url.path == "/tokenize":
            return httpx.Response(404) if self.count is None else httpx.Response(200, json={"count": self.count})
        self.bodies.append(json.loads(request.content))
        choice = {"text": "A", "logprobs": {"top_logprobs": [self.top]}}
        return httpx.Response(self.status, json={"model": self.model, "choices": [choice]})


def ask(server: Any, *prompts: str, model: str = "base") -> list[float]:
    client = httpx.Client(base_url="http://engine", transport=httpx.MockTransport(server))
    return HttpJudgeEngine(client, model, 2).first_letter(prompts or ("A or B? (",), lambda: None)


def test_the_probability_is_read_from_both_letters_and_not_from_the_one_that_was_drawn() -> None:
    assert ask(FakeServer()) == pytest.approx([0.75])


def test_an_answer_that_names_one_letter_only_has_no_doubt() -> None:
    server = FakeServer()
    server.top = {"B": 0.0}
    assert ask(server) == [0.0]


def test_one_letter_is_asked_for_under_a_grammar_at_temperature_one() -> None:
    server = FakeServer()
    ask(server)
    body = server.bodies[0]
    assert (body["max_tokens"], body["temperature"], body["logprobs"]) == (1, 1.0, 2)
    assert body["structured_outputs"] == {"regex": "(A|B)"}


def test_answers_come_in_the_order_of_the_questions() -> None:
    server = FakeServer()
    assert len(ask(server, *"abcdefgh")) == 8
    assert {body["prompt"] for body in server.bodies} == set("abcdefgh")


def test_raw_log_probabilities_are_refused_with_the_cure() -> None:
    server = FakeServer()
    server.top = {"A": math.log(0.05), " The": math.log(0.6)}
    with pytest.raises(MorrowError, match=r"probability of 0\.050 together .*--logprobs-mode processed_logprobs"):
        ask(server)


def test_another_model_than_asked_for_is_refused() -> None:
    server = FakeServer()
    server.model = "other"
    with pytest.raises(MorrowError, match="asked for base and answered with other"):
        ask(server)


def test_a_question_that_is_short_in_bytes_fits_without_being_counted() -> None:
    assert ask(FakeServer(context=100), "a" * 98) == pytest.approx([0.75])


def test_a_long_question_is_counted_by_the_engine_and_sent_whole_if_it_fits() -> None:
    server = FakeServer(context=100, count=60)
    assert ask(server, "a" * 200) == pytest.approx([0.75])
    assert server.bodies[0]["prompt"] == "a" * 200


@pytest.mark.parametrize(("count", "reason"), [(100, "has 101 tokens"), (None, "up to 202 tokens")])
def test_a_question_that_does_not_fit_is_never_cut_but_refused_with_the_cure(count: int | None, reason: str) -> None:
    server = FakeServer(context=100, count=count)
    with pytest.raises(InvalidInputError, match=rf"outcomes: .*{reason}.*holds 100.*--max-model-len"):
        ask(server, "a" * 200)
    assert server.bodies == []


def test_a_model_that_is_not_served_is_named_with_those_that_are() -> None:
    with pytest.raises(UnavailableError, match="does not serve judge; set MORROW_JUDGE_MODEL to one of base"):
        ask(FakeServer(), model="judge")


def test_an_engine_that_names_no_context_is_refused() -> None:
    with pytest.raises(MorrowError, match="does not say the max_model_len"):
        ask(lambda _: httpx.Response(200, json={"data": [{"id": "base"}]}))


@pytest.mark.parametrize(("status", "retryable"), [(503, True), (429, True), (404, True), (400, False)])
def test_what_may_pass_is_tried_again_and_a_mistake_is_not(status: int, retryable: bool) -> None:
    server = FakeServer()
    server.status = status
    with pytest.raises(MorrowError, match=f"answered {status} to /v1/completions") as e:
        ask(server)
    assert e.value.retryable is retryable


def test_an_engine_that_is_away_and_a_server_that_is_none_are_told() -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(UnavailableError, match="judge's engine at http://engine does not answer: refused"):
        ask(away)
    with pytest.raises(UnavailableError, match="is no engine"):
        ask(lambda _: httpx.Response(200, text="hello"))
