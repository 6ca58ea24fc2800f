"""Engines as they report in full, when a checkpoint was promoted, and how long each engine took to hold it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.coordinator.migrations import columns as c

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table of swaps."""
    op.add_column("engines", c.json("verified_at", "{}"))
    op.add_column("engines", sa.Column("ready", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("engines", sa.Column("syncer_url", sa.Text(), nullable=True))
    op.add_column("engines", c.now("first_seen"))
    op.add_column("checkpoints", *c.time("promoted_at"))
    op.create_table(
        "swaps",
        c.key(sa.BigInteger),
        c.part_of("checkpoint_id", "checkpoints", index=True),
        *c.text("engine"),
        *c.time("wanted_at", nullable=False),
        sa.Column("promoted", sa.Boolean(), nullable=False),
        *c.time("verified_at", nullable=False),
        *c.number("load_seconds", "seconds", nullable=True),
        sa.UniqueConstraint("checkpoint_id", "engine", "wanted_at"),
    )
