"""Which checkpoints engines should hold."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.coordinator.checkpoints.aliases import PREVIOUS, SERVED, named
from services.coordinator.models import Checkpoint, Day, Engine, Run, Step
from services.coordinator.results.queries import fields_of
from services.coordinator.serving.schemas import EngineView
from services.coordinator.states import GRANTING_RUNS, OPEN_STEPS
from shared.wire import CheckpointRef, WantedCheckpoints


def wanted(session: Session) -> WantedCheckpoints:
    """The served and the previous checkpoint, and the policy of every day that still has something to generate."""
    names = named(session)
    sampling = (
        select(Checkpoint.id)
        .join(Day, Day.policy_day_id == Checkpoint.day_id)
        .join(Run, Run.id == Day.run_id)
        .join(Step, Step.day_id == Day.id)
        .where(Step.kind == "generate", Step.state.in_(OPEN_STEPS), Run.state.in_([*GRANTING_RUNS, "paused"]))
    )
    held = Checkpoint.id.in_(sampling) | Checkpoint.id.in_(list(names.values()))
    rows = session.scalars(select(Checkpoint).where(held).order_by(Checkpoint.id)).all()
    refs = [CheckpointRef(id=row.id, uri=row.uri, sha256=row.sha256) for row in rows]
    served = names.get(SERVED)
    since = next((row.promoted_at for row in rows if row.id == served), None)
    return WantedCheckpoints(served=served, previous=names.get(PREVIOUS), checkpoints=refs, served_since=since)


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
