"""Register and expire engines by the reports of their syncers; record swaps."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.coordinator.database import Sessions, database_now, storable
from services.coordinator.models import Checkpoint, Engine, Swap
from services.coordinator.results.queries import swap_query
from services.coordinator.serving.schemas import SwapView
from shared.wire import EngineReport


def register_engine(session: Session, report: EngineReport) -> None:
    """Store the newest report of an engine and record its swaps; a report with `leaving` deregisters the engine."""
    report = EngineReport.model_validate(storable(report.model_dump(mode="json")))
    if report.leaving:
        session.execute(delete(Engine).where(Engine.url == report.url))
        return
    values = report.model_dump(mode="json", exclude={"leaving"})
    change = values | {"seen_at": func.clock_timestamp()}
    statement = insert(Engine).values(values).on_conflict_do_update(index_elements=[Engine.url], set_=change)
    first_seen = session.scalars(statement.returning(Engine.first_seen)).one()
    record_swaps(session, report, first_seen)


def expire_engines(sessions: Sessions, after: float) -> int:
    """Delete the engines without a report for `after` seconds; returns their number."""
    long_ago = func.clock_timestamp() - dt.timedelta(seconds=after)
    with sessions.begin() as session:
        expired = session.scalars(delete(Engine).where(Engine.seen_at < long_ago).returning(Engine.url)).all()
    return len(expired)


def record_swaps(session: Session, report: EngineReport, first_seen: dt.datetime) -> None:
    """Record the checkpoints that a report shows as loaded for the first time since they were promoted or published.

    `first_seen` is the time of the engine's first report. A checkpoint promoted before that has no latency at this
    engine: it came later and only caught up.
    """
    wanted_at = func.coalesce(Checkpoint.promoted_at, Checkpoint.created_at)
    recorded = (Swap.checkpoint_id == Checkpoint.id, Swap.engine == report.url, Swap.wanted_at == wanted_at)
    query = select(Checkpoint.id, wanted_at, Checkpoint.promoted_at.is_not(None))
    query = query.where(Checkpoint.id.in_(report.loaded), ~select(Swap.id).where(*recorded).exists())
    new = session.execute(query).all()
    if not new:
        return
    now = database_now(session)
    rows: list[dict[str, object]] = [
        {"checkpoint_id": checkpoint, "engine": report.url, "wanted_at": since, "promoted": promoted}
        | _figures(report, checkpoint, since, first_seen, now)
        for checkpoint, since, promoted in new
    ]
    # Two reports of one engine may be stored at the same time: the first one counts.
    session.execute(insert(Swap).on_conflict_do_nothing(), rows)


def _figures(
    report: EngineReport, checkpoint: str, since: dt.datetime, first_seen: dt.datetime, now: dt.datetime
) -> dict[str, object]:
    reported = report.verified_at.get(checkpoint, now)
    # A host whose clock is ahead must not report a time in the future; a time without zone is taken for UTC.
    verified_at = min(reported if reported.tzinfo else reported.replace(tzinfo=dt.UTC), now)
    seconds = max((verified_at - since).total_seconds(), 0.0) if first_seen <= since else None
    loaded_before = verified_at <= since
    load_seconds = None if loaded_before else report.load_seconds.get(checkpoint)
    return {"verified_at": verified_at, "seconds": seconds, "load_seconds": load_seconds}


def swaps(session: Session, *where: Any, limit: int) -> list[SwapView]:
    """Swaps in the order in which they were reported."""
    rows = session.execute(swap_query(*where).order_by(Swap.id).limit(limit))
    return [SwapView.model_validate(row, from_attributes=True) for row in rows]
