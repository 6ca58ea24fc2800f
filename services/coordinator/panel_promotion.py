"""promote=panel: once the panel's day of a checkpoint is scored, serves it if its figures bear it out.

What is decided is stored in that day's decisions with the figures that decided it. Files are hashed between two
transactions; if something else is served by the second, it is decided anew.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.coordinator.aliases import SERVED, lock_served, named
from services.coordinator.database import Sessions
from services.coordinator.models import Checkpoint, Day, Run
from services.coordinator.panel_scores import PanelScores, other_side, scores_of
from services.coordinator.payloads import reference
from services.coordinator.promoting import promote_now
from services.coordinator.promotion_rule import compared
from services.coordinator.repository.days import checkpoint_of
from services.coordinator.repository.runs import note
from shared.checkpoints import CheckpointStore
from shared.errors import CheckpointCorruptError
from shared.wire import CheckpointRef

DECISION = "promote"


@dataclass(frozen=True)
class Verdict:
    """What is to become of a checkpoint, why, and by which figures. `served` is what was served at the time."""

    ref: CheckpointRef
    served: str | None
    promote: bool
    reason: str
    against: str | None
    figures: dict[str, Any]


def decide_promotions(sessions: Sessions, store: CheckpointStore, most: int = 100) -> int:
    """Decide about up to `most` scored checkpoints, the earliest first; answers how many were decided."""
    with sessions.begin() as session:
        day_ids = session.scalars(
            select(Day.id)
            .join(Run, Run.id == Day.run_id)
            .where(Run.config["promote"].astext == "panel", Run.state != "cancelled")
            .where(Day.role == "panel", Day.state == "scored", Day.policy_day_id.is_not(None))
            .where(~Day.decisions.has_key(DECISION))
            .order_by(Day.date, Day.id)
            .limit(most)
        ).all()
    return sum(_decide(sessions, store, day_id) for day_id in day_ids)


def _decide(sessions: Sessions, store: CheckpointStore, day_id: int) -> bool:
    with sessions.begin() as session:
        verdict = _verdict(session, session.get_one(Day, day_id))
    if verdict is None:
        return False
    if verdict.promote:
        try:
            store.verified(verdict.ref)
        except CheckpointCorruptError as error:
            verdict = Verdict(verdict.ref, verdict.served, False, error.detail, verdict.against, verdict.figures)
    with sessions.begin() as session:
        return _carry_out(session, day_id, verdict)


def _verdict(session: Session, day: Day) -> Verdict | None:
    """What the figures say; None as long as those of the served checkpoint are still to come."""
    checkpoint = checkpoint_of(session, day.policy_day_id)
    ref = reference(checkpoint)
    if checkpoint is None or ref is None:
        return None
    served = session.get(Checkpoint, named(session).get(SERVED, ""))
    if served is not None and served.id == ref.id:
        return Verdict(ref, served.id, True, "it is served already", None, {})
    if (
        served is not None
        and served.run_id == checkpoint.run_id
        and _place(session, served) > _place(session, checkpoint)
    ):
        return Verdict(ref, served.id, False, f"{served.id} is served, a later one of its run", served.id, {})
    other = other_side(session, day, served)
    if other == "pending":
        return None
    against, served_id = served.id if served else "base", served.id if served else None
    if other is None:
        reason = (
            f"{against} is not scored on its panel under the same settings; promote it by request if it is to be served"
        )
        return Verdict(ref, served_id, False, reason, against, {})
    return _weigh(ref, served_id, against, scores_of(session, day.id), scores_of(session, other))


def _place(session: Session, checkpoint: Checkpoint) -> int:
    position = session.get_one(Day, checkpoint.day_id).position
    return -1 if position is None else position


def _weigh(ref: CheckpointRef, served: str | None, against: str, mine: PanelScores, other: PanelScores) -> Verdict:
    figures = {
        "raw_validity": compared(mine.raw_validity, other.raw_validity),
        "composite": compared(mine.composite, other.composite),
    }
    worse = [name.replace("_", " ") for name, found in figures.items() if not found.holds]
    said = ", ".join(
        f"{name.replace('_', ' ')} {_brief(found.candidate)} against {_brief(found.other)} (margin {found.margin:.3f})"
        for name, found in figures.items()
    )
    reason = (
        f"{' and '.join(worse)} {'is' if len(worse) == 1 else 'are'} worse: {said}" if worse else f"no worse: {said}"
    )
    return Verdict(ref, served, not worse, reason, against, {name: asdict(found) for name, found in figures.items()})


def _brief(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _carry_out(session: Session, day_id: int, verdict: Verdict) -> bool:
    day = session.scalars(
        select(Day).where(Day.id == day_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    ).one()
    if DECISION in day.decisions or lock_served(session) != verdict.served:
        return False
    said = {"value": verdict.promote, "reason": verdict.reason, "against": verdict.against, "figures": verdict.figures}
    day.decisions = {**day.decisions, DECISION: said | {"day": day.date.isoformat()}}
    if verdict.promote:
        why = f"by the panel's figures against {verdict.against} ({verdict.reason})"
        promote_now(session, session.get_one(Checkpoint, verdict.ref.id), why)
    else:
        run = session.get_one(Run, day.run_id)
        message = f"checkpoint {verdict.ref.id} is not promoted: {verdict.reason}"
        note(
            session, run, "checkpoint.held_back", message, day.date, checkpoint=verdict.ref.id, against=verdict.against
        )
    return True
