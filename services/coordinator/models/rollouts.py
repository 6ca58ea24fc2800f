"""Groups, rollouts and evaluations."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    UniqueConstraint,
    func,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.coordinator.models.base import Base, Json
from shared.wire import Arm, Rung, Verdict


class Group(Base):
    """The rollouts of one headline, with their prompt. `headline` is its text, since imports have no `headline_id`."""

    __tablename__ = "groups"
    __table_args__ = (UniqueConstraint("day_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    day_id: Mapped[int] = mapped_column(ForeignKey("days.id", ondelete="CASCADE"))
    step_id: Mapped[int | None] = mapped_column(ForeignKey("steps.id", ondelete="CASCADE"))
    headline_id: Mapped[int | None] = mapped_column(ForeignKey("headlines.id"))
    headline: Mapped[str]
    published_at: Mapped[dt.datetime]
    position: Mapped[int]
    prompt_text: Mapped[str]
    prompt_token_ids: Mapped[list[int]]

    rollouts: Mapped[list[Rollout]] = relationship(order_by="Rollout.index", lazy="raise", back_populates="group")


class Rollout(Base):
    """One sampled forecast; the fields are those of shared.wire.RolloutRecord.

    `recorded` has the fields of an imported file (rank, reward, immediate_reward, prediction_id, …).
    """

    __tablename__ = "rollouts"
    __table_args__ = (UniqueConstraint("group_id", "index"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    index: Mapped[int]
    arm: Mapped[Arm]
    rung: Mapped[Rung]
    attempts: Mapped[int]
    sampled_tokens: Mapped[int] = mapped_column(server_default="0")
    raw_text: Mapped[str]
    raw_strict: Mapped[bool]
    text: Mapped[str]
    token_ids: Mapped[list[int]]
    logprobs: Mapped[list[float]]
    forced: Mapped[list[int]]
    finish_reason: Mapped[str]
    policy: Mapped[str]
    profile: Mapped[str]
    temperature: Mapped[float]
    seed: Mapped[int] = mapped_column(BigInteger)
    recorded: Mapped[Json] = mapped_column(server_default=sql("'{}'::jsonb"))
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())

    group: Mapped[Group] = relationship(lazy="raise", back_populates="rollouts")
    evaluation: Mapped[Evaluation | None] = relationship(lazy="raise", back_populates="rollout")


class Evaluation(Base):
    """All scores of a rollout; the fields are those of shared.wire.EvaluationRecord."""

    __tablename__ = "evaluations"

    rollout_id: Mapped[int] = mapped_column(ForeignKey("rollouts.id", ondelete="CASCADE"), primary_key=True)
    step_id: Mapped[int] = mapped_column(ForeignKey("steps.id", ondelete="CASCADE"), index=True)
    verdict: Mapped[Verdict]
    valid: Mapped[bool]
    failed_slot: Mapped[str | None]
    failure: Mapped[str | None]
    normalized_text: Mapped[str | None]
    changes: Mapped[list[str]]
    validity: Mapped[float]
    leak: Mapped[bool]
    leak_stems: Mapped[list[str]]
    trade_thinking: Mapped[float]
    trade_parts: Mapped[Json]
    semantic: Mapped[float | None]
    rank: Mapped[float]
    normalized_score: Mapped[float]
    outcome_score: Mapped[float]
    composite: Mapped[float]
    reward: Mapped[float]
    grounding: Mapped[float | None]
    form_score: Mapped[float] = mapped_column(server_default="0")
    signs: Mapped[list[str]] = mapped_column(server_default=sql("'[]'::jsonb"))
    settlement: Mapped[Json | None] = mapped_column(JSONB(none_as_null=True))

    rollout: Mapped[Rollout] = relationship(lazy="raise", back_populates="evaluation")
