"""HTTP between services: transport errors and problem+json answers become errors of Morrow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from shared.errors import UnavailableError, from_problem

MAX_QUOTED = 500
"""Characters of a foreign answer that an error message quotes."""


def bearer(token: str) -> dict[str, str]:
    """The Authorization header of a token; empty without one."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def failure_reason(error: httpx.TransportError) -> str:
    """The text of a transport error. Timeouts of httpx have none: their class name stands for it."""
    return str(error) or type(error).__name__


@contextmanager
def reaching(peer: str) -> Iterator[None]:
    """Call `peer` inside this block. Raises UnavailableError, naming it, where httpx raises a transport error."""
    try:
        yield
    except httpx.TransportError as error:
        raise UnavailableError(f"{peer} does not answer: {failure_reason(error)}") from error


def raise_for_problem(response: httpx.Response) -> httpx.Response:
    """The response, if it is not an error. Raises the MorrowError that its problem+json body names.

    Any other body (a proxy's HTML page) raises the MorrowError of its status, with the address and the body's begin.
    """
    if response.is_error:
        raise from_problem(response.status_code, _problem(response))
    return response


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    text = " ".join(response.text[:MAX_QUOTED].split())
    return {"detail": f"HTTP {response.status_code} from {response.request.url}" + (f": {text}" if text else "")}
