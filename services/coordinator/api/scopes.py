"""Scopes of tokens, and how a route declares the ones it needs. Pure.

A route says `openapi_extra=scope(...)`: the declaration stands in its OpenAPI operation, and the authentication
middleware reads it from there. A route without one is refused to every caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from shared.errors import MorrowError

Scope = Literal["read", "operate", "worker"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
SCHEME = "token"
"""Name of the security scheme in the OpenAPI document."""
LARGE = "x-large-body"
_ADMITTED: Mapping[Scope, tuple[Scope, ...]] = {
    # `worker` is a set of its own: a stolen worker's token starts and reads no run.
    "read": ("read", "operate"),
    "operate": ("operate",),
    "worker": ("worker",),
}


@dataclass(frozen=True)
class Requirement:
    """The requirement of a route: a token with one of `scopes`, or none if `open`. `large`: bodies of many rows."""

    scopes: frozenset[str]
    large: bool = False
    open: bool = False

    @property
    def names(self) -> str:
        """The scopes in words, the narrowest first."""
        return " or ".join(scope for scope in SCOPES if scope in self.scopes)


OPEN = Requirement(frozenset(), open=True)
READ = Requirement(frozenset(_ADMITTED["read"]))
UNDECLARED = Requirement(frozenset())
"""Routes that declare nothing: default deny."""
UNROUTED = Requirement(frozenset(SCOPES))
"""Unknown paths: any authenticated caller gets 404."""


def scope(*scopes: Scope, raises: Sequence[type[MorrowError]] = (), large: bool = False) -> dict[str, Any]:
    """A route's `openapi_extra`: tokens with any of these scopes are admitted; without a scope the route is open.

    `raises` are the errors of its own; those of authentication, validation and the body limit are documented for all
    routes alike (`api.openapi`). `large`: the body contains many rows, so the limit for imports and results applies.
    """
    admitted = [admitted for one in scopes for admitted in _ADMITTED[one]]
    # Alternatives are separate entries: OpenAPI reads the names within one entry as "all of these".
    declared: dict[str, Any] = {"security": [{SCHEME: [name]} for name in admitted]}
    if raises:
        declared["responses"] = {str(error.status): response_of(error) for error in raises}
    return declared | ({LARGE: True} if large else {})


def requirement_of(operation: Mapping[str, Any] | None) -> Requirement:
    """The requirement in a route's `openapi_extra`; UNDECLARED without one."""
    if operation is None or "security" not in operation:
        return UNDECLARED
    scopes = frozenset(name for entry in operation["security"] for name in entry[SCHEME])
    return Requirement(scopes, bool(operation.get(LARGE)), open=not scopes)


def response_of(error: type[MorrowError]) -> dict[str, str]:
    """The reference to an error's response, see `api.openapi`."""
    return {"$ref": f"#/components/responses/{error.__name__}"}
