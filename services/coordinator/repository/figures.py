"""Stored figures of days, as the decisions about later ones take them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Float, Integer, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from services.coordinator.models import Day, Evaluation, Group, Rollout


@dataclass(frozen=True)
class DayFigures:
    """A day's means over all of its rollouts: raw validity and leaks in [0, 1]; None as long as there are none."""

    date: dt.date
    raw_validity: float | None
    leak: float | None
    reward: float | None


def _share(flag: InstrumentedAttribute[bool]) -> ColumnElement[float]:
    return func.avg(cast(cast(flag, Integer), Float))


def figures_of(session: Session, day_ids: Sequence[int]) -> list[DayFigures]:
    """The figures of those of the days that have rollouts, in order of date."""
    query = (
        select(Day.date, _share(Rollout.raw_strict), _share(Evaluation.leak), func.avg(Evaluation.reward))
        .join(Group, Group.day_id == Day.id)
        .join(Rollout, Rollout.group_id == Group.id)
        .outerjoin(Evaluation, Evaluation.rollout_id == Rollout.id)
        .where(Day.id.in_(day_ids))
        .group_by(Day.id)
        .order_by(Day.date)
    )
    return [DayFigures(*row) for row in session.execute(query)]


def chain_until(session: Session, run_id: int, position: int) -> list[int]:
    """The ids of the days of a run's chain up to a position, that one included, in order."""
    query = select(Day.id).where(Day.run_id == run_id, Day.role == "chain", Day.position <= position)
    return list(session.scalars(query.order_by(Day.position)))
