"""How well a line fits its own headline."""

from __future__ import annotations

from alembic import op

from services.coordinator.migrations import columns as c

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    for column in c.number("grounding", nullable=True):
        op.add_column("evaluations", column)
