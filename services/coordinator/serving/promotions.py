"""Promotes a checkpoint: looks it up, and, once its files are verified, makes it the served one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from services.coordinator.checkpoints.aliases import PREVIOUS, SERVED, Move, named, serve
from services.coordinator.database import Sessions
from services.coordinator.models import Alias, Checkpoint, Run
from services.coordinator.runs.queries import record_event
from services.coordinator.serving.queries import engines
from services.coordinator.serving.schemas import EngineStanding, EngineView, PromoteRequest, PromotionView
from shared.checkpoints import CheckpointStore
from shared.errors import ConflictError, NotFoundError, NotInTimeError, UnavailableError
from shared.wire import CheckpointRef


@dataclass(frozen=True)
class Standing:
    """What is served, and how the engines stand to it."""

    served: str | None
    engines: Sequence[EngineStanding]

    @property
    def done(self) -> bool:
        """Whether an engine is heard of, and all that are hold what is served."""
        heard = [engine for engine in self.engines if engine.state != "stale"]
        return bool(heard) and all(engine.state == "ready" for engine in heard)


def promote(
    sessions: Sessions, store: CheckpointStore, request: PromoteRequest, stale_after: float
) -> tuple[PromotionView, CheckpointRef]:
    """Serve a checkpoint. Raises NotFoundError, ConflictError, CheckpointCorruptError; what is served stays then."""
    with sessions.begin() as session:
        found, expected = _found(session, request)
        _check_base(session, found, stale_after)
        ref = CheckpointRef(id=found.id, uri=found.uri, sha256=found.sha256)
    store.verified(ref)
    with sessions.begin() as session:
        move = promote_now(session, session.get_one(Checkpoint, ref.id), "by request", expected)
    with sessions.begin() as session:
        names, standing = named(session), standing_of(session, ref.id, stale_after)
    view = PromotionView(
        served=ref.id,
        previous=names.get(PREVIOUS),
        changed=move.at is not None,
        promoted_at=move.at,
        engines=list(standing.engines),
    )
    return view, ref


def promote_now(session: Session, checkpoint: Checkpoint, why: str, expected: str | None = None) -> Move:
    """Make a checkpoint whose files were verified the served one, and note it; raises ConflictError."""
    move = serve(session, checkpoint.id, expected)
    if move.at is not None:
        run = session.get_one(Run, checkpoint.run_id)
        message = f"checkpoint {checkpoint.id} is promoted {why}; {move.before or 'the base'} was served before"
        record_event(session, run, "checkpoint.promoted", message, checkpoint=checkpoint.id, before=move.before)
    return move


def standing_of(session: Session, checkpoint: str, stale_after: float) -> Standing:
    """How every engine stands to a checkpoint, and what is served by now."""
    promoted_at = session.get_one(Checkpoint, checkpoint).promoted_at
    since = promoted_at.timestamp() if promoted_at else None
    found = [_standing(engine, checkpoint, since) for engine in engines(session, stale_after)]
    return Standing(named(session).get(SERVED), found)


def _standing(engine: EngineView, checkpoint: str, since: float | None) -> EngineStanding:
    holds = checkpoint in engine.loaded
    verified = engine.verified_at.get(checkpoint) if holds else None
    return EngineStanding(
        engine=engine.url,
        state="stale" if engine.stale else "ready" if holds and engine.ready else "lacking",
        seconds=max(verified.timestamp() - since, 0.0) if verified and since is not None else None,
        load_seconds=engine.load_seconds.get(checkpoint) if holds else None,
        error=engine.error,
        seen_at=engine.seen_at,
    )


def _found(session: Session, request: PromoteRequest) -> tuple[Checkpoint, str | None]:
    """The checkpoint that is meant, and what must be served: a roll-back is one of what is served now."""
    name, expected = request.checkpoint, request.expected
    names = named(session)
    if name == PREVIOUS:
        if PREVIOUS not in names:
            raise ConflictError("checkpoint: there is no previous one to roll back to; name the checkpoint to serve")
        expected = names.get(SERVED, "") if expected is None else expected
        return session.get_one(Checkpoint, names[PREVIOUS]), expected
    scope, colon, alias = name.partition(":")
    pointed = session.get(Alias, (scope, alias)) if colon else None
    checkpoint = session.get(Checkpoint, pointed.checkpoint_id if pointed else name)
    if checkpoint is None:
        raise NotFoundError(
            f"checkpoint: there is none called {name!r}; write its id, RUN:final_model, RUN:final_model_YYYYMMDD, or "
            "previous (GET /v1/aliases and GET /v1/backfills/RUN/checkpoints list them)"
        )
    return checkpoint, expected


def _check_base(session: Session, checkpoint: Checkpoint, stale_after: float) -> None:
    """Refuse what engines cannot load: those that hold the served checkpoint run its base model."""
    served = session.get(Checkpoint, named(session).get(SERVED, ""))
    if served is None or served.base_model == checkpoint.base_model:
        return
    holding = [
        engine.url for engine in engines(session, stale_after) if not engine.stale and served.id in engine.loaded
    ]
    if holding:
        raise ConflictError(
            f"checkpoint: {checkpoint.id} was trained on {checkpoint.base_model}, but {', '.join(holding)} run "
            f"{served.base_model}, of which {served.id} is; stop these and start engines of {checkpoint.base_model}"
        )


EVERY = 0.1
"""Seconds between two looks."""


@dataclass
class Waiters:
    """How many wait at this coordinator, and how many may."""

    most: int
    now: int = 0


async def wait_for_engines(
    waiters: Waiters,
    checkpoint: str,
    look: Callable[[], Awaitable[Standing]],
    seconds: float,
    gone: Callable[[], Awaitable[bool]],
) -> Standing:
    """How engines stand once all that are heard of hold `checkpoint`, or as soon as whoever asked is `gone`.

    Raises NotInTimeError after `seconds`, ConflictError if something else is served by then, UnavailableError if too
    many wait already. The promotion stands in any case.
    """
    if waiters.now >= waiters.most:
        raise UnavailableError(
            f"{checkpoint} is promoted, but {waiters.most} wait for engines already: see GET /v1/engines"
        )
    waiters.now += 1
    deadline = time.monotonic() + seconds
    try:
        while True:
            standing = await look()
            if standing.served != checkpoint:
                raise ConflictError(f"{checkpoint} was promoted, but {standing.served} is served by now")
            if standing.done or await gone():
                return standing
            if time.monotonic() >= deadline:
                raise _late(checkpoint, standing, seconds)
            await asyncio.sleep(EVERY)
    finally:
        waiters.now -= 1


def _late(checkpoint: str, standing: Standing, seconds: float) -> NotInTimeError:
    lacking = [engine for engine in standing.engines if engine.state == "lacking"]
    errors = [{"field": engine.engine, "message": engine.error or "it has not verified it yet"} for engine in lacking]
    who = ", ".join(engine.engine for engine in lacking) or "no engine is heard of"
    return NotInTimeError(
        f"{checkpoint} is promoted, but not all engines hold it after {seconds:g} s: {who}; "
        "`morrow serving` shows how they go on",
        errors=errors,
    )
