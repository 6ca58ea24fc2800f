"""Rows of days: as values for the day graph, by date or id, and the mean scores that schedules follow."""

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
    """The days of a run that can change state, in order of date, with the days that they depend on.

    The former are the days in progress, maturing and failed, the panel days whose checkpoint is published, and the
    first `pending` of the other pending days: policies are published in the order of days, so that no later day can
    begin before these. Steps are counted of days in progress and failed.
    """
    open_days = _rows(session, Day.run_id == run_id, _may_move(run_id, pending))
    policies = {row.policy_day_id for row in open_days} - {None}
    positions = {row.position - 1 for row in open_days if row.position is not None}
    has_panel = any(row.role == "panel" for row in open_days)
    base_panel = and_(Day.role == "panel", Day.policy_day_id.is_(None)) if has_panel else false()
    open_ids = {row.id for row in open_days}
    needed = _rows(
        session, Day.run_id == run_id, _among(Day.id, policies) | _among(Day.position, positions) | base_panel
    )
    rows = open_days + [row for row in needed if row.id not in open_ids]
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
    # One array parameter, however many values there are: IN would expand to a parameter for each.
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
    """The run's day of that date and role. Raises NotFoundError."""
    query = select(Day).where(Day.run_id == run.id, Day.date == date, Day.role == role)
    day = session.scalars(query).one_or_none()
    if day is None:
        raise NotFoundError(f"run {run.name!r} has no {day_name(role, date)}")
    return day


def days_by_id(session: Session, ids: Collection[int]) -> dict[int, Day]:
    """The days of these ids."""
    return {day.id: day for day in session.scalars(select(Day).where(Day.id.in_(ids)))}


def checkpoint_of(session: Session, day_id: int | None) -> Checkpoint | None:
    """The checkpoint that a day has published; None for no day (the base) or none yet."""
    if day_id is None:
        return None
    return session.scalars(select(Checkpoint).where(Checkpoint.day_id == day_id)).one_or_none()


def previous_day(session: Session, day: Day) -> Day | None:
    """The chain day before this one; the warm start before the first; None if there is neither."""
    query = select(Day).where(Day.run_id == day.run_id, Day.position < day.position)
    return session.scalars(query.order_by(Day.position.desc()).limit(1)).one_or_none()


def pending_chain_days(session: Session, run_id: int) -> Sequence[Day]:
    """Chain days that have not begun, in order."""
    query = select(Day).where(Day.run_id == run_id, Day.role == "chain", Day.state == "pending")
    return session.scalars(query.order_by(Day.position)).all()


def place_in_plan(session: Session, day: Day) -> tuple[int, int]:
    """The day's place (from 0) among the chain days of the run's original plan, and their number.

    A day that was dropped later still counts, so that schedules do not change while the run proceeds.
    """
    planned = or_(Day.position.is_not(None), Day.finished_at.is_not(None))
    earlier = func.count().filter(Day.date < day.date)
    query = select(earlier, func.count()).where(Day.run_id == day.run_id, Day.role == "chain", planned)
    place, days = session.execute(query).one()
    return place, days


@dataclass(frozen=True)
class DayMeans:
    """A day's means over its rollouts: raw validity, leak share and reward, None until they are sampled or scored."""

    date: dt.date
    raw_validity: float | None
    leak: float | None
    reward: float | None


def _share(flag: InstrumentedAttribute[bool]) -> ColumnElement[float]:
    return func.avg(cast(cast(flag, Integer), Float))


def day_means(session: Session, day_ids: Sequence[int]) -> list[DayMeans]:
    """The means of those of the days that have rollouts, in order of date."""
    query = (
        select(Day.date, _share(Rollout.raw_strict), _share(Evaluation.leak), func.avg(Evaluation.reward))
        .join(Group, Group.day_id == Day.id)
        .join(Rollout, Rollout.group_id == Group.id)
        .outerjoin(Evaluation, Evaluation.rollout_id == Rollout.id)
        .where(Day.id.in_(day_ids))
        .group_by(Day.id)
        .order_by(Day.date)
    )
    return [DayMeans(*row) for row in session.execute(query)]


def chain_ids_until(session: Session, run_id: int, position: int) -> list[int]:
    """Ids of a run's chain days up to and including a position, in order."""
    query = select(Day.id).where(Day.run_id == run_id, Day.role == "chain", Day.position <= position)
    return list(session.scalars(query.order_by(Day.position)))
