"""The notices of a report: headlines with false dates, and failures."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Integer, Text, and_, any_, cast, func, or_, select
from sqlalchemy.orm import Session

from services.coordinator.models import Day, Headline, Run, Step
from services.coordinator.reports.figures.report import UNKNOWN_REASON, Failure, Flag

PANEL = "panel"
"""The reason of headlines that are left out although their date is sound: they are held out of training."""


def flags_of(session: Session, run: Run) -> list[Flag]:
    """The headlines of the run's days that were left out, and the flagged ones that were used."""
    # left_out is JSON, whose keys are text.
    key = cast(Headline.id, Text)
    used = cast(Headline.id, Integer) == any_(Day.headline_ids)
    left_out = and_(Day.left_out.has_key(key), Day.left_out[key].astext != PANEL)
    query = (
        select(
            Day.date,
            Headline.text,
            Headline.published_at,
            func.coalesce(Day.left_out[key].astext, Headline.flag),
            used,
        )
        .join(Headline, and_(Headline.corpus_id == run.corpus_id, Headline.date == Day.date))
        .where(Day.run_id == run.id, Day.role == "chain", or_(left_out, and_(Headline.flag.is_not(None), used)))
        .order_by(Day.date, Headline.position)
    )
    return [
        Flag(date, text, published_at.astimezone(dt.UTC), reason, is_used)
        for date, text, published_at, reason, is_used in session.execute(query)
    ]


def failures_of(session: Session, run: Run) -> list[Failure]:
    """Failed steps; days that failed without a failed step; the run, if it failed without either."""
    columns = (Day.date, Step.kind, Step.chunk, Step.attempt, Step.error, Day.role)
    query = select(*columns).join(Step, Step.day_id == Day.id)
    rows = session.execute(query.where(Day.run_id == run.id, Step.state == "failed").order_by(Day.date, Step.id))
    steps = [Failure(*row[:4], reason=row.error or UNKNOWN_REASON, role=row.role) for row in rows]
    failed = select(Day.date, Day.reason, Day.role).where(Day.run_id == run.id, Day.state == "failed")
    # A day fails with its step: a failure of its own would name the same fault twice.
    reported = {(failure.date, failure.role) for failure in steps}
    days = [
        Failure(row.date, None, None, None, row.reason or UNKNOWN_REASON, row.role)
        for row in session.execute(failed.order_by(Day.date))
        if (row.date, row.role) not in reported
    ]
    if not steps and not days and run.state == "failed":
        return [Failure(None, None, None, None, run.reason or UNKNOWN_REASON)]
    return sorted([*steps, *days], key=lambda failure: str(failure.date))
