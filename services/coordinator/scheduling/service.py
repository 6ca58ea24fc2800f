"""Moves a run along: what the graph says is ready is begun, in the transaction that made it ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.coordinator.database import Sessions, database_now
from services.coordinator.models import Day, Group, Json, Run
from services.coordinator.prices.queries import spans
from services.coordinator.runs.days import day_views, days_by_id
from services.coordinator.runs.queries import locked_run_by_id
from services.coordinator.runs.steps import insert_steps, step_rows
from services.coordinator.runs.transitions import move_day, settle_run
from services.coordinator.scheduling.chain import choose_headlines, plan_outcomes, take_out
from services.coordinator.scheduling.decisions import decide
from services.coordinator.scheduling.rules.graph import Move, ready_moves, run_state
from services.coordinator.scheduling.rules.maturity import needs_prices, waits_for
from services.coordinator.scheduling.rules.selection import arm_chunks, chunks
from services.coordinator.states import GRANTING_RUNS, STAGES, DayView
from shared.run_config import RunConfig
from shared.wire import StepKind


def advance(session: Session, run: Run) -> None:
    """Begin and end whatever is ready, until nothing is. The caller holds the run's row."""
    if run.state in {"cancelled", "completed"}:
        return
    config = run.config
    plan_outcomes(session, run, config)
    while True:
        session.flush()
        views = _views(session, run, config)
        moves = ready_moves(views, config, begin=run.state in GRANTING_RUNS)
        if not moves:
            break
        _make(session, run, config, moves)
    _tell_what_is_missing(session, views)
    settle_run(session, run, run_state(views, run.state))


def _views(session: Session, run: Run, config: RunConfig) -> list[DayView]:
    """The days that can move; where the run waits for outcomes, with what those that are sampled wait for."""
    views = day_views(session, run.id, config.max_parallel_days)
    if config.unsettled != "wait":
        return views
    asks = {view.id for view in views if view.role == "chain" and view.state in {"generating", "maturing"}}
    reach = spans(session, config.prices) if asks and config.prices and needs_prices(config) else []
    return [
        replace(view, waits_for=waits_for(view.date, view.outcome_date, config, reach)) if view.id in asks else view
        for view in views
    ]


def _tell_what_is_missing(session: Session, views: Sequence[DayView]) -> None:
    """Keep the reasons of maturing days true: what was missing may have come, and something else be missing still."""
    missing = {view.id: view.waits_for for view in views if view.state == "maturing"}
    if missing:
        for day in days_by_id(session, missing).values():
            day.reason = _waiting(missing[day.id])


def _waiting(missing: str | None) -> str | None:
    return f"it waits for {missing}" if missing else None


def _make(session: Session, run: Run, config: RunConfig, moves: Sequence[Move]) -> None:
    days = days_by_id(session, [move.id for move in moves])
    steps: list[Json] = []
    now = database_now(session)
    with session.no_autoflush:
        for move in moves:
            day = days[move.id]
            if move.to == "generating" and not choose_headlines(session, run, config, day):
                take_out(session, run, config, day, now)
                break
            move_day(session, run, day, move.to, now, _waiting(move.reason))
            decide(session, config, day)
            steps += _steps_of_stage(session, config, day)
    insert_steps(session, steps)


def _steps_of_stage(session: Session, config: RunConfig, day: Day) -> list[Json]:
    """The steps of the state that the day has just come to; none if the state is no stage of work."""
    kind = next((kind for kind, stage in STAGES.items() if stage == day.state), None)
    return step_rows(day, kind, ITEMS[kind](session, config, day)) if kind else []


def _headline_chunks(_: Session, config: RunConfig, day: Day) -> list[list[int]]:
    b_arm = day.decisions.get("ab", {}).get("headlines", [])
    return arm_chunks(day.headline_ids, b_arm, config.generate_chunk)


def _group_chunks(session: Session, config: RunConfig, day: Day) -> list[list[int]]:
    groups = session.scalars(select(Group.id).where(Group.day_id == day.id).order_by(Group.position)).all()
    return chunks(groups, config.evaluate_chunk)


ITEMS: Mapping[StepKind, Callable[[Session, RunConfig, Day], list[list[int]]]] = {
    "generate": _headline_chunks,
    "evaluate": _group_chunks,
    # One update takes the whole day: its step lists no items.
    "train": lambda *_: [[]],
}
"""By kind, the items of each step that a day is split into; rules/planning.step_counts foretells their number."""


def look_for_outcomes(sessions: Sessions) -> int:
    """Go on with the runs whose outcomes have come; answers how many wait no more. Each in a transaction of its own."""
    with sessions.begin() as session:
        waiting = runs_that_wait(session)
    return sum(_goes_on(sessions, run_id) for run_id in waiting)


def _goes_on(sessions: Sessions, run_id: int) -> bool:
    with sessions.begin() as session:
        run = locked_run_by_id(session, run_id)
        waited = run.state == "waiting"
        advance(session, run)
        return waited and run.state != "waiting"


def runs_that_wait(session: Session) -> Sequence[int]:
    """The ids of the runs under way that have maturing days."""
    query = select(Run.id).join(Day, Day.run_id == Run.id)
    waiting = query.where(Day.state == "maturing", Run.state.in_(GRANTING_RUNS)).distinct()
    return session.scalars(waiting.order_by(Run.id)).all()


def mature(session: Session) -> None:
    """Plan the outcomes of the days that wait for them anew, and score those that can be settled now."""
    for run_id in runs_that_wait(session):
        advance(session, locked_run_by_id(session, run_id))
