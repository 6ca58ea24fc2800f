"""Bearer tokens."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Index, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from services.coordinator.models.base import Base


class ApiToken(Base):
    """A bearer token. Only the SHA-256 of its secret is stored; a revoked token's name is free again.

    `created_by` is the id of the token that created it, null for a peer on loopback or the command line.
    """

    __tablename__ = "tokens"
    __table_args__ = (Index("uq_tokens_live_name", "name", unique=True, postgresql_where=sql("revoked_at IS NULL")),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    secret_sha256: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(server_default=sql("'[]'::jsonb"))
    created_by: Mapped[str | None]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[dt.datetime | None]
    revoked_at: Mapped[dt.datetime | None]
    last_used_at: Mapped[dt.datetime | None]
