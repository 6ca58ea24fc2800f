"""Moves a run along: what the graph says is ready is begun, in the transaction that made it ready."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.coordinator.day import (
    DAY_MOVES,
    FINISHED_DAYS,
    GRANTING_RUNS,
    RUN_MOVES,
    DayState,
    RunState,
    checked_move,
)
from services.coordinator.graph import Move, ready_moves, run_state
from services.coordinator.models import Day, Group, Json, Run, Step
from services.coordinator.planning import Link, choose, chunks, policy_dates
from services.coordinator.repository.days import checkpoint_of, dated_headlines, day_views, days_on, pending_days
from services.coordinator.repository.runs import database_now, note
from services.coordinator.repository.steps import insert_steps, step_rows
from shared.run_config import RunConfig


def advance(session: Session, run: Run) -> None:
    """Begin and end whatever is ready, until nothing is. The caller holds the run's row."""
    if run.state in {"cancelled", "completed"}:
        return
    config = RunConfig.model_validate(run.config)
    while True:
        session.flush()
        views = day_views(session, run.id, config.max_parallel_days)
        moves = ready_moves(views, config, begin=run.state in GRANTING_RUNS)
        if not moves:
            break
        _make(session, run, config, moves)
    _settle(session, run, run_state(views, cast("RunState", run.state)))


def _make(session: Session, run: Run, config: RunConfig, moves: Sequence[Move]) -> None:
    days = days_on(session, run.id, [move.date for move in moves])
    steps: list[Json] = []
    now = database_now(session)
    with session.no_autoflush:
        for move in moves:
            day = days[move.date]
            if move.to == "generating" and not _choose_headlines(session, run, config, day):
                _skip(session, run, config, day, now)
                break
            move_day(session, run, day, move.to, now)
            steps += _steps_to_begin(session, config, day)
    insert_steps(session, steps)


def move_day(session: Session, run: Run, day: Day, to: DayState, now: dt.datetime, reason: str | None = None) -> None:
    """Change a day's state and note it; a failed day takes its reason from the step that failed."""
    day.state = checked_move(DAY_MOVES, day.state, to, f"day {day.date} of {run.name}")
    day.reason = reason or (_failure(session, day) if to == "failed" else None)
    day.started_at = day.started_at or (now if to != "skipped" else None)
    day.finished_at = now if to in FINISHED_DAYS | {"failed", "cancelled"} else None
    note(session, run, f"day.{to}", f"day {day.date} is {to}" + (f": {day.reason}" if day.reason else ""), day.date)


def _steps_to_begin(session: Session, config: RunConfig, day: Day) -> list[Json]:
    if day.state == "generating":
        return step_rows(day, "generate", chunks(day.headline_ids, config.generate_chunk))
    if day.state == "evaluating":
        groups = session.scalars(select(Group.id).where(Group.day_id == day.id).order_by(Group.position)).all()
        return step_rows(day, "evaluate", chunks(groups, config.evaluate_chunk))
    return step_rows(day, "train", [[]]) if day.state == "training" else []


def _failure(session: Session, day: Day) -> str:
    query = select(Step).where(Step.day_id == day.id, Step.state == "failed").order_by(Step.finished_at)
    step = session.scalars(query).first()
    if step is None:
        return "a step failed"
    lines = (step.error or "").strip().splitlines() or ["no reason was given"]
    return f"{step.kind} {step.chunk} failed at attempt {step.attempt}: {lines[-1]}"


def _choose_headlines(session: Session, run: Run, config: RunConfig, day: Day) -> bool:
    """Leave out what the policy could have learned from; whether any headline is left."""
    policy = checkpoint_of(session, day.policy_day_id)
    if policy is None or policy.trained_until is None or run.corpus_id is None:
        return bool(day.headline_ids)
    headlines = dated_headlines(session, run.corpus_id, day.date, day.date)
    choice = choose(headlines[day.date], config, policy.trained_until)
    day.headline_ids, day.left_out = choice.ids, dict(choice.left_out)
    return bool(choice.ids)


def _skip(session: Session, run: Run, config: RunConfig, day: Day, now: dt.datetime) -> None:
    """Take a day out of the chain whose headlines its policy has learned past, and link the later ones anew."""
    policy = checkpoint_of(session, day.policy_day_id)
    until = policy.trained_until if policy else None
    reason = f"every usable headline was published before {until}, which its policy has learned from; raise lag"
    day.position = day.policy_day_id = None
    move_day(session, run, day, "skipped", now, reason)
    session.flush()
    relink(session, run, config)


def relink(session: Session, run: Run, config: RunConfig) -> None:
    """Number the days of the chain from 0 and choose the policy day of those that have not begun."""
    query = select(Day.id, Day.date, Day.outcome_date).where(Day.run_id == run.id, Day.position.is_not(None))
    rows = session.execute(query.order_by(Day.position)).all()
    policies = policy_dates([Link(row.date, row.outcome_date) for row in rows], config)
    ids = {row.date: row.id for row in rows}
    places = {row.id: (place, policy) for place, (row, policy) in enumerate(zip(rows, policies, strict=True))}
    for day in pending_days(session, run.id):
        day.position, policy_date = places[day.id]
        day.policy_day_id = ids[policy_date] if policy_date else None


def move_run(session: Session, run: Run, to: RunState, message: str, reason: str | None = None) -> None:
    """Change a run's state and note it."""
    run.state = checked_move(RUN_MOVES, run.state, to, f"run {run.name}")
    run.reason = reason
    ended = to in {"completed", "cancelled", "failed"}
    run.finished_at = database_now(session) if ended else None
    note(session, run, f"run.{to}", message)


def _settle(session: Session, run: Run, to: RunState) -> None:
    if to == run.state:
        return
    if to == "completed":
        move_run(session, run, to, f"run {run.name} is completed")
        return
    query = select(Day).where(Day.run_id == run.id, Day.state == "failed").order_by(Day.date)
    first = session.scalars(query).first()
    reason = f"day {first.date}: {first.reason}" if first else None
    move_run(session, run, to, f"run {run.name} is {to}: {reason}", reason)
