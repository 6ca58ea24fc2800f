"""HTTP client of an OpenAI-compatible engine (vLLM or the CPU engine): what the sampler and the judge share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from shared.errors import MorrowError, UnavailableError
from shared.http import MAX_QUOTED


def error_message(response: httpx.Response) -> str:
    """The message of an engine's error response, in any of the shapes that servers use; at most 500 characters."""
    if "html" in response.headers.get("content-type", ""):
        return f"{response.reason_phrase}, with a page of HTML: a proxy or gateway answered, not the engine"
    if "json" not in response.headers.get("content-type", ""):
        return response.text[:MAX_QUOTED]
    body = response.json()
    if not isinstance(body, dict):
        return str(body)[:MAX_QUOTED]
    error = body.get("error", body)
    message = error.get("message") or error.get("detail") if isinstance(error, dict) else error
    return str(message or body)[:MAX_QUOTED]


def checked(response: httpx.Response) -> httpx.Response:
    """The response, if it is a success.

    Raises UnavailableError for 404, 429 and 5xx, since a later call may succeed: a policy is loaded, a queue empties.
    Raises MorrowError for any other status: the request itself is wrong.
    """
    if response.is_success:
        return response
    message = f"the engine answered {response.status_code} to {response.request.url.path}: {error_message(response)}"
    if response.status_code in (404, 429) or response.status_code >= 500:
        raise UnavailableError(message)
    raise MorrowError(message)


def json_object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of a success. Raises as `checked`, and UnavailableError if the body is no JSON object."""
    is_json = "json" in checked(response).headers.get("content-type", "")
    body = response.json() if is_json else None
    if not isinstance(body, dict):
        raise UnavailableError(f"the server at {response.request.url} is no engine: it sent no JSON object")
    return body


def completion_body(
    model: str,
    prompt: str | Sequence[int],
    *,
    max_tokens: int,
    temperature: float,
    seed: int,
    logprobs: int,
    regex: str | None = None,
) -> dict[str, Any]:
    """The fields of POST /v1/completions that every caller sets; `regex` constrains the whole answer."""
    body: dict[str, Any] = {
        "model": model,
        "prompt": prompt,
        "max_tokens": max_tokens,
        "temperature": temperature,
        "seed": seed,
        "logprobs": logprobs,
    }
    return body | ({"structured_outputs": {"regex": regex}} if regex else {})


def check_model(body: Mapping[str, Any], model: str) -> None:
    """Raise MorrowError unless a completion names the model that was asked for: the engine may serve several."""
    if body.get("model") != model:
        raise MorrowError(f"the engine was asked for {model} and answered with {body.get('model')}")
