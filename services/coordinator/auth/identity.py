"""Identity of a caller: a peer on this machine, or the holder of a stored token."""

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
    """Configuration of authentication. Callers without scope `worker` are limited to `per_second` requests, `burst` of
    them at once.

    `mode`: while no token is stored, `auto` admits peers on loopback, `required` nobody. `local_token` is valid on this
    machine only. `metrics_open`: /metrics needs no token.
    """

    mode: Literal["auto", "required"] = "auto"
    local_token: str = ""
    metrics_open: bool = False
    per_second: float = 100.0
    burst: int = 400


@dataclass(frozen=True)
class Caller:
    """An authenticated caller. `token` is None for a peer on loopback that needs none; `key` is its bucket's key."""

    key: str
    scopes: frozenset[str] = frozenset(SCOPES)
    token: ApiToken | None = None
    limited: bool = False


LOCAL = Caller("local")


class Authenticator:
    """Authenticates callers by the stored tokens."""

    def __init__(self, sessions: Sessions, access: Access) -> None:
        self._sessions, self._access = sessions, access
        self._own = parse_token(access.local_token)
        self._has_tokens = False

    def identify(self, text: str | None, *, local: bool) -> Caller:
        """The caller that sends this text as its bearer token, if any; `local`: from this machine.

        Raises UnauthorizedError.
        """
        token = parse_token(text) if text else None
        # Checked first: the local stack's token is not stored in the database.
        if local and token and self._own and token.id == self._own.id and token.fits(self._own.sha256):
            return LOCAL
        with self._sessions.begin() as session:
            # Once true it stays true, so the query is saved.
            self._has_tokens = self._has_tokens or service.any_token(session)
            if not self._has_tokens:
                return self._without_tokens(local=local)
            if token is None:
                raise UnauthorizedError(
                    "this is not a token of Morrow: those begin with mrw_"
                    if text
                    else "send a token, as a bearer in the Authorization header; `morrow` sends that of MORROW_TOKEN"
                )
            row = service.authenticate(session, token)
            scopes = frozenset(row.scopes)
            return Caller(row.id, scopes, row, limited="worker" not in scopes)

    def _without_tokens(self, *, local: bool) -> Caller:
        if local and self._access.mode == "auto":
            return LOCAL
        admitted = "only this machine is" if self._access.mode == "auto" else "nobody is"
        raise UnauthorizedError(f"there is no token yet, and {admitted} served without: {_FIRST}")
