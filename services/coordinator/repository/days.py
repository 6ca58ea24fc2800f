"""Days of a run: as the graph sees them, and with the headlines they use."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any, cast

from sqlalchemy import ARRAY, ColumnElement, Integer, any_, func, literal, select
from sqlalchemy.orm import Session

from services.coordinator.day import IN_PROGRESS, DayState, StepState
from services.coordinator.graph import DayView
from services.coordinator.models import Checkpoint, Day, Headline, Run, Step
from services.coordinator.planning import DatedHeadline
from shared.errors import NotFoundError
from shared.wire import StepKind


def day_views(session: Session, run_id: int, pending: int) -> list[DayView]:
    """Those days of a run that can move, in order of date, with the days that they wait for.

    These are the days in progress, the failed ones and the first `pending` of the pending ones: policies are published
    in the order of days, so that no later one can begin before them. Steps of the former are counted.
    """
    first = select(Day.id).where(Day.run_id == run_id, Day.state == "pending").order_by(Day.position).limit(pending)
    open_days = _rows(session, Day.run_id == run_id, Day.state.in_([*IN_PROGRESS, "failed"]) | Day.id.in_(first))
    policies = {row.policy_day_id for row in open_days} - {None}
    places = {row.position - 1 for row in open_days}
    known = {row.id for row in open_days}
    waited_for = _rows(session, Day.run_id == run_id, _among(Day.id, policies) | _among(Day.position, places))
    rows = open_days + [row for row in waited_for if row.id not in known]
    dates = {row.id: row.date for row in rows}
    counts = _step_counts(session, run_id)
    views = [
        DayView(
            row.date, row.position, cast("DayState", row.state), dates.get(row.policy_day_id), counts.get(row.id, {})
        )
        for row in rows
    ]
    return sorted(views, key=lambda view: view.date)


def _among(column: Any, values: Collection[int]) -> ColumnElement[bool]:
    among: ColumnElement[bool] = column == any_(literal(list(values), ARRAY(Integer)))
    return among


def _rows(session: Session, *where: ColumnElement[bool]) -> list[Any]:
    columns = (Day.id, Day.date, Day.position, Day.state, Day.policy_day_id)
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
        of_kind = counts[day_id].setdefault(cast("StepKind", kind), Counter())
        of_kind[cast("StepState", state)] = count
    return counts


def find_day(session: Session, run: Run, date: dt.date) -> Day:
    """The run's day of that date; raises NotFoundError."""
    day = session.scalars(select(Day).where(Day.run_id == run.id, Day.date == date)).one_or_none()
    if day is None:
        raise NotFoundError(f"run {run.name!r} has no day {date}")
    return day


def days_on(session: Session, run_id: int, dates: Collection[dt.date]) -> dict[dt.date, Day]:
    """The run's days on these dates."""
    return {day.date: day for day in session.scalars(select(Day).where(Day.run_id == run_id, Day.date.in_(dates)))}


def dated_headlines(
    session: Session, corpus_id: int, first: dt.date, last: dt.date
) -> dict[dt.date, list[DatedHeadline]]:
    """The headlines of a corpus' days from `first` to `last`, each day's in its order."""
    query = (
        select(Headline.date, Headline.id, Headline.flag, Headline.published_at)
        .where(Headline.corpus_id == corpus_id, Headline.date.between(first, last))
        .order_by(Headline.date, Headline.position)
    )
    found: dict[dt.date, list[DatedHeadline]] = defaultdict(list)
    for date, headline_id, flag, published_at in session.execute(query):
        found[date].append(DatedHeadline(headline_id, flag, published_at))
    return found


def checkpoint_of(session: Session, day_id: int | None) -> Checkpoint | None:
    """The checkpoint that a day published."""
    if day_id is None:
        return None
    return session.scalars(select(Checkpoint).where(Checkpoint.day_id == day_id)).one_or_none()


def before(session: Session, day: Day) -> Day | None:
    """The day of the run's chain just before this one."""
    query = select(Day).where(Day.run_id == day.run_id, Day.position < day.position)
    return session.scalars(query.order_by(Day.position.desc()).limit(1)).one_or_none()


def pending_days(session: Session, run_id: int) -> Sequence[Day]:
    """Days that have not begun, in order."""
    query = select(Day).where(Day.run_id == run_id, Day.state == "pending").order_by(Day.position)
    return session.scalars(query).all()
