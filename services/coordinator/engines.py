"""What engines hold, by what their syncers report."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.coordinator.checkpoints.aliases import SERVED, named
from services.coordinator.database import Sessions, storable
from services.coordinator.models import Engine
from services.coordinator.results.queries import fields_of
from services.coordinator.serving_messages import EngineView
from services.coordinator.swaps import record_swaps
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


def engines(session: Session, stale_after: float, after: str = "", limit: int | None = None) -> list[EngineView]:
    """Engines in order of URL, those after one of them."""
    served = named(session).get(SERVED)
    age = func.extract("epoch", func.clock_timestamp() - Engine.seen_at)
    query = select(Engine, age).where(Engine.url > after).order_by(Engine.url)
    return [_view(row, float(seconds), stale_after, served) for row, seconds in session.execute(query.limit(limit))]


def _view(row: Engine, age: float, stale_after: float, served: str | None) -> EngineView:
    stale = age > stale_after
    own: dict[str, Any] = fields_of(row, EngineView)
    holds = served is None or served in row.loaded
    return EngineView(**own | {"ready": row.ready and holds and not stale}, stale=stale, age_seconds=max(age, 0.0))
