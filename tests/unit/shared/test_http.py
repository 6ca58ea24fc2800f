"""Calls over HTTP: transport errors and problem+json answers as errors of Morrow."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from shared.errors import ConflictError, MorrowError, StaleFenceError, UnavailableError
from shared.http import bearer, raise_for_problem, reaching

REQUEST = httpx.Request("GET", "http://coordinator/v1/steps/7")


def answer(status: int, **content: Any) -> httpx.Response:
    return httpx.Response(status, request=REQUEST, **content)


def test_a_good_answer_is_returned() -> None:
    good = answer(200, json={"items": []})
    assert raise_for_problem(good) is good


def test_a_problem_becomes_the_error_of_its_type_with_its_fields() -> None:
    errors = [{"field": "fence", "message": "is 3"}]
    body = StaleFenceError("the step is at attempt 3", errors=errors).problem()
    with pytest.raises(StaleFenceError, match="the step is at attempt 3") as caught:
        raise_for_problem(answer(409, json=body, headers={"content-type": "application/problem+json"}))
    assert caught.value.errors == errors


@pytest.mark.parametrize(
    "content",
    [{"text": "<html>Bad Gateway"}, {"json": ["Bad Gateway"]}, {"content": b"{", "headers": {"content-type": "json"}}],
    ids=["html", "list", "broken JSON"],
)
def test_an_answer_without_a_problem_names_its_status_and_address(content: Any) -> None:
    with pytest.raises(UnavailableError, match="HTTP 503 from http://coordinator/v1/steps/7"):
        raise_for_problem(answer(503, **content))


def test_an_unknown_type_falls_back_on_the_status() -> None:
    with pytest.raises(ConflictError, match="taken"):
        raise_for_problem(answer(409, json={"type": "about:blank", "detail": "taken"}))
    with pytest.raises(MorrowError, match="HTTP 418"):
        raise_for_problem(answer(418))


@pytest.mark.parametrize(("text", "reason"), [("refused", "refused"), ("", "ReadTimeout")])
def test_a_transport_error_without_a_text_is_named_by_its_class(text: str, reason: str) -> None:
    with pytest.raises(UnavailableError, match=f"the engine does not answer: {reason}"), reaching("the engine"):
        raise httpx.ReadTimeout(text, request=REQUEST)


def test_a_token_is_sent_as_a_bearer_and_none_is_not_sent() -> None:
    assert (bearer("secret"), bearer("")) == ({"Authorization": "Bearer secret"}, {})
