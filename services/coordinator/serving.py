"""Which checkpoints engines should hold, and what they hold."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.coordinator.day import GRANTING_RUNS, OPEN_STEPS
from services.coordinator.listings import fields_of
from services.coordinator.models import Alias, Checkpoint, Day, Engine, Run, Step
from services.coordinator.publishing import PREVIOUS, SERVED
from services.coordinator.repository.steps import storable
from services.coordinator.result_messages import EngineView
from shared.wire import CheckpointRef, EngineReport, WantedCheckpoints


def wanted(session: Session) -> WantedCheckpoints:
    """The served and the previous checkpoint, and the policy of every day that still has something to generate."""
    names = select(Alias.name, Alias.checkpoint_id).where(Alias.scope == "", Alias.name.in_([SERVED, PREVIOUS]))
    named = dict(session.execute(names).all())
    sampling = (
        select(Checkpoint.id)
        .join(Day, Day.policy_day_id == Checkpoint.day_id)
        .join(Run, Run.id == Day.run_id)
        .join(Step, Step.day_id == Day.id)
        .where(Step.kind == "generate", Step.state.in_(OPEN_STEPS), Run.state.in_([*GRANTING_RUNS, "paused"]))
    )
    held = Checkpoint.id.in_(sampling) | Checkpoint.id.in_(list(named.values()))
    rows = session.scalars(select(Checkpoint).where(held).order_by(Checkpoint.id))
    refs = [CheckpointRef(id=row.id, uri=row.uri, sha256=row.sha256) for row in rows]
    return WantedCheckpoints(served=named.get(SERVED), previous=named.get(PREVIOUS), checkpoints=refs)


def remember_engine(session: Session, report: EngineReport) -> None:
    """Keep the newest report of each engine."""
    values = storable(report.model_dump(include={"url", "loaded", "load_seconds", "error"}))
    statement = insert(Engine).values(values)
    session.execute(
        statement.on_conflict_do_update(index_elements=["url"], set_=values | {"seen_at": func.clock_timestamp()})
    )


def engines(session: Session, after: str, limit: int) -> list[EngineView]:
    """Engines in order of URL."""
    rows = session.scalars(select(Engine).where(Engine.url > after).order_by(Engine.url).limit(limit))
    return [EngineView(**fields_of(row, EngineView)) for row in rows]
