"""Rollouts, evaluations, checkpoints, engines, events and tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    _create_rollouts()
    _create_evaluations()
    _create_checkpoints()
    _create_engines()
    _create_journal()
    _create_tokens()


def _create_rollouts() -> None:
    op.create_table(
        "groups",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("day_id", sa.Integer(), sa.ForeignKey("days.id", ondelete="CASCADE"), nullable=False),
        sa.Column("step_id", sa.Integer(), sa.ForeignKey("steps.id", ondelete="CASCADE")),
        sa.Column("headline_id", sa.Integer(), sa.ForeignKey("headlines.id")),
        sa.Column("headline", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("prompt_text", sa.Text(), nullable=False),
        sa.Column("prompt_token_ids", sa.ARRAY(sa.Integer()), nullable=False),
        sa.UniqueConstraint("day_id", "position"),
    )
    op.create_table(
        "rollouts",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("group_id", sa.Integer(), sa.ForeignKey("groups.id", ondelete="CASCADE"), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("arm", sa.Text(), nullable=False),
        sa.Column("rung", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sampled_tokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("raw_text", sa.Text(), nullable=False),
        sa.Column("raw_strict", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("token_ids", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("logprobs", sa.ARRAY(sa.Double()), nullable=False),
        sa.Column("forced", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("finish_reason", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("temperature", sa.Double(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("recorded", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.UniqueConstraint("group_id", "index"),
    )


def _create_evaluations() -> None:
    op.create_table(
        "evaluations",
        sa.Column("rollout_id", sa.BigInteger(), sa.ForeignKey("rollouts.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("step_id", sa.Integer(), sa.ForeignKey("steps.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("valid", sa.Boolean(), nullable=False),
        sa.Column("failed_slot", sa.Text()),
        sa.Column("failure", sa.Text()),
        sa.Column("normalized_text", sa.Text()),
        sa.Column("changes", postgresql.JSONB(), nullable=False),
        sa.Column("validity", sa.Double(), nullable=False),
        sa.Column("leak", sa.Boolean(), nullable=False),
        sa.Column("leak_stems", postgresql.JSONB(), nullable=False),
        sa.Column("trade_thinking", sa.Double(), nullable=False),
        sa.Column("trade_parts", postgresql.JSONB(), nullable=False),
        sa.Column("semantic", sa.Double()),
        sa.Column("rank", sa.Double(), nullable=False),
        sa.Column("normalized_score", sa.Double(), nullable=False),
        sa.Column("outcome_score", sa.Double(), nullable=False),
        sa.Column("composite", sa.Double(), nullable=False),
        sa.Column("reward", sa.Double(), nullable=False),
        sa.Column("grounding", sa.Double()),
        sa.Column("form_score", sa.Double(), server_default="0", nullable=False),
        sa.Column("signs", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("settlement", postgresql.JSONB()),
    )


def _create_checkpoints() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("run_id", sa.Integer(), sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("day_id", sa.Integer(), sa.ForeignKey("days.id", ondelete="CASCADE"), nullable=False, unique=True),
        sa.Column("parent_id", sa.Text(), sa.ForeignKey("checkpoints.id")),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("adapter", sa.Text(), nullable=False),
        sa.Column("base_model", sa.Text(), nullable=False),
        sa.Column("files", postgresql.JSONB(), nullable=False),
        sa.Column("trained_until", sa.DateTime(timezone=True)),
        sa.Column("stats", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("promoted_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "aliases",
        sa.Column("scope", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("checkpoint_id", sa.Text(), sa.ForeignKey("checkpoints.id", ondelete="CASCADE"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )


def _create_engines() -> None:
    op.create_table(
        "engines",
        sa.Column("url", sa.Text(), primary_key=True),
        sa.Column("loaded", postgresql.JSONB(), nullable=False),
        sa.Column("load_seconds", postgresql.JSONB(), nullable=False),
        sa.Column("verified_at", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("ready", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("syncer_url", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("first_seen", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )
    op.create_table(
        "swaps",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column(
            "checkpoint_id", sa.Text(), sa.ForeignKey("checkpoints.id", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("promoted", sa.Boolean(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("load_seconds", sa.Double()),
        sa.Column("seconds", sa.Double()),
        sa.UniqueConstraint("checkpoint_id", "engine", "wanted_at"),
    )


def _create_journal() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("run_id", sa.Integer(), sa.ForeignKey("runs.id", ondelete="CASCADE"), index=True),
        sa.Column("date", sa.Date()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("answer", postgresql.JSONB()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )


def _create_tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("created_by", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
    )
    op.create_index(
        "uq_tokens_live_name", "tokens", ["name"], unique=True, postgresql_where=sa.text("revoked_at IS NULL")
    )


def downgrade() -> None:
    """Drop the tables, those first that refer to others."""
    for table in (
        "tokens",
        "idempotency_keys",
        "events",
        "swaps",
        "engines",
        "aliases",
        "checkpoints",
        "evaluations",
        "rollouts",
        "groups",
    ):
        op.drop_table(table)
