"""Authentication in front of every route: the caller, its scopes, and its rate."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from services.coordinator.api.scopes import READ, UNROUTED, Requirement, requirement_of
from services.coordinator.auth.identity import Access, Authenticator, Caller
from services.coordinator.auth.rate_limit import TokenBucket
from shared.errors import ForbiddenError, MorrowError, TooManyError, UnauthorizedError, UnavailableError
from shared.web.auth import bearer_of, is_local, refuse

log = logging.getLogger(__name__)
CALLER, REQUIREMENT = "caller", "requirement"
"""Keys of a request's state: its caller, and the requirement that it met."""
DOCUMENTATION = frozenset({"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"})
"""Routes that FastAPI adds by itself: they cannot declare a scope, and need `read`."""


class AuthMiddleware:
    """ASGI middleware: authenticates the caller and checks its scope before the body is read.

    `routes` are the application's; one that declares no scope is refused to every caller.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute], authenticator: Authenticator, access: Access) -> None:
        self._app, self._authenticator, self._access = app, authenticator, access
        self._bucket = TokenBucket(access.per_second, access.burst)
        self._requirements = [
            (compile_path(context.path)[0], frozenset(context.methods or ()), requirement_of_route(context.path, route))
            for context in iter_route_contexts(routes)
            if context.path
            for route in [context.original_route]
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            # There is no WebSocket route; closed here, so that none can be added without authentication.
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        requirement = self.requirement(scope["method"], scope["path"])
        try:
            caller = await self._authenticate(scope, requirement)
        except MorrowError as error:
            log.info("%s %s is refused to %s: %s", scope["method"], scope["path"], _peer(scope), error.detail)
            await refuse(error, scope, receive, send, needed=" ".join(sorted(requirement.scopes)))
            return
        scope.setdefault("state", {}).update({CALLER: caller, REQUIREMENT: requirement})
        await self._app(scope, receive, send)

    def requirement(self, method: str, path: str) -> Requirement:
        """The requirement of the route that will serve a request: the first match, as in the application itself."""
        matches = (needed for regex, methods, needed in self._requirements if method in methods and regex.match(path))
        return next(matches, UNROUTED)

    async def _authenticate(self, scope: Scope, requirement: Requirement) -> Caller | None:
        """The caller, or None where the route is open.

        Raises UnauthorizedError, ForbiddenError, TooManyError, UnavailableError.
        """
        if requirement.open:
            return None
        try:
            # The database driver blocks, and the event loop serves all requests.
            caller = await run_in_threadpool(self._authenticator.identify, bearer_of(scope), local=is_local(scope))
        except UnauthorizedError:
            # Guesses are counted by address: there is no token to count them under.
            self._count(f"peer {_peer(scope)}")
            raise
        except (OperationalError, InterfaceError) as error:
            log.warning("the database does not answer: %s", error)
            raise UnavailableError("the database does not answer; try again in a moment") from error
        # Workers are not limited: the number of steps bounds their requests, and a refused renewal would lose a lease.
        if caller.limited:
            self._count(caller.key)
        if not requirement.scopes & caller.scopes:
            raise ForbiddenError(
                f"this needs a token of scope {requirement.names}, and yours has {', '.join(sorted(caller.scopes))}"
                if requirement.scopes
                else "no scope is declared for this route, so it is refused to every caller"
            )
        return caller

    def _count(self, key: str) -> None:
        wait = self._bucket.take(key, time.monotonic())
        if wait:
            rate, burst = self._access.per_second, self._access.burst
            raise TooManyError(f"above {rate:g} requests a second, {burst} of them at once: slow down", wait=wait)


def requirement_of_route(path: str, route: BaseRoute) -> Requirement:
    """The requirement that a route declares; UNDECLARED, which refuses every caller, without a declaration."""
    return READ if path in DOCUMENTATION else requirement_of(getattr(route, "openapi_extra", None))


def _peer(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else "a peer without an address"
