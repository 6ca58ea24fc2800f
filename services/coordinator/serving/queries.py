"""Queries of serving: the checkpoints that engines should load, and the engines."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.coordinator.checkpoints.aliases import PREVIOUS, SERVED, named
from services.coordinator.checkpoints.queries import reference
from services.coordinator.models import Checkpoint, Day, Engine, Run, Step
from services.coordinator.serving.schemas import EngineView
from services.coordinator.states import GRANTING_RUNS, OPEN_STEPS
from shared.wire import WantedCheckpoints


def desired_checkpoints(session: Session) -> WantedCheckpoints:
    """The served and the previous checkpoint, and the policy of every day with an open generate step."""
    names = named(session)
    # A paused run keeps its policies loaded, so that it can go on at once.
    sampling = (
        select(Checkpoint.id)
        .join(Day, Day.policy_day_id == Checkpoint.day_id)
        .join(Run, Run.id == Day.run_id)
        .join(Step, Step.day_id == Day.id)
        .where(Step.kind == "generate", Step.state.in_(OPEN_STEPS), Run.state.in_([*GRANTING_RUNS, "paused"]))
    )
    desired = Checkpoint.id.in_(sampling) | Checkpoint.id.in_(list(names.values()))
    rows = session.scalars(select(Checkpoint).where(desired).order_by(Checkpoint.id)).all()
    refs = [reference(row) for row in rows]
    served = names.get(SERVED)
    since = next((row.promoted_at for row in rows if row.id == served), None)
    return WantedCheckpoints(served=served, previous=names.get(PREVIOUS), checkpoints=refs, served_since=since)


def engines(session: Session, stale_after: float, after: str = "", limit: int | None = None) -> list[EngineView]:
    """Engines in order of URL, the first `limit` after `after`; one without a report for `stale_after` s is stale."""
    served = named(session).get(SERVED)
    age = func.extract("epoch", func.clock_timestamp() - Engine.seen_at)
    query = select(Engine, age).where(Engine.url > after).order_by(Engine.url)
    return [_view(row, float(seconds), stale_after, served) for row, seconds in session.execute(query.limit(limit))]


def _view(row: Engine, age: float, stale_after: float, served: str | None) -> EngineView:
    stale = age > stale_after
    has_served = served is None or served in row.loaded
    return EngineView(
        url=row.url,
        syncer_url=row.syncer_url,
        loaded=row.loaded,
        load_seconds=row.load_seconds,
        verified_at=row.verified_at,
        ready=row.ready and has_served and not stale,
        stale=stale,
        age_seconds=max(age, 0.0),
        error=row.error,
        first_seen=row.first_seen,
        seen_at=row.seen_at,
    )
