"""Authentication by one token; without one, only requests from this machine."""

from __future__ import annotations

import hmac
import math
from collections.abc import Collection
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.errors import ForbiddenError, MorrowError, TooManyError, UnauthorizedError
from shared.web.problems import problem_response

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Headers that proxies add. Never trusted: their presence means that the peer is not the client."""


def is_local(scope: Scope) -> bool:
    """Whether a request comes from a program on this machine, and not from a foreign web page.

    The peer is a loopback address, no proxy stands between, and Host and Origin, where given, are names of this
    machine: a page that a browser loaded from elsewhere cannot ask, be its own name made to point here or not.
    """
    headers = Headers(scope=scope)
    peer = scope.get("client")
    if not peer or not is_loopback(peer[0]) or any(name in headers for name in FORWARDED):
        return False
    origin = headers.get("origin")
    return _is_here(f"//{headers.get('host', '')}") and (origin is None or _is_here(origin))


def is_loopback(address: str) -> bool:
    """Whether an IP address is one of this machine's own."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback


def _is_here(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host == "localhost" or host.endswith(".localhost") or is_loopback(host)


def bearer_of(scope: Scope) -> str | None:
    """The bearer token of a request; None without one."""
    kind, _, text = Headers(scope=scope).get("authorization", "").partition(" ")
    return text.strip() if kind.lower() == "bearer" and text.strip() else None


def hang_up(scope: Scope) -> dict[str, str]:
    """The header that ends a connection whose request brings a body, so that it need not be read to its end."""
    headers = Headers(scope=scope)
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return {"Connection": "close"} if has_body else {}


async def refuse(error: MorrowError, scope: Scope, receive: Receive, send: Send, *, needed: str = "") -> None:
    """Answer with a problem and what HTTP says beside it; `needed` are the scopes that would do."""
    headers = {"Cache-Control": "no-store"} | hang_up(scope)
    if isinstance(error, UnauthorizedError):
        tried = ', error="invalid_token"' if bearer_of(scope) else ""
        headers["WWW-Authenticate"] = f'Bearer realm="morrow"{tried}'
    elif isinstance(error, ForbiddenError):
        headers["WWW-Authenticate"] = f'Bearer realm="morrow", error="insufficient_scope", scope="{needed}"'
    elif isinstance(error, TooManyError):
        headers["Retry-After"] = str(max(math.ceil(error.wait), 1))
    await problem_response(error, headers)(scope, receive, send)


class OneToken:
    """ASGI middleware of a service with one token of its own; without one, only this machine is served.

    `setting` is the variable that holds the token; `open_paths` are served to everybody.
    """

    def __init__(self, app: ASGIApp, token: str, setting: str, open_paths: Collection[str]) -> None:
        self._app, self._token, self._setting, self._open = app, token.encode(), setting, frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope.get("path") in self._open or self._admits(scope):
            await self._app(scope, receive, send)
            return
        error = UnauthorizedError(
            f"send the token of {self._setting}, as a bearer in the Authorization header"
            if self._token
            else f"only this machine is served without a token: set {self._setting} here, and send it"
        )
        await refuse(error, scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        if not self._token:
            return is_local(scope)
        return hmac.compare_digest((bearer_of(scope) or "").encode(), self._token)
