"""Stored figures of a policy on a panel, and whose figures a checkpoint's are held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.orm import Session

from services.coordinator.models import Checkpoint, Day, Evaluation, Group, Rollout, Run
from services.coordinator.promotion_rule import Units
from services.coordinator.states import OPEN_DAYS

LIKE = ("panel", "panel_rollouts", "panel_profile", "base_model", "format", "ranker", "horizon", "max_tokens", "prices")
"""Settings that must be equal for figures of two runs on a panel to be comparable."""


@dataclass(frozen=True)
class PanelScores:
    """By headline: raw validity of all lines, composite of the valid ones."""

    raw_validity: Units
    composite: Units


def scores_of(session: Session, day_id: int) -> PanelScores:
    """The figures of a scored day of a panel."""
    valid = Evaluation.valid
    query = (
        select(
            func.coalesce(Group.headline_id, -Group.id).label("unit"),
            func.sum(cast(Rollout.raw_strict, Integer)).label("strict"),
            func.count().label("lines"),
            func.coalesce(func.sum(Evaluation.composite).filter(valid), 0.0).label("composite"),
            func.count().filter(valid).label("valid"),
        )
        .join(Rollout, Rollout.group_id == Group.id)
        .outerjoin(Evaluation, Evaluation.rollout_id == Rollout.id)
        .where(Group.day_id == day_id)
        .group_by("unit")
    )
    rows = session.execute(query).all()
    return PanelScores(
        raw_validity={row.unit: (float(row.strict), row.lines) for row in rows},
        composite={row.unit: (float(row.composite), row.valid) for row in rows},
    )


def other_side(session: Session, day: Day, served: Checkpoint | None) -> int | Literal["pending"] | None:
    """The id of the panel's day of the served checkpoint, or of the base if none is served.

    None if there is none under the same settings; "pending" while one of the same run is still to be scored.
    """
    run = session.get_one(Run, day.run_id)
    of_policy = Day.policy_day_id == served.day_id if served else Day.policy_day_id.is_(None)
    query = select(Day, Run).join(Run, Run.id == Day.run_id).where(Day.role == "panel", of_policy)
    same_corpus = query.where(Run.corpus_id == run.corpus_id, *([] if served else [Run.id == run.id]))
    for other, its_run in session.execute(same_corpus.order_by(Day.id)):
        if other.state in OPEN_DAYS and its_run.id == run.id:
            return "pending"
        if other.state == "scored" and all(its_run.config.get(name) == run.config.get(name) for name in LIKE):
            return int(other.id)
    return None
