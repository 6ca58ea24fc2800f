"""Who asks: a peer on this machine, or the holder of a token in the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from services.coordinator.api.scopes import SCOPES
from services.coordinator.auth import service
from services.coordinator.database import Sessions
from services.coordinator.models import ApiToken
from shared.errors import UnauthorizedError
from shared.tokens import parse_token

_FIRST = (
    "make the first token on the coordinator's own host: `morrow token create NAME --scope operate`, or "
    "`python -m services.coordinator.auth.cli create NAME --scope operate`"
)


@dataclass(frozen=True)
class Access:
    """How the gate is set. Requests that are no worker's are limited to `per_second`, `burst` of them at once.

    `mode` auto: without a token in the store, peers on loopback are served; required: nobody is without one.
    `local_token` is good for this machine alone. `metrics_open`: /metrics needs no token.
    """

    mode: Literal["auto", "required"] = "auto"
    local_token: str = ""
    metrics_open: bool = False
    per_second: float = 100.0
    burst: int = 400


@dataclass(frozen=True)
class Caller:
    """Who asks. `token` is null for a peer on loopback that needs none. `key` is what its rate is counted under."""

    key: str
    scopes: frozenset[str] = frozenset(SCOPES)
    token: ApiToken | None = None
    limited: bool = False


LOCAL = Caller("local")


class Callers:
    """Tells who asks, by the tokens in the service."""

    def __init__(self, sessions: Sessions, access: Access) -> None:
        self._sessions, self._access = sessions, access
        self._own = parse_token(access.local_token)
        self._has_tokens = False

    def of(self, text: str | None, *, local: bool) -> Caller:
        """Who brings this token, if any, from this machine or not; raises UnauthorizedError."""
        given = parse_token(text) if text else None
        if local and given and self._own and given.id == self._own.id and given.fits(self._own.sha256):
            return LOCAL
        with self._sessions.begin() as session:
            self._has_tokens = self._has_tokens or service.any_token(session)
            if not self._has_tokens:
                return self._before_the_first(local=local)
            if given is None:
                raise UnauthorizedError(
                    "this is no token of Morrow's: they begin with mrw_"
                    if text
                    else "send a token, as a bearer in the Authorization header; `morrow` sends what MORROW_TOKEN holds"
                )
            row = service.known(session, given)
            scopes = frozenset(row.scopes)
            return Caller(row.id, scopes, row, limited="worker" not in scopes)

    def _before_the_first(self, *, local: bool) -> Caller:
        if local and self._access.mode == "auto":
            return LOCAL
        whom = "only this machine is" if self._access.mode == "auto" else "nobody is"
        raise UnauthorizedError(f"there is no token yet, and {whom} served without: {_FIRST}")
