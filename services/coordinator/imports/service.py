"""Stores a recorded run, whose scores the ordinary evaluator then recomputes."""

from __future__ import annotations

import datetime as dt
from collections import Counter

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from services.coordinator.corpora.rules.headlines import parse_zone
from services.coordinator.imports.rules import has_scores, import_config, rollout_rows, scorable, warnings_of
from services.coordinator.imports.schemas import RecordedDay, RecordedGroup, RunImport, RunImported, SkippedDay
from services.coordinator.models import Day, Group, Rollout, Run
from services.coordinator.runs.queries import record_event
from services.coordinator.runs.steps import create_steps
from services.coordinator.scheduling.rules.selection import chunks
from shared.errors import ConflictError, InvalidInputError
from shared.run_config import RunConfig

NOT_SCORED = "its files record no ranks"


def import_run(session: Session, request: RunImport) -> RunImported:
    """Store a run of kind import: its days wait for the evaluator, days without recorded ranks are skipped.

    Raises ConflictError if the name is taken, InvalidInputError if a date or a rollout_id is repeated, the time zone is
    unknown, or no day has recorded ranks.
    """
    _check(session, request)
    config = import_config(request)
    warnings = [*request.notes, *warnings_of(request.days, parse_zone(request.timezone))]
    run = Run(
        name=request.name,
        kind="import",
        config=config,
        config_hash=config.digest(),
        state="running",
        warnings=warnings,
    )
    session.add(run)
    session.flush()
    record_event(session, run, "run.imported", f"run {run.name} was imported with {len(request.days)} days")
    days = sorted(request.days, key=lambda day: day.date)
    position = 0
    for recorded in days:
        # Skipped days take no position: the chain is that of the days to evaluate.
        position += _store_day(session, run, config, recorded, position, request.policy)
    kept = [group for day in days for group in day.groups if scorable(group)]
    return RunImported(
        name=run.name,
        kind=run.kind,
        state=run.state,
        days=position,
        groups=len(kept),
        rollouts=sum(len(group.rollouts) for group in kept),
        skipped=[SkippedDay(date=day.date, reason=NOT_SCORED) for day in days if not has_scores(day)],
        warnings=warnings,
    )


def _check(session: Session, request: RunImport) -> None:
    if session.scalar(select(Run.id).where(Run.name == request.name)) is not None:
        raise ConflictError(f"name: run {request.name!r} exists already; import under another name")
    repeated = [date for date, count in Counter(day.date for day in request.days).items() if count > 1]
    if repeated:
        raise InvalidInputError(f"days: {repeated[0]} is there twice; give each date once")
    for day in request.days:
        for group in day.groups:
            if len({rollout.rollout_id for rollout in group.rollouts}) < len(group.rollouts):
                raise InvalidInputError(
                    f"days: on {day.date} a rollout_id of {group.headline!r} is there twice; number the rollouts of a "
                    "group differently"
                )
    if not any(has_scores(day) for day in request.days):
        raise InvalidInputError("days: none has recorded ranks; evaluations (JSON or CSV) are needed to import a run")


def _store_day(
    session: Session, run: Run, config: RunConfig, recorded: RecordedDay, position: int, policy: str
) -> bool:
    """Store one day; returns whether it has something to score."""
    scored = has_scores(recorded)
    day = Day(
        run_id=run.id,
        date=recorded.date,
        outcome_date=recorded.outcome_date or recorded.date + dt.timedelta(days=1),
        position=position if scored else None,
        headline_ids=[],
        profile=recorded.profile,
        state="evaluating" if scored else "skipped",
        reason=None if scored else NOT_SCORED,
        started_at=dt.datetime.now(dt.UTC) if scored else None,
    )
    session.add(day)
    session.flush()
    if scored:
        groups = _store_groups(session, day, [group for group in recorded.groups if scorable(group)])
        _store_rollouts(session, recorded, groups, policy)
        create_steps(session, day, "evaluate", chunks([group_id for group_id, _ in groups], config.evaluate_chunk))
    return scored


def _store_groups(session: Session, day: Day, recorded: list[RecordedGroup]) -> list[tuple[int, RecordedGroup]]:
    # Some files record no publication time; warnings_of counts the groups that this stands in for.
    start_of_day = dt.datetime.combine(day.date, dt.time.min, dt.UTC)
    rows = [
        {
            "day_id": day.id,
            "headline": group.headline,
            "published_at": group.published_at or start_of_day,
            "position": position,
            "prompt_text": group.prompt,
            "prompt_token_ids": [],
        }
        for position, group in enumerate(recorded)
    ]
    # Without sort_by_parameter_order the ids may come back in another order than the groups.
    ids = session.scalars(insert(Group).returning(Group.id, sort_by_parameter_order=True), rows).all()
    return list(zip(ids, recorded, strict=True))


def _store_rollouts(session: Session, day: RecordedDay, groups: list[tuple[int, RecordedGroup]], policy: str) -> None:
    rows = [row for group_id, group in groups for row in rollout_rows(group_id, group, day.profile, policy)]
    session.execute(insert(Rollout), rows)
