"""Rows of days: as the day graph reads them, by date or id, and with the figures that later days are decided on."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Float, Integer, and_, any_, cast, false, func, literal, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from services.coordinator.models import Checkpoint, Day, Evaluation, Group, Rollout, Run, Step
from services.coordinator.states import IN_PROGRESS, DayView, Role, StepState, day_name
from shared.errors import NotFoundError
from shared.wire import StepKind


def day_views(session: Session, run_id: int, pending: int) -> list[DayView]:
    """Those days of a run that can move, in order of date, with the days that they wait for.

    These are the days in progress, the maturing and the failed ones, the panel's whose checkpoint is published, and the
    first `pending` of the other pending ones: policies are published in the order of days, so that no later one can
    begin before them. Steps of those in progress and failed are counted.
    """
    open_days = _rows(session, Day.run_id == run_id, _may_move(run_id, pending))
    policies = {row.policy_day_id for row in open_days} - {None}
    places = {row.position - 1 for row in open_days if row.position is not None}
    scores = any(row.role == "panel" for row in open_days)
    compared = and_(Day.role == "panel", Day.policy_day_id.is_(None)) if scores else false()
    known = {row.id for row in open_days}
    waited_for = _rows(
        session, Day.run_id == run_id, _among(Day.id, policies) | _among(Day.position, places) | compared
    )
    rows = open_days + [row for row in waited_for if row.id not in known]
    counts = _step_counts(session, run_id)
    return sorted((_view(row, counts.get(row.id, {})) for row in rows), key=lambda view: (view.date, view.id))


def _may_move(run_id: int, pending: int) -> ColumnElement[bool]:
    waiting = (Day.run_id == run_id, Day.state == "pending")
    first = select(Day.id).where(*waiting, Day.role != "panel").order_by(Day.position).limit(pending)
    policy = aliased(Day)
    published = or_(policy.id.is_(None), policy.state == "published")
    of_panel = select(Day.id).outerjoin(policy, policy.id == Day.policy_day_id)
    ready = of_panel.where(*waiting, Day.role == "panel", published)
    return or_(Day.state.in_([*IN_PROGRESS, "maturing", "failed"]), Day.id.in_(first), Day.id.in_(ready))


def _view(row: Any, steps: dict[StepKind, Counter[StepState]]) -> DayView:
    return DayView(
        id=row.id,
        date=row.date,
        position=row.position,
        state=row.state,
        role=row.role,
        policy=row.policy_day_id,
        outcome_date=row.outcome_date,
        steps=steps,
    )


def _among(column: Any, values: Collection[int]) -> ColumnElement[bool]:
    among: ColumnElement[bool] = column == any_(literal(list(values), ARRAY(Integer)))
    return among


def _rows(session: Session, *where: ColumnElement[bool]) -> list[Any]:
    columns = (Day.id, Day.date, Day.role, Day.position, Day.state, Day.policy_day_id, Day.outcome_date)
    return list(session.execute(select(*columns).where(*where)))


def _step_counts(session: Session, run_id: int) -> dict[int, dict[StepKind, Counter[StepState]]]:
    query = (
        select(Step.day_id, Step.kind, Step.state, func.count())
        .join(Day, Day.id == Step.day_id)
        .where(Day.run_id == run_id, Day.state.in_([*IN_PROGRESS, "failed"]))
        .group_by(Step.day_id, Step.kind, Step.state)
    )
    counts: dict[int, dict[StepKind, Counter[StepState]]] = defaultdict(dict)
    for day_id, kind, state, count in session.execute(query):
        of_kind = counts[day_id].setdefault(kind, Counter())
        of_kind[state] = count
    return counts


def find_day(session: Session, run: Run, date: dt.date, role: Role = "chain") -> Day:
    """The run's day of that date and role; raises NotFoundError."""
    query = select(Day).where(Day.run_id == run.id, Day.date == date, Day.role == role)
    day = session.scalars(query).one_or_none()
    if day is None:
        raise NotFoundError(f"run {run.name!r} has no {day_name(role, date)}")
    return day


def days_by_id(session: Session, ids: Collection[int]) -> dict[int, Day]:
    """The days of these ids."""
    return {day.id: day for day in session.scalars(select(Day).where(Day.id.in_(ids)))}


def checkpoint_of(session: Session, day_id: int | None) -> Checkpoint | None:
    """The checkpoint that a day published."""
    if day_id is None:
        return None
    return session.scalars(select(Checkpoint).where(Checkpoint.day_id == day_id)).one_or_none()


def before(session: Session, day: Day) -> Day | None:
    """The day of the run's chain just before this one; for the first one its warm start."""
    query = select(Day).where(Day.run_id == day.run_id, Day.position < day.position)
    return session.scalars(query.order_by(Day.position.desc()).limit(1)).one_or_none()


def pending_days(session: Session, run_id: int) -> Sequence[Day]:
    """Days of the chain that have not begun, in order."""
    query = select(Day).where(Day.run_id == run_id, Day.role == "chain", Day.state == "pending")
    return session.scalars(query.order_by(Day.position)).all()


def planned_place(session: Session, day: Day) -> tuple[int, int]:
    """The day's place among those of the chain that the run was made with, from 0, and how many these are.

    A day that turned out to have nothing left to use still counts, so that neither changes while the run goes on.
    """
    planned = or_(Day.position.is_not(None), Day.finished_at.is_not(None))
    earlier = func.count().filter(Day.date < day.date)
    query = select(earlier, func.count()).where(Day.run_id == day.run_id, Day.role == "chain", planned)
    place, days = session.execute(query).one()
    return place, days


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
