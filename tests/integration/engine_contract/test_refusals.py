from __future__ import annotations

from typing import Any

import pytest

from tests.integration.engine_contract.serving import Served


def refused(engine: Served, status: int, **body: Any) -> dict[str, Any]:
    answer = engine.http.post("/v1/completions", json={"model": "base", "prompt": "Oil"} | body)
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert error["code"] == status
    return error


def test_an_unknown_model_is_not_found(engine: Served) -> None:
    error = refused(engine, 404, model="nobody")
    assert error["type"] == "NotFoundError"
    assert "nobody" in error["message"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -0.1),
        ("top_p", 0.0),
        ("top_p", 1.5),
        ("top_k", -2),
        ("n", 0),
        ("max_tokens", 0),
        ("logprobs", 1000),
        ("prompt", []),
        ("temperature", "warm"),
    ],
)
def test_a_bad_parameter_is_refused_by_its_name(engine: Served, field: str, value: object) -> None:
    assert field in refused(engine, 400, **{field: value})["message"]


def test_more_tokens_than_the_context_holds_are_refused(engine: Served) -> None:
    assert "max_tokens" in refused(engine, 400, max_tokens=100_000)["message"]


def test_a_token_id_outside_the_vocabulary_is_refused(engine: Served) -> None:
    refused(engine, 400, prompt=[1, 10_000_000])


def test_an_expression_that_does_not_parse_is_refused(engine: Served) -> None:
    refused(engine, 400, structured_outputs={"regex": "(unclosed"})


def test_several_greedy_answers_would_be_the_same_one_and_are_refused(engine: Served) -> None:
    assert "greedy" in refused(engine, 400, temperature=0, n=2)["message"]
