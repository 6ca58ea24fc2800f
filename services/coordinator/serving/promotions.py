"""Promotions: look a checkpoint up, verify its files, serve it, and wait until live engines have loaded it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from services.coordinator.checkpoints.aliases import PREVIOUS, SERVED, Move, lock_served, named, serve
from services.coordinator.database import Sessions
from services.coordinator.models import Alias, Checkpoint, Run
from services.coordinator.runs.queries import record_event
from services.coordinator.serving.queries import engines
from services.coordinator.serving.schemas import EngineStatus, EngineView, PromoteRequest, PromotionView
from shared.checkpoints import CheckpointStore
from shared.errors import ConflictError, NotFoundError, NotInTimeError, UnavailableError
from shared.wire import CheckpointRef


@dataclass(frozen=True)
class PromotionStatus:
    """What is served, and which engines have loaded the promoted checkpoint."""

    served: str | None
    engines: Sequence[EngineStatus]

    @property
    def done(self) -> bool:
        """Whether all live engines have loaded the checkpoint, and there is one."""
        live = [engine for engine in self.engines if engine.state != "stale"]
        return bool(live) and all(engine.state == "ready" for engine in live)


def promote(
    sessions: Sessions, store: CheckpointStore, request: PromoteRequest, stale_after: float
) -> tuple[PromotionView, CheckpointRef]:
    """Serve a checkpoint. Raises NotFoundError, ConflictError, CheckpointCorruptError; what is served stays then."""
    with sessions.begin() as session:
        expected = _expected(session, request)
        ref = _found(session, request.checkpoint, stale_after)
    while True:
        store.verified(ref)
        with sessions.begin() as session:
            _check_served(lock_served(session), expected)
            verified, ref = ref, _found(session, request.checkpoint, stale_after)
            if ref != verified:  # the alias was moved meanwhile; files are hashed outside of the lock
                continue
            move = promote_now(session, session.get_one(Checkpoint, ref.id), "by request")
            previous = named(session).get(PREVIOUS)
        break
    with sessions.begin() as session:
        status = promotion_status(session, ref.id, stale_after)
    view = PromotionView(
        served=ref.id,
        previous=previous,
        changed=move.at is not None,
        promoted_at=move.at,
        engines=list(status.engines),
    )
    return view, ref


def promote_now(session: Session, checkpoint: Checkpoint, why: str) -> Move:
    """Serve a checkpoint whose files were verified, and record an event."""
    move = serve(session, checkpoint.id)
    if move.at is not None:
        run = session.get_one(Run, checkpoint.run_id)
        message = f"checkpoint {checkpoint.id} is promoted {why}; {move.before or 'the base'} was served before"
        record_event(session, run, "checkpoint.promoted", message, checkpoint=checkpoint.id, before=move.before)
    return move


def promotion_status(session: Session, checkpoint: str, stale_after: float) -> PromotionStatus:
    """The status of a checkpoint at every engine, and what is served by now."""
    promoted_at = session.get_one(Checkpoint, checkpoint).promoted_at
    since = promoted_at.timestamp() if promoted_at else None
    statuses = [_engine_status(engine, checkpoint, since) for engine in engines(session, stale_after)]
    return PromotionStatus(named(session).get(SERVED), statuses)


def _engine_status(engine: EngineView, checkpoint: str, since: float | None) -> EngineStatus:
    loaded = checkpoint in engine.loaded
    verified = engine.verified_at.get(checkpoint) if loaded else None
    return EngineStatus(
        engine=engine.url,
        state="stale" if engine.stale else "ready" if loaded and engine.ready else "lacking",
        seconds=max(verified.timestamp() - since, 0.0) if verified and since is not None else None,
        load_seconds=engine.load_seconds.get(checkpoint) if loaded else None,
        error=engine.error,
        seen_at=engine.seen_at,
    )


def _expected(session: Session, request: PromoteRequest) -> str | None:
    """What must be served for the promotion to be made: a roll-back is one of what is served when it is asked for."""
    if request.checkpoint == PREVIOUS and request.expected is None:
        return named(session).get(SERVED, "")
    return request.expected


def _check_served(served: str | None, expected: str | None) -> None:
    if expected is not None and expected != (served or ""):
        raise ConflictError(
            f"expected: served is {served or 'nothing'}, not {expected or 'nothing'}; look again (GET /v1/serving)"
        )


def _found(session: Session, name: str, stale_after: float) -> CheckpointRef:
    """The checkpoint that a name stands for at this moment, if engines can load it."""
    found = _named(session, name)
    _check_base(session, found, stale_after)
    return CheckpointRef(id=found.id, uri=found.uri, sha256=found.sha256)


def _named(session: Session, name: str) -> Checkpoint:
    if name == PREVIOUS:
        names = named(session)
        if PREVIOUS not in names:
            raise ConflictError("checkpoint: there is no previous one to roll back to; name the checkpoint to serve")
        return session.get_one(Checkpoint, names[PREVIOUS])
    scope, colon, alias = name.partition(":")
    pointed = session.get(Alias, (scope, alias)) if colon else None
    checkpoint = session.get(Checkpoint, pointed.checkpoint_id if pointed else name)
    if checkpoint is None:
        raise NotFoundError(
            f"checkpoint: there is none called {name!r}; write its id, RUN:final_model, RUN:final_model_YYYYMMDD, or "
            "previous (GET /v1/aliases and GET /v1/backfills/RUN/checkpoints list them)"
        )
    return checkpoint


def _check_base(session: Session, checkpoint: Checkpoint, stale_after: float) -> None:
    """Refuse what engines cannot load: those that have loaded the served checkpoint run its base model."""
    served = session.get(Checkpoint, named(session).get(SERVED, ""))
    if served is None or served.base_model == checkpoint.base_model:
        return
    serving = [
        engine.url for engine in engines(session, stale_after) if not engine.stale and served.id in engine.loaded
    ]
    if serving:
        raise ConflictError(
            f"checkpoint: {checkpoint.id} was trained on {checkpoint.base_model}, but {', '.join(serving)} run "
            f"{served.base_model}, the base of {served.id}; stop these and start engines of {checkpoint.base_model}"
        )


POLL_SECONDS = 0.1


@dataclass
class PromotionWaiter:
    """Waits for a promotion to reach every live engine, without holding a thread or a session.

    `limit` promotions may wait at this coordinator at once; `waiting` do.
    """

    sessions: Sessions
    stale_after: float
    limit: int
    waiting: int = 0

    async def wait_until_ready(
        self, checkpoint: str, seconds: float, disconnected: Callable[[], Awaitable[bool]]
    ) -> PromotionStatus:
        """The status once all live engines have loaded `checkpoint`, or as soon as the client has `disconnected`.

        Raises NotInTimeError after `seconds`, ConflictError if something else is served by then, UnavailableError if
        too many wait already. The promotion stands in any case.
        """
        if self.waiting >= self.limit:
            raise UnavailableError(
                f"{checkpoint} is promoted, but {self.limit} wait for engines already: see GET /v1/engines"
            )
        self.waiting += 1
        deadline = time.monotonic() + seconds
        try:
            while True:
                status = await run_in_threadpool(self._status, checkpoint)
                if status.served != checkpoint:
                    raise ConflictError(f"{checkpoint} was promoted, but {status.served} is served by now")
                # A client that went away must not keep its place among those that may wait.
                if status.done or await disconnected():
                    return status
                if time.monotonic() >= deadline:
                    raise _late(checkpoint, status, seconds)
                await asyncio.sleep(POLL_SECONDS)
        finally:
            self.waiting -= 1

    def _status(self, checkpoint: str) -> PromotionStatus:
        with self.sessions.begin() as session:
            return promotion_status(session, checkpoint, self.stale_after)


def _late(checkpoint: str, status: PromotionStatus, seconds: float) -> NotInTimeError:
    lacking = [engine for engine in status.engines if engine.state == "lacking"]
    errors = [{"field": engine.engine, "message": engine.error or "it has not verified it yet"} for engine in lacking]
    names = ", ".join(engine.engine for engine in lacking) or "no engine is live"
    return NotInTimeError(
        f"{checkpoint} is promoted, but not loaded by every live engine after {seconds:g} s: {names}; "
        "`morrow serving` shows their progress",
        errors=errors,
    )
