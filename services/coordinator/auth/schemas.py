"""Tokens as the API takes and returns them."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from services.coordinator.api.scopes import Scope
from shared.wire import NAME_PATTERN, Message

EXPIRY = r"^[1-9][0-9]{0,3}[hdw]$"


class TokenRequest(Message):
    """A token to create."""

    name: str = Field(pattern=NAME_PATTERN, description="Name of its holder, unique among live tokens.")
    scopes: list[Scope] = Field(min_length=1, max_length=3, description="Scopes of the token.")
    expires: str | None = Field(
        None,
        pattern=EXPIRY,
        description="Lifetime in hours, days or weeks, as in 12h, 30d, 8w; by default without end.",
    )


class TokenView(Message):
    """A token without its secret. `last_used_at` is to the minute; `created_by` is the id of a token."""

    id: str
    name: str
    scopes: list[str]
    created_by: str | None
    created_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    last_used_at: dt.datetime | None


class TokenCreated(TokenView):
    """A new token. `token` is the text that its holder sends; it is returned here only."""

    token: str = Field(repr=False)
