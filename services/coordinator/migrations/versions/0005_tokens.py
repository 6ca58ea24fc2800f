"""Tokens that requests are served by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.coordinator.migrations import columns as c

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text(), primary_key=True),
        *c.text("name", "secret_sha256"),
        c.json("scopes", "[]"),
        *c.text("created_by", nullable=True),
        c.now("created_at"),
        *c.time("expires_at", "revoked_at", "last_used_at"),
    )
    op.create_index(
        "uq_tokens_live_name", "tokens", ["name"], unique=True, postgresql_where=sa.text("revoked_at IS NULL")
    )
