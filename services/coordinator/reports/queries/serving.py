"""Reads the figures of serving: swaps, rollouts by policy, promotion decisions."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.coordinator.models import Checkpoint, Day, Group, Rollout, Run, Swap
from services.coordinator.reports.figures.serving import (
    PolicyFigures,
    PromotionDecision,
    ServingFigures,
    SwapFigures,
    serving_of,
)
from services.coordinator.results.queries import swap_query
from shared.wire import BASE_POLICY


def read_serving(session: Session, run: Run) -> ServingFigures:
    """Swaps of a run's checkpoints, its rollouts by policy, and the decisions of promote=panel."""
    return serving_of(_swaps(session, run), _policies(session, run), _decisions(session, run))


def _swaps(session: Session, run: Run) -> list[SwapFigures]:
    rows = session.execute(swap_query(Run.id == run.id).order_by(Day.date, Swap.wanted_at, Swap.engine))
    return [
        SwapFigures(
            checkpoint=row.checkpoint,
            date=row.date,
            engine=row.engine,
            promoted=row.promoted,
            wanted_at=row.wanted_at.astimezone(dt.UTC),
            verified_at=row.verified_at.astimezone(dt.UTC),
            load_seconds=row.load_seconds,
            seconds=row.seconds,
        )
        for row in rows
    ]


def _policies(session: Session, run: Run) -> list[PolicyFigures]:
    query = (
        select(Day.id, Rollout.policy, func.count())
        .join(Group, Group.day_id == Day.id)
        .join(Rollout, Rollout.group_id == Group.id)
        .where(Day.run_id == run.id)
        .group_by(Day.id, Rollout.policy)
        .order_by(Day.id, Rollout.policy)
    )
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    for day_id, policy, count in session.execute(query):
        counts[day_id][policy] = count
    # Outer, since days of the base have no checkpoint.
    days = select(Day, Checkpoint.id).outerjoin(Checkpoint, Checkpoint.day_id == Day.policy_day_id)
    rows = session.execute(days.where(Day.run_id == run.id).order_by(Day.date, Day.id))
    return [_policy(run, day, checkpoint, counts[day.id]) for day, checkpoint in rows if counts[day.id]]


def _policy(run: Run, day: Day, checkpoint: str | None, counts: dict[str, int]) -> PolicyFigures:
    # The files of an import do not name the policy of a day.
    own = None if run.kind == "import" else checkpoint or BASE_POLICY
    strays = None if own is None else sum(count for policy, count in counts.items() if policy != own)
    return PolicyFigures(day.date, day.role, own, counts, strays)


def _decisions(session: Session, run: Run) -> list[PromotionDecision]:
    query = select(Day, Checkpoint.id).outerjoin(Checkpoint, Checkpoint.day_id == Day.policy_day_id)
    decided = query.where(Day.run_id == run.id, Day.decisions.has_key("promote")).order_by(Day.date, Day.id)
    return [
        PromotionDecision(day.date, checkpoint, bool(decision["value"]), str(decision["reason"]))
        for day, checkpoint in session.execute(decided)
        for decision in [day.decisions["promote"]]
    ]
