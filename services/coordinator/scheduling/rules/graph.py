"""The day graph: from the states of days and steps to the transitions that they allow. Pure.

For chain day E: generate(E) needs the checkpoint of its policy day; evaluate(E) needs all of generate(E) and the
outcomes that settle its forecasts; train(E) needs all of evaluate(E) and train(E-1). A panel day needs the checkpoint
that it scores and, to be evaluated, the base model's scored panel. Nothing else is serialised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.coordinator.states import (
    FINISHED_DAYS,
    IN_PROGRESS,
    OPEN_STEPS,
    STAGES,
    DayState,
    DayView,
    RunState,
)
from shared.run_config import RunConfig


@dataclass(frozen=True)
class Transition:
    """A state that a day may enter now; `reason` is the data that a day waits for which is to mature."""

    day_id: int
    to: DayState
    reason: str | None = None


def ready_transitions(days: Sequence[DayView], config: RunConfig, *, begin: bool) -> list[Transition]:
    """The transitions that are allowed now, the chain's earliest day first; applying them may allow further ones.

    A pending day needs its policy's checkpoint and, in the chain, room below `max_parallel_days`. Without `begin`,
    transitions into stages of work are left out.
    """
    room = config.max_parallel_days - sum(day.role == "chain" and day.state in IN_PROGRESS for day in days)
    transitions: list[Transition] = []
    for day, to in [*_of_chain(days, config), *_of_panel(days)]:
        if to is None or (to in IN_PROGRESS and not begin):
            continue
        if day.state == "pending" and day.role == "chain":
            if room <= 0:
                continue
            room -= 1
        transitions.append(Transition(day.id, to, day.waits_for if to == "maturing" else None))
    return transitions


def _of_chain(days: Sequence[DayView], config: RunConfig) -> Iterator[tuple[DayView, DayState | None]]:
    """The warm start and the chain days, each with the state it may enter next."""
    chain = sorted((day for day in days if day.position is not None), key=lambda day: day.position or 0)
    states = {day.id: day.state for day in days}
    previous: DayView | None = None
    for day in chain:
        after_scoring: DayState | None = "scored"
        if config.train or day.role == "warm_start":
            after_scoring = "training" if previous is None or previous.state == "published" else None
        yield day, _next_state(day, states, after_scoring)
        previous = day


def _of_panel(days: Sequence[DayView]) -> Iterator[tuple[DayView, DayState | None]]:
    """The panel days, each with the state it may enter next: checkpoints are compared with the base's scored lines."""
    panel = sorted((day for day in days if day.role == "panel"), key=lambda day: day.date)
    states = {day.id: day.state for day in days}
    base_scored = any(day.policy is None and day.state == "scored" for day in panel)
    for day in panel:
        to = _next_state(day, states, "scored")
        yield day, to if to != "evaluating" or base_scored or day.policy is None else None


def _next_state(day: DayView, states: Mapping[int, DayState], after_scoring: DayState | None) -> DayState | None:
    if day.state in IN_PROGRESS and day.has("failed"):
        return "failed"
    if day.state == "pending" and (day.policy is None or states.get(day.policy) == "published"):
        return "generating"
    if day.state == "maturing" or (day.state == "generating" and day.done("generate")):
        if day.waits_for is None:
            return "evaluating"
        return "maturing" if day.state == "generating" else None
    if day.state == "evaluating" and day.done("evaluate"):
        return after_scoring
    return "published" if day.state == "training" and day.done("train") else None


def run_state(days: Sequence[DayView], now: RunState) -> RunState:
    """The state of a run whose ready transitions have all been applied; `now` is its present state."""
    if all(day.state in FINISHED_DAYS for day in days):
        return "completed"
    if now == "paused":
        return now
    has_open_steps = any(day.has(*OPEN_STEPS) for day in days)
    matures = any(day.state == "maturing" for day in days)
    if any(day.state == "failed" for day in days):
        return "failing" if has_open_steps or matures else "failed"
    if matures and not has_open_steps:
        return "waiting"
    return "running" if now == "waiting" else now


def stage_of_failed(day: DayView) -> DayState:
    """The state that a failed day returns to: the stage of its first kind of step that is not all done."""
    return next(stage for kind, stage in STAGES.items() if day.steps.get(kind) and not day.done(kind))
