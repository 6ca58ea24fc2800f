"""Tokens as REST takes and answers them."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from services.coordinator.api.scopes import Scope
from shared.wire import NAME_PATTERN, Message

EXPIRY = r"^[1-9][0-9]{0,3}[hdw]$"


class TokenRequest(Message):
    """A token that is asked for."""

    name: str = Field(pattern=NAME_PATTERN, description="Name among the live tokens: who or what holds it.")
    scopes: list[Scope] = Field(min_length=1, max_length=3, description="What it may do.")
    expires: str | None = Field(
        None, pattern=EXPIRY, description="How long it is good for: hours, days or weeks, as in 12h, 30d, 8w."
    )


class TokenView(Message):
    """A token without its secret. `last_used_at` is to the minute; `created_by` is the id of the one that asked."""

    id: str
    name: str
    scopes: list[str]
    created_by: str | None
    created_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    last_used_at: dt.datetime | None


class TokenCreated(TokenView):
    """A new token. `token` is what its holder sends; it is told here and never again."""

    token: str = Field(repr=False)
