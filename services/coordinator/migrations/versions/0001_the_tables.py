"""The tables. Names of keys and constraints come from the convention in services.coordinator.models."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.coordinator.migrations import columns as c

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables."""
    _make_corpora()
    _make_runs()
    _make_steps()
    _make_groups()
    _make_evaluations()
    _make_checkpoints()
    _make_messages()


def _make_corpora() -> None:
    op.create_table(
        "corpora",
        c.key(),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        *c.text("timezone"),
        *c.number("stale_after_days"),
        c.now("created_at"),
        *c.time("used_at"),
    )
    op.create_table(
        "headlines",
        c.key(),
        c.part_of("corpus_id", "corpora"),
        sa.Column("date", sa.Date(), nullable=False),
        *c.count("position"),
        *c.text("text", "text_key"),
        *c.time("published_at", nullable=False),
        *c.text("source", "link", "flag", nullable=True),
        sa.Column("filed_under", sa.Date(), nullable=False),
        *c.text("origin"),
        sa.UniqueConstraint("corpus_id", "date", "text_key"),
    )


def _make_runs() -> None:
    op.create_table(
        "runs",
        c.key(),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("kind", sa.Text(), server_default="backfill", nullable=False),
        c.link("corpus_id", "corpora"),
        c.json("config"),
        *c.text("config_hash", "state"),
        *c.text("reason", nullable=True),
        c.json("warnings", "[]"),
        c.now("created_at"),
        *c.time("finished_at"),
    )
    op.create_table(
        "days",
        c.key(),
        c.part_of("run_id", "runs"),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("outcome_date", sa.Date()),
        *c.count("position", nullable=True),
        c.link("policy_day_id", "days"),
        c.array("headline_ids", sa.Integer()),
        c.json("left_out", "{}"),
        *c.text("profile", "state"),
        *c.text("reason", nullable=True),
        *c.time("started_at", "finished_at"),
        sa.UniqueConstraint("run_id", "date"),
    )
    op.create_index("ix_days_run_state", "days", ["run_id", "state"])


def _make_steps() -> None:
    op.create_table(
        "steps",
        c.key(),
        c.part_of("day_id", "days", index=True),
        *c.text("kind"),
        *c.count("chunk"),
        c.array("items", sa.Integer()),
        *c.text("state"),
        *c.count("attempt", "forgiven", default="0"),
        *c.text("worker", nullable=True),
        *c.time("lease_until"),
        c.now("next_attempt_at"),
        *c.time("sent_at"),
        *c.text("error", nullable=True),
        c.now("created_at"),
        *c.time("started_at", "finished_at"),
        *c.number("seconds", nullable=True),
        c.json("figures", "{}"),
        sa.UniqueConstraint("day_id", "kind", "chunk"),
    )
    op.create_index("ix_steps_due", "steps", ["next_attempt_at"], postgresql_where=sa.text("state = 'queued'"))
    op.create_index("ix_steps_lease", "steps", ["lease_until"], postgresql_where=sa.text("state = 'leased'"))
    op.create_table(
        "attempts",
        c.part_of("step_id", "steps", primary_key=True),
        sa.Column("attempt", sa.Integer(), primary_key=True, autoincrement=False),
        *c.text("worker", "outcome"),
        *c.text("error", nullable=True),
        sa.Column("log", sa.Text(), server_default="", nullable=False),
        c.now("started_at"),
        *c.time("ended_at"),
    )


def _make_groups() -> None:
    op.create_table(
        "groups",
        c.key(),
        c.part_of("day_id", "days"),
        c.part_of("step_id", "steps", nullable=True),
        c.link("headline_id", "headlines"),
        *c.text("headline"),
        *c.time("published_at", nullable=False),
        *c.count("position"),
        *c.text("prompt_text"),
        c.array("prompt_token_ids", sa.Integer()),
        sa.UniqueConstraint("day_id", "position"),
    )
    op.create_table(
        "rollouts",
        c.key(sa.BigInteger),
        c.part_of("group_id", "groups"),
        *c.count("index"),
        *c.text("arm", "rung"),
        *c.count("attempts"),
        *c.text("raw_text"),
        c.flag("raw_strict"),
        *c.text("text"),
        c.array("token_ids", sa.Integer()),
        c.array("logprobs", sa.Float()),
        c.array("forced", sa.Integer()),
        *c.text("finish_reason", "policy", "profile"),
        *c.number("temperature"),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        c.json("recorded", "{}"),
        c.now("created_at"),
        sa.UniqueConstraint("group_id", "index"),
    )


def _make_evaluations() -> None:
    op.create_table(
        "evaluations",
        c.part_of("rollout_id", "rollouts", primary_key=True),
        c.part_of("step_id", "steps", index=True),
        *c.text("verdict"),
        c.flag("valid"),
        *c.text("failed_slot", "failure", "normalized_text", nullable=True),
        c.json("changes"),
        *c.number("validity"),
        c.flag("leak"),
        c.json("leak_stems"),
        *c.number("trade_thinking"),
        c.json("trade_parts"),
        *c.number("semantic", nullable=True),
        *c.number("rank", "normalized_score", "outcome_score", "composite", "reward"),
    )


def _make_checkpoints() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("id", sa.Text(), primary_key=True),
        c.part_of("run_id", "runs", index=True),
        c.part_of("day_id", "days", unique=True),
        c.link("parent_id", "checkpoints"),
        *c.count("fence"),
        *c.text("uri", "sha256", "adapter", "base_model"),
        c.json("files"),
        *c.time("trained_until"),
        c.json("stats"),
        c.now("created_at"),
    )
    op.create_table(
        "aliases",
        sa.Column("scope", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        c.part_of("checkpoint_id", "checkpoints"),
        c.now("updated_at"),
    )


def _make_messages() -> None:
    op.create_table(
        "events",
        c.key(sa.BigInteger),
        c.part_of("run_id", "runs", nullable=True, index=True),
        sa.Column("date", sa.Date()),
        *c.text("kind", "message"),
        c.json("data", "{}"),
        c.now("at"),
    )
    op.create_table(
        "outbox", c.key(sa.BigInteger), c.part_of("step_id", "steps", index=True), *c.text("kind"), c.now("created_at")
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.Text(), primary_key=True),
        *c.text("body_hash"),
        *c.count("status", nullable=True),
        c.json("answer", nullable=True),
        c.now("created_at"),
    )
    op.create_table(
        "engines",
        sa.Column("url", sa.Text(), primary_key=True),
        c.json("loaded"),
        c.json("load_seconds"),
        *c.text("error", nullable=True),
        c.now("seen_at"),
    )


def downgrade() -> None:
    """Drop all tables."""
    for table in ("idempotency_keys", "engines", "outbox", "events", "aliases", "checkpoints", "evaluations"):
        op.drop_table(table)
    for table in ("rollouts", "groups", "attempts", "steps", "days", "runs", "headlines", "corpora"):
        op.drop_table(table)
