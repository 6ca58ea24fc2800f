"""Advances runs: applies the transitions that the day graph allows, in the transaction that made them possible."""

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
from services.coordinator.runs.transitions import transition_day, update_run_state
from services.coordinator.scheduling.chain import assign_outcome_dates, drop_day, update_selection
from services.coordinator.scheduling.decisions import decide
from services.coordinator.scheduling.rules.graph import Transition, ready_transitions, run_state
from services.coordinator.scheduling.rules.maturity import needs_prices, waits_for
from services.coordinator.scheduling.rules.selection import arm_chunks, chunks
from services.coordinator.states import GRANTING_RUNS, STAGES, DayView
from shared.run_config import RunConfig
from shared.wire import StepKind


def advance(session: Session, run: Run) -> None:
    """Apply ready transitions until none is left, then set the run's state. The caller has locked the run's row."""
    if run.state in {"cancelled", "completed"}:
        return
    config = run.config
    assign_outcome_dates(session, run, config)
    while True:
        session.flush()
        views = _views(session, run, config)
        transitions = ready_transitions(views, config, begin=run.state in GRANTING_RUNS)
        if not transitions:
            break
        # Each round may make further transitions possible: a day that is published lets the next one begin.
        _apply(session, run, config, transitions)
    _update_waiting_reasons(session, views)
    update_run_state(session, run, run_state(views, run.state))


def _views(session: Session, run: Run, config: RunConfig) -> list[DayView]:
    """The days that can change state; under unsettled=wait, sampled ones with the data that they wait for."""
    views = day_views(session, run.id, config.max_parallel_days)
    if config.unsettled != "wait":
        return views
    sampled = {view.id for view in views if view.role == "chain" and view.state in {"generating", "maturing"}}
    reach = spans(session, config.prices) if sampled and config.prices and needs_prices(config) else []
    return [
        replace(view, waits_for=waits_for(view.date, view.outcome_date, config, reach)) if view.id in sampled else view
        for view in views
    ]


def _update_waiting_reasons(session: Session, views: Sequence[DayView]) -> None:
    """Renew the reasons of maturing days: the data a day waited for may have come while other data is still missing."""
    missing = {view.id: view.waits_for for view in views if view.state == "maturing"}
    if missing:
        for day in days_by_id(session, missing).values():
            day.reason = _waiting_reason(missing[day.id])


def _waiting_reason(missing: str | None) -> str | None:
    return f"it waits for {missing}" if missing else None


def _apply(session: Session, run: Run, config: RunConfig, transitions: Sequence[Transition]) -> None:
    days = days_by_id(session, [transition.day_id for transition in transitions])
    steps: list[Json] = []
    now = database_now(session)
    with session.no_autoflush:
        for transition in transitions:
            day = days[transition.day_id]
            if transition.to == "generating" and not update_selection(session, run, config, day):
                drop_day(session, run, config, day, now)
                # The chain was relinked: the remaining transitions were found for days with other policies.
                break
            transition_day(session, run, day, transition.to, now, _waiting_reason(transition.reason))
            decide(session, config, day)
            steps += _steps_of_stage(session, config, day)
    insert_steps(session, steps)


def _steps_of_stage(session: Session, config: RunConfig, day: Day) -> list[Json]:
    """The steps of the state that the day has just entered; none if that state is no stage of work."""
    kind = next((kind for kind, stage in STAGES.items() if stage == day.state), None)
    return step_rows(day, kind, ITEMS[kind](session, config, day)) if kind else []


def _headline_chunks(_: Session, config: RunConfig, day: Day) -> list[list[int]]:
    profile_b = day.decisions.get("ab", {}).get("headlines", [])
    return arm_chunks(day.headline_ids, profile_b, config.generate_chunk)


def _group_chunks(session: Session, config: RunConfig, day: Day) -> list[list[int]]:
    groups = session.scalars(select(Group.id).where(Group.day_id == day.id).order_by(Group.position)).all()
    return chunks(groups, config.evaluate_chunk)


ITEMS: Mapping[StepKind, Callable[[Session, RunConfig, Day], list[list[int]]]] = {
    "generate": _headline_chunks,
    "evaluate": _group_chunks,
    # One update takes the whole day: its step lists no items.
    "train": lambda *_: [[]],
}
"""By kind, the items of each step of a day; planning.step_counts predicts the number of steps."""


def poll_waiting_runs(sessions: Sessions) -> int:
    """Advance every run with maturing days, each in its own transaction; returns the number that stopped waiting."""
    with sessions.begin() as session:
        waiting = waiting_run_ids(session)
    return sum(_advance_waiting(sessions, run_id) for run_id in waiting)


def _advance_waiting(sessions: Sessions, run_id: int) -> bool:
    with sessions.begin() as session:
        run = locked_run_by_id(session, run_id)
        waited = run.state == "waiting"
        advance(session, run)
        return waited and run.state != "waiting"


def waiting_run_ids(session: Session) -> Sequence[int]:
    """Ids of the runs in progress that have maturing days, in ascending order: the order of locks."""
    query = select(Run.id).join(Day, Day.run_id == Run.id)
    waiting = query.where(Day.state == "maturing", Run.state.in_(GRANTING_RUNS)).distinct()
    return session.scalars(waiting.order_by(Run.id)).all()


def resume_waiting(session: Session) -> None:
    """Advance every run with maturing days within the caller's transaction, which imported their outcomes."""
    for run_id in waiting_run_ids(session):
        advance(session, locked_run_by_id(session, run_id))
