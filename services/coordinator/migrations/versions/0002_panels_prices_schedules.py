"""Panels, price sets, and what a day decides for itself: role, bonus, learning rate."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.coordinator.migrations import columns as c

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and tables."""
    _extend_days()
    op.add_column("rollouts", *c.count("sampled_tokens", default="0"))
    op.add_column("evaluations", sa.Column("form_score", sa.Double(), server_default="0", nullable=False))
    op.add_column("evaluations", c.json("signs", "[]"))
    op.add_column("evaluations", c.json("settlement", nullable=True))
    _make_panels()
    _make_prices()


def _extend_days() -> None:
    op.add_column("days", sa.Column("role", sa.Text(), server_default="chain", nullable=False))
    for column in c.number("bonus", "learning_rate", nullable=True):
        op.add_column("days", column)
    op.add_column("days", c.json("decisions", "{}"))
    op.drop_constraint("uq_days_run_id", "days")
    op.create_unique_constraint("uq_days_run_id", "days", ["run_id", "role", "date"])


def _make_panels() -> None:
    op.create_table(
        "panels",
        c.key(),
        c.part_of("corpus_id", "corpora"),
        *c.text("name"),
        c.array("headline_ids", sa.Integer()),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        *c.count("seed"),
        c.json("asked", "{}"),
        c.now("created_at"),
        sa.UniqueConstraint("corpus_id", "name"),
    )


def _make_prices() -> None:
    op.create_table(
        "price_sets", c.key(), sa.Column("name", sa.Text(), nullable=False, unique=True), c.now("created_at")
    )
    op.create_table(
        "instruments",
        c.key(),
        c.part_of("set_id", "price_sets"),
        *c.text("symbol"),
        c.json("aliases", "[]"),
        sa.UniqueConstraint("set_id", "symbol"),
    )
    op.create_table(
        "closes",
        sa.Column("instrument_id", sa.Integer(), sa.ForeignKey("instruments.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("date", sa.Date(), primary_key=True),
        *c.number("close"),
    )
