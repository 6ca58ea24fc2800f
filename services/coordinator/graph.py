"""What may happen next in a run. Pure: the states of days and steps in, the moves that the graph allows out.

For day E with `lag` L: generate(E) needs the checkpoint of its policy day; evaluate(E) needs all of generate(E);
train(E) needs all of evaluate(E) and train(E-1). Nothing else is serialised.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.coordinator.day import FINISHED_DAYS, IN_PROGRESS, OPEN_STEPS, DayState, RunState, StepState
from shared.run_config import RunConfig
from shared.wire import StepKind

KINDS: tuple[StepKind, ...] = ("generate", "evaluate", "train")
_STAGE: dict[StepKind, DayState] = {"generate": "generating", "evaluate": "evaluating", "train": "training"}


@dataclass(frozen=True)
class DayView:
    """A day as the graph sees it. `steps` holds, by kind, how many of its steps are in which state."""

    date: dt.date
    position: int | None
    state: DayState
    policy: dt.date | None = None
    steps: Mapping[StepKind, Counter[StepState]] = field(default_factory=dict)

    def done(self, kind: StepKind) -> bool:
        """Whether the day has steps of a kind and all are done."""
        counts = self.steps.get(kind, Counter())
        return counts["done"] > 0 and counts["done"] == counts.total()

    def has(self, *states: StepState) -> bool:
        """Whether any step of the day is in one of the states."""
        return any(counts[state] for counts in self.steps.values() for state in states)


@dataclass(frozen=True)
class Move:
    """A day that may go on to a state now."""

    date: dt.date
    to: DayState


def ready_moves(days: Sequence[DayView], config: RunConfig, *, begin: bool) -> list[Move]:
    """What may happen next, earliest day first; ask again after doing it. Without `begin`, only endings are named.

    A day that is to begin waits for its policy's checkpoint and for room below `max_parallel_days`.
    """
    chain = sorted((day for day in days if day.position is not None), key=lambda day: day.position or 0)
    states = {day.date: day.state for day in chain}
    room = config.max_parallel_days - sum(state in IN_PROGRESS for state in states.values())
    moves: list[Move] = []
    before: DayView | None = None
    for day in chain:
        to = _next_state(day, before, states, config)
        before = day
        if to is None or (to in IN_PROGRESS and not begin):
            continue
        if day.state == "pending":
            if room <= 0:
                continue
            room -= 1
        moves.append(Move(day.date, to))
    return moves


def _next_state(
    day: DayView, before: DayView | None, states: Mapping[dt.date, DayState], config: RunConfig
) -> DayState | None:
    if day.state in IN_PROGRESS and day.has("failed"):
        return "failed"
    if day.state == "pending" and (day.policy is None or states.get(day.policy) == "published"):
        return "generating"
    if day.state == "generating" and day.done("generate"):
        return "evaluating"
    if day.state == "evaluating" and day.done("evaluate"):
        if not config.train:
            return "scored"
        return "training" if before is None or before.state == "published" else None
    return "published" if day.state == "training" and day.done("train") else None


def run_state(days: Sequence[DayView], now: RunState) -> RunState:
    """The state of a run of which nothing more can be begun: `ready_moves` has nothing left to name."""
    if all(day.state in FINISHED_DAYS for day in days):
        return "completed"
    if now == "paused" or not any(day.state == "failed" for day in days):
        return now
    return "failing" if any(day.has(*OPEN_STEPS) for day in days) else "failed"


def stage_of_failed(day: DayView) -> DayState:
    """The state a failed day takes up again: that of its first kind of step which is not done."""
    return next(_STAGE[kind] for kind in KINDS if day.steps.get(kind) and not day.done(kind))
