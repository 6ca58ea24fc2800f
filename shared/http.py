"""HTTP between services: transport errors and problem+json answers become errors of Morrow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from shared.errors import UnavailableError, from_problem, message_of

MAX_QUOTED = 500
"""Characters of a foreign answer that an error message quotes."""


def bearer(token: str) -> dict[str, str]:
    """The Authorization header of a token; empty without one."""
    return {"Authorization": f"Bearer {token}"} if token else {}


@contextmanager
def reaching(peer: str) -> Iterator[None]:
    """Call `peer` inside this block. Raises UnavailableError, naming it, where httpx raises a transport error."""
    try:
        yield
    except httpx.TransportError as error:
        raise UnavailableError(f"{peer} does not answer: {message_of(error)}") from error


def raise_for_problem(response: httpx.Response) -> httpx.Response:
    """The response, if it is not an error. Raises the MorrowError that its problem+json body names.

    Any other body raises the MorrowError of its status, with the address and the beginning of a body of plain text.
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
    # A proxy's HTML page says nothing to a reader of an error line.
    is_html = "html" in response.headers.get("content-type", "")
    text = "a page of HTML" if is_html else " ".join(response.text[:MAX_QUOTED].split())
    return {"detail": f"HTTP {response.status_code} from {response.request.url}" + (f": {text}" if text else "")}
