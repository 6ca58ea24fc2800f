"""Read models of runs and days: states, steps, progress."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from services.coordinator.backfills.rules import WorkPeriod, eta_seconds
from services.coordinator.backfills.schemas import Progress, RunDayView, RunView
from services.coordinator.checkpoints.aliases import SERVED
from services.coordinator.models import Alias, Checkpoint, Corpus, Day, Run, Step
from services.coordinator.states import GRANTING_RUNS, DayState, Role
from shared.wire import BASE_POLICY

Counts = dict[str, dict[str, int]]
RECENT = 40
"""Newest finished steps of a run that its parallelism is estimated from."""


def run_view(session: Session, run: Run) -> RunView:
    """The view of one run."""
    return run_views(session, [run])[0]


def run_views(session: Session, runs: Sequence[Run]) -> list[RunView]:
    """The views of runs, with a number of queries that does not depend on theirs."""
    session.flush()
    ids = [run.id for run in runs]
    corpora = dict(session.execute(select(Corpus.id, Corpus.name)).all())
    days = _days(session, ids)
    steps = _steps(session, ids)
    means, recent = _costs(session, ids)
    served = dict(session.execute(_served()).all())
    return [
        RunView(
            name=run.name,
            kind=run.kind,
            corpus=corpora.get(run.corpus_id or 0),
            state=run.state,
            reason=run.reason,
            config=run.config,
            config_hash=run.config_hash,
            created_at=run.created_at,
            finished_at=run.finished_at,
            warnings=run.warnings,
            days=days[run.id]["chain"],
            panel_days=days[run.id]["panel"],
            warm_start=next(iter(days[run.id]["warm_start"]), None),
            steps=steps.get(run.id, {}),
            progress=_progress(run, steps.get(run.id, {}), means.get(run.id, {}), recent.get(run.id, [])),
            served=served.get(run.id),
        )
        for run in runs
    ]


def _served() -> Any:
    return (
        select(Checkpoint.run_id, Checkpoint.id)
        .join(Alias, Alias.checkpoint_id == Checkpoint.id)
        .where(Alias.scope == "", Alias.name == SERVED)
    )


def _days(session: Session, ids: Sequence[int]) -> dict[int, dict[Role, dict[DayState, int]]]:
    """The numbers of a run's days by role and state."""
    query = select(Day.run_id, Day.role, Day.state, func.count()).where(Day.run_id.in_(ids))
    counts: dict[int, dict[Role, dict[DayState, int]]] = defaultdict(lambda: defaultdict(dict))
    for run_id, role, state, days in session.execute(query.group_by(Day.run_id, Day.role, Day.state)):
        counts[run_id][role][state] = days
    return counts


def _steps(session: Session, ids: Sequence[int]) -> dict[int, Counts]:
    query = select(Day.run_id, Step.kind, Step.state, func.count()).join(Day, Day.id == Step.day_id)
    counts: dict[int, Counts] = defaultdict(lambda: defaultdict(dict))
    for run_id, kind, state, count in session.execute(
        query.where(Day.run_id.in_(ids)).group_by(Day.run_id, Step.kind, Step.state)
    ):
        counts[run_id][kind][state] = count
    return counts


def _costs(session: Session, ids: Sequence[int]) -> tuple[dict[int, dict[str, float]], dict[int, list[WorkPeriod]]]:
    """Mean seconds of a done step by kind, and the newest done steps, of the runs in progress."""
    took = func.extract("epoch", Step.finished_at - Step.started_at)
    done = (
        select(
            Day.run_id,
            Step.kind,
            Step.started_at,
            Step.finished_at,
            func.avg(took).over(partition_by=[Day.run_id, Step.kind]).label("mean"),
        )
        .add_columns(func.row_number().over(partition_by=Day.run_id, order_by=Step.finished_at.desc()).label("place"))
        .add_columns(func.row_number().over(partition_by=[Day.run_id, Step.kind], order_by=Step.id).label("first"))
        .join(Day, Day.id == Step.day_id)
        .join(Run, Run.id == Day.run_id)
        .where(Day.run_id.in_(ids), Run.state.in_(GRANTING_RUNS), Step.state == "done")
        .subquery()
    )
    means: dict[int, dict[str, float]] = defaultdict(dict)
    recent: dict[int, list[WorkPeriod]] = defaultdict(list)
    for row in session.execute(select(done).where((done.c.place <= RECENT) | (done.c.first == 1))):
        means[row.run_id][row.kind] = float(row.mean)
        if row.place <= RECENT:
            recent[row.run_id].append(WorkPeriod(row.started_at, row.finished_at))
    return means, recent


def _progress(run: Run, steps: Counts, means: Mapping[str, float], recent: Sequence[WorkPeriod]) -> Progress:
    done = {kind: counts.get("done", 0) for kind, counts in steps.items()}
    created = {kind: sum(counts.values()) for kind, counts in steps.items()}
    total = {str(kind): count for kind, count in run.planned_steps.items()} if run.kind == "backfill" else created
    remaining = {kind: count - done.get(kind, 0) for kind, count in total.items()}
    all_done, everything = sum(done.values()), sum(total.values())
    return Progress(
        steps_done=all_done,
        steps_total=everything,
        fraction=all_done / everything if everything else 1.0,
        eta_seconds=eta_seconds(remaining, means, recent) if run.state in GRANTING_RUNS else None,
    )


def day_views_of(session: Session, run: Run, *where: Any, limit: int = 1) -> list[RunDayView]:
    """The views of a run's days in order of date: the first `limit` that meet the conditions."""
    policy, own = aliased(Checkpoint), aliased(Checkpoint)
    query = (
        select(Day, own.id, policy.id)
        .outerjoin(own, own.day_id == Day.id)
        .outerjoin(policy, policy.day_id == Day.policy_day_id)
        .where(Day.run_id == run.id, *where)
        .order_by(Day.date)
        .limit(limit)
    )
    rows = session.execute(query).all()
    steps = _steps_of_days(session, [day.id for day, _, _ in rows])
    return [_day_view(day, own_id, policy_id, steps.get(day.id, {})) for day, own_id, policy_id in rows]


def _day_view(day: Day, checkpoint: str | None, policy: str | None, steps: Counts) -> RunDayView:
    by_base = day.policy_day_id is None and (day.position is not None or day.role == "panel")
    return RunDayView(
        role=day.role,
        date=day.date,
        outcome_date=day.outcome_date,
        state=day.state,
        reason=day.reason,
        headlines=len(day.headline_ids),
        left_out=dict(Counter(day.left_out.values())),
        policy=policy or (BASE_POLICY if by_base else None),
        profile=day.profile,
        bonus=day.bonus,
        learning_rate=day.learning_rate,
        decisions=day.decisions,
        checkpoint=checkpoint,
        started_at=day.started_at,
        finished_at=day.finished_at,
        steps=steps,
    )


def _steps_of_days(session: Session, ids: Sequence[int]) -> dict[int, Counts]:
    query = select(Step.day_id, Step.kind, Step.state, func.count()).where(Step.day_id.in_(ids))
    counts: dict[int, Counts] = defaultdict(lambda: defaultdict(dict))
    for day_id, kind, state, count in session.execute(query.group_by(Step.day_id, Step.kind, Step.state)):
        counts[day_id][kind][state] = count
    return counts
