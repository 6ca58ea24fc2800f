"""promote=panel: once the panel day of a checkpoint is scored, serves it if the panel gate passes.

The verdict is stored in that day's decisions with its figures. Files are hashed between two transactions; if another
checkpoint is served by the second one, the verdict is reached anew.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.orm import Session

from services.coordinator.checkpoints.aliases import SERVED, lock_served, named
from services.coordinator.checkpoints.queries import reference
from services.coordinator.database import Sessions
from services.coordinator.models import Checkpoint, Day, Evaluation, Group, Rollout, Run
from services.coordinator.runs.days import checkpoint_of
from services.coordinator.runs.queries import record_event
from services.coordinator.serving.promotions import promote_now
from services.coordinator.serving.rules import Units, non_inferior
from services.coordinator.states import OPEN_DAYS
from shared.checkpoints import CheckpointStore
from shared.errors import CheckpointCorruptError
from shared.wire import CheckpointRef

DECISION = "promote"


@dataclass(frozen=True)
class Verdict:
    """Whether to promote a checkpoint, with reason and figures. `served` is the checkpoint served at the time."""

    ref: CheckpointRef
    served: str | None
    promote: bool
    reason: str
    against: str | None
    figures: dict[str, Any]


def decide_promotions(sessions: Sessions, store: CheckpointStore, limit: int = 100) -> int:
    """Decide on up to `limit` scored checkpoints, the earliest first; returns the number decided."""
    with sessions.begin() as session:
        day_ids = session.scalars(
            select(Day.id)
            .join(Run, Run.id == Day.run_id)
            .where(Run.config["promote"].astext == "panel", Run.state != "cancelled")
            .where(Day.role == "panel", Day.state == "scored", Day.policy_day_id.is_not(None))
            .where(~Day.decisions.has_key(DECISION))
            .order_by(Day.date, Day.id)
            .limit(limit)
        ).all()
    return sum(_decide(sessions, store, day_id) for day_id in day_ids)


def _decide(sessions: Sessions, store: CheckpointStore, day_id: int) -> bool:
    with sessions.begin() as session:
        verdict = _verdict(session, session.get_one(Day, day_id))
    if verdict is None:
        return False
    if verdict.promote:
        # Outside of a transaction: hashing takes seconds, and locks would wait for it.
        try:
            store.verified(verdict.ref)
        except CheckpointCorruptError as error:
            verdict = Verdict(verdict.ref, verdict.served, False, error.detail, verdict.against, verdict.figures)
    with sessions.begin() as session:
        return _carry_out(session, day_id, verdict)


def _verdict(session: Session, day: Day) -> Verdict | None:
    """The verdict by the figures; None while those of the served checkpoint are pending."""
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
        "raw_validity": non_inferior(mine.raw_validity, other.raw_validity),
        "composite": non_inferior(mine.composite, other.composite),
    }
    worse = [name.replace("_", " ") for name, test in figures.items() if not test.passes]
    summary = ", ".join(
        f"{name.replace('_', ' ')} {_brief(test.candidate)} against {_brief(test.other)} (margin {test.margin:.3f})"
        for name, test in figures.items()
    )
    reason = (
        f"{' and '.join(worse)} {'is' if len(worse) == 1 else 'are'} worse: {summary}"
        if worse
        else f"no worse: {summary}"
    )
    return Verdict(ref, served, not worse, reason, against, {name: asdict(test) for name, test in figures.items()})


def _brief(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _carry_out(session: Session, day_id: int, verdict: Verdict) -> bool:
    day = session.scalars(
        select(Day).where(Day.id == day_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    ).one()
    if DECISION in day.decisions or lock_served(session) != verdict.served:
        return False
    decision = {
        "value": verdict.promote,
        "reason": verdict.reason,
        "against": verdict.against,
        "figures": verdict.figures,
    }
    day.decisions = {**day.decisions, DECISION: decision | {"day": day.date.isoformat()}}
    if verdict.promote:
        why = f"by the panel's figures against {verdict.against} ({verdict.reason})"
        promote_now(session, session.get_one(Checkpoint, verdict.ref.id), why)
    else:
        run = session.get_one(Run, day.run_id)
        message = f"checkpoint {verdict.ref.id} is not promoted: {verdict.reason}"
        record_event(
            session, run, "checkpoint.held_back", message, day.date, checkpoint=verdict.ref.id, against=verdict.against
        )
    return True


LIKE = ("panel", "panel_rollouts", "panel_profile", "base_model", "format", "ranker", "horizon", "max_tokens", "prices")
"""Settings in which two runs must agree for their figures on a panel to be comparable."""


@dataclass(frozen=True)
class PanelScores:
    """Sums by headline: raw validity of all lines, composite of the valid ones."""

    raw_validity: Units
    composite: Units


def scores_of(session: Session, day_id: int) -> PanelScores:
    """The figures of a scored panel day."""
    valid = Evaluation.valid
    query = (
        select(
            # Groups of imported runs have no headline id: each is a unit of its own.
            func.coalesce(Group.headline_id, -Group.id).label("unit"),
            func.sum(cast(Rollout.raw_strict, Integer)).label("strict"),
            func.count().label("lines"),
            func.coalesce(func.sum(Evaluation.composite).filter(valid), 0.0).label("composite"),
            func.count().filter(valid).label("valid"),
        )
        .join(Rollout, Rollout.group_id == Group.id)
        .outerjoin(Evaluation, Evaluation.rollout_id == Rollout.id)
        .where(Group.day_id == day_id)
        .group_by("unit")
    )
    rows = session.execute(query).all()
    return PanelScores(
        raw_validity={row.unit: (float(row.strict), row.lines) for row in rows},
        composite={row.unit: (float(row.composite), row.valid) for row in rows},
    )


def other_side(session: Session, day: Day, served: Checkpoint | None) -> int | Literal["pending"] | None:
    """The id of the panel day of the served checkpoint, or of the base if none is served.

    None without one under the same settings; "pending" while one of the same run is not scored yet.
    """
    run = session.get_one(Run, day.run_id)
    of_policy = Day.policy_day_id == served.day_id if served else Day.policy_day_id.is_(None)
    query = select(Day, Run).join(Run, Run.id == Day.run_id).where(Day.role == "panel", of_policy)
    same_corpus = query.where(Run.corpus_id == run.corpus_id, *([] if served else [Run.id == run.id]))
    for other, its_run in session.execute(same_corpus.order_by(Day.id)):
        if other.state in OPEN_DAYS and its_run.id == run.id:
            return "pending"
        if other.state == "scored" and all(getattr(its_run.config, name) == getattr(run.config, name) for name in LIKE):
            return int(other.id)
    return None
