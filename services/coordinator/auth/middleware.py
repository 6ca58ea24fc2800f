"""The gate in front of every route: who asks, whether they may, and how often."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from services.coordinator.auth.identity import Access, Caller, Callers
from services.coordinator.auth.rate_limit import Buckets
from services.coordinator.auth.scopes import NOBODY, OPEN, UNROUTED, Rule, rule_of
from shared.errors import ForbiddenError, MorrowError, TooManyError, UnauthorizedError, UnavailableError
from shared.web.auth import bearer_of, is_local, refuse

log = logging.getLogger(__name__)
CALLER, RULE = "caller", "rule"
"""Where in a request's state its caller is, and the rule that it was served under."""


class Gate:
    """ASGI middleware: nothing of a request's body is read before its caller was found and may ask.

    `routes` are the application's; of one that the table of scopes does not have, all is refused.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute], callers: Callers, access: Access) -> None:
        self._app, self._callers, self._access = app, callers, access
        self._buckets = Buckets(access.per_second, access.burst)
        self._paths = [
            (compile_path(context.path)[0], frozenset(context.methods or ()), context.path)
            for context in iter_route_contexts(routes)
            if context.path
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        rule = self._rule(scope)
        try:
            caller = await self._admitted(scope, rule)
        except MorrowError as error:
            log.info("%s %s is refused to %s: %s", scope["method"], scope["path"], _peer(scope), error.detail)
            await refuse(error, scope, receive, send, needed=" ".join(sorted(rule.scopes)))
            return
        scope.setdefault("state", {}).update({CALLER: caller, RULE: rule})
        await self._app(scope, receive, send)

    def _rule(self, scope: Scope) -> Rule:
        """The rule of the route that will serve the request, the first that matches as in the application itself."""
        method, path = scope["method"], scope["path"]
        found = next((route for regex, methods, route in self._paths if method in methods and regex.match(path)), None)
        if found == "/metrics" and self._access.metrics_open:
            return OPEN
        return UNROUTED if found is None else rule_of(method, found) or NOBODY

    async def _admitted(self, scope: Scope, rule: Rule) -> Caller | None:
        if rule.open:
            return None
        try:
            caller = await run_in_threadpool(self._callers.of, bearer_of(scope), local=is_local(scope))
        except UnauthorizedError:
            self._count(f"peer {_peer(scope)}")
            raise
        except (OperationalError, InterfaceError) as error:
            log.warning("the database does not answer: %s", error)
            raise UnavailableError("the database does not answer; try again in a moment") from error
        if caller.limited:
            self._count(caller.key)
        if not rule.scopes & caller.scopes:
            raise ForbiddenError(
                f"this needs a token of scope {rule.least}, and yours has {', '.join(sorted(caller.scopes))}"
                if rule.scopes
                else "no scope is declared for this route, so it is served to nobody"
            )
        return caller

    def _count(self, key: str) -> None:
        wait = self._buckets.take(key, time.monotonic())
        if wait:
            rate, burst = self._access.per_second, self._access.burst
            raise TooManyError(f"above {rate:g} requests a second, {burst} of them at once: slow down", wait=wait)


def _peer(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else "a peer without an address"
