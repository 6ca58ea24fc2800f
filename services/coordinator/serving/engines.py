"""What engines hold, by what their syncers report."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.coordinator.database import Sessions, database_now, storable
from services.coordinator.models import Checkpoint, Day, Engine, Run, Swap
from services.coordinator.results.queries import fields_of
from services.coordinator.serving.schemas import SwapView
from shared.wire import EngineReport


def remember_engine(session: Session, report: EngineReport) -> None:
    """Keep the newest report of each engine, and note the checkpoints that came to it. One that leaves is forgotten."""
    report = EngineReport.model_validate(storable(report.model_dump(mode="json")))
    if report.leaving:
        session.execute(delete(Engine).where(Engine.url == report.url))
        return
    values = report.model_dump(mode="json", exclude={"leaving"})
    change = values | {"seen_at": func.clock_timestamp()}
    statement = insert(Engine).values(values).on_conflict_do_update(index_elements=[Engine.url], set_=change)
    first_seen = session.scalars(statement.returning(Engine.first_seen)).one()
    record_swaps(session, report, first_seen)


def forget_engines(sessions: Sessions, forget_after: float) -> int:
    """Forget the engines that were not heard of for `forget_after` seconds; answers how many."""
    long_ago = func.clock_timestamp() - dt.timedelta(seconds=forget_after)
    with sessions.begin() as session:
        gone = session.scalars(delete(Engine).where(Engine.seen_at < long_ago).returning(Engine.url)).all()
    return len(gone)


def record_swaps(session: Session, report: EngineReport, first_seen: dt.datetime) -> None:
    """Write down which checkpoints a report shows at its engine for the first time since they were wanted.

    `first_seen` is when the engine appeared: what was wanted before that, it merely caught up with.
    """
    wanted_at = func.coalesce(Checkpoint.promoted_at, Checkpoint.created_at)
    here = (Swap.checkpoint_id == Checkpoint.id, Swap.engine == report.url, Swap.wanted_at == wanted_at)
    query = select(Checkpoint.id, wanted_at, Checkpoint.promoted_at.is_not(None))
    new = session.execute(query.where(Checkpoint.id.in_(report.loaded), ~select(Swap.id).where(*here).exists())).all()
    if not new:
        return
    now = database_now(session)
    rows: list[dict[str, object]] = [
        {"checkpoint_id": checkpoint, "engine": report.url, "wanted_at": since, "promoted": promoted}
        | _figures(report, checkpoint, since, first_seen, now)
        for checkpoint, since, promoted in new
    ]
    session.execute(insert(Swap).on_conflict_do_nothing(), rows)


def _figures(
    report: EngineReport, checkpoint: str, since: dt.datetime, first_seen: dt.datetime, now: dt.datetime
) -> dict[str, object]:
    said = report.verified_at.get(checkpoint, now)
    # A host whose clock is ahead must not tell of tomorrow; a time without zone is taken for UTC.
    verified_at = min(said if said.tzinfo else said.replace(tzinfo=dt.UTC), now)
    seconds = max((verified_at - since).total_seconds(), 0.0) if first_seen <= since else None
    held_before = verified_at <= since
    load_seconds = None if held_before else report.load_seconds.get(checkpoint)
    return {"verified_at": verified_at, "seconds": seconds, "load_seconds": load_seconds}


def swaps(session: Session, *where: Any, limit: int) -> list[SwapView]:
    """Swaps in the order in which they were reported."""
    query = select(Swap, Run.name, Day.date).join(Checkpoint, Checkpoint.id == Swap.checkpoint_id)
    query = query.join(Run, Run.id == Checkpoint.run_id).join(Day, Day.id == Checkpoint.day_id)
    rows = session.execute(query.where(*where).order_by(Swap.id).limit(limit))
    return [
        SwapView(**fields_of(found, SwapView), run=run, date=date, checkpoint=found.checkpoint_id)
        for found, run, date in rows
    ]
