"""What may happen next in a run. Pure: the states of days and steps in, the moves that the graph allows out.

For day E with `lag` L: generate(E) needs the checkpoint of its policy day; evaluate(E) needs all of generate(E), and
what settles its forecasts; train(E) needs all of evaluate(E) and train(E-1). A day of the panel needs the checkpoint
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
class Move:
    """A day that may go on to a state now, and why, where that needs saying."""

    id: int
    to: DayState
    reason: str | None = None


def ready_moves(days: Sequence[DayView], config: RunConfig, *, begin: bool) -> list[Move]:
    """What may happen next, the chain's earliest day first; ask again after doing it.

    A day that is to begin waits for its policy's checkpoint and, in the chain, for room below `max_parallel_days`.
    Without `begin`, only what begins no work is named.
    """
    room = config.max_parallel_days - sum(day.role == "chain" and day.state in IN_PROGRESS for day in days)
    moves: list[Move] = []
    for day, to in [*_of_line(days, config), *_of_panel(days)]:
        if to is None or (to in IN_PROGRESS and not begin):
            continue
        if day.state == "pending" and day.role == "chain":
            if room <= 0:
                continue
            room -= 1
        moves.append(Move(day.id, to, day.waits_for if to == "maturing" else None))
    return moves


def _of_line(days: Sequence[DayView], config: RunConfig) -> Iterator[tuple[DayView, DayState | None]]:
    """The warm start and the chain, each day with the state it may go on to."""
    line = sorted((day for day in days if day.position is not None), key=lambda day: day.position or 0)
    states = {day.id: day.state for day in days}
    before: DayView | None = None
    for day in line:
        after_scoring: DayState | None = "scored"
        if config.train or day.role == "warm_start":
            after_scoring = "training" if before is None or before.state == "published" else None
        yield day, _next_state(day, states, after_scoring)
        before = day


def _of_panel(days: Sequence[DayView]) -> Iterator[tuple[DayView, DayState | None]]:
    """The days of the panel, each with the state it may go on to: the others are scored against the base's lines."""
    panel = sorted((day for day in days if day.role == "panel"), key=lambda day: day.date)
    states = {day.id: day.state for day in days}
    compared = any(day.policy is None and day.state == "scored" for day in panel)
    for day in panel:
        to = _next_state(day, states, "scored")
        yield day, to if to != "evaluating" or compared or day.policy is None else None


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
    """The state of a run of which nothing more can be begun: `ready_moves` has nothing left to name."""
    if all(day.state in FINISHED_DAYS for day in days):
        return "completed"
    if now == "paused":
        return now
    busy = any(day.has(*OPEN_STEPS) for day in days)
    matures = any(day.state == "maturing" for day in days)
    if any(day.state == "failed" for day in days):
        return "failing" if busy or matures else "failed"
    if matures and not busy:
        return "waiting"
    return "running" if now == "waiting" else now


def stage_of_failed(day: DayView) -> DayState:
    """The state a failed day takes up again: that of its first kind of step which is not done."""
    return next(stage for kind, stage in STAGES.items() if day.steps.get(kind) and not day.done(kind))
