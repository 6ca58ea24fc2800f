"""The states of runs, days and steps and the transitions between them. Pure."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from shared.errors import ConflictError
from shared.wire import StepKind

Role = Literal["chain", "panel", "warm_start"]
"""The purpose of a day: an update in turn (`chain`), scores on the panel, or the warm start before the chain."""
DayState = Literal[
    "pending",
    "generating",
    "maturing",
    "evaluating",
    "training",
    "published",
    "scored",
    "failed",
    "cancelled",
    "skipped",
]
RunState = Literal["running", "waiting", "paused", "failing", "failed", "cancelled", "completed"]
StepState = Literal["queued", "leased", "done", "failed", "cancelled"]
RunKind = Literal["backfill", "import"]
AttemptOutcome = Literal["running", "accepted", "failed", "expired", "cancelled"]

_State = TypeVar("_State", bound=str)

DAY_TRANSITIONS: Mapping[DayState, frozenset[DayState]] = {
    "pending": frozenset({"generating", "skipped", "cancelled"}),
    "generating": frozenset({"maturing", "evaluating", "failed", "cancelled"}),
    "maturing": frozenset({"evaluating", "cancelled"}),
    "evaluating": frozenset({"training", "scored", "failed", "cancelled"}),
    "training": frozenset({"published", "failed", "cancelled"}),
    "failed": frozenset({"generating", "evaluating", "training"}),
    "published": frozenset(),
    "scored": frozenset(),
    "cancelled": frozenset(),
    "skipped": frozenset(),
}
RUN_TRANSITIONS: Mapping[RunState, frozenset[RunState]] = {
    "running": frozenset({"waiting", "paused", "failing", "failed", "cancelled", "completed"}),
    "waiting": frozenset({"running", "paused", "cancelled"}),
    "paused": frozenset({"running", "cancelled", "completed"}),
    "failing": frozenset({"running", "paused", "failed", "cancelled"}),
    "failed": frozenset({"running", "cancelled"}),
    "cancelled": frozenset(),
    "completed": frozenset(),
}
STEP_TRANSITIONS: Mapping[StepState, frozenset[StepState]] = {
    "queued": frozenset({"leased", "failed", "cancelled"}),
    "leased": frozenset({"queued", "done", "failed", "cancelled"}),
    "failed": frozenset({"queued"}),
    "done": frozenset(),
    "cancelled": frozenset(),
}

STAGES: Mapping[StepKind, DayState] = {"generate": "generating", "evaluate": "evaluating", "train": "training"}
"""The kinds of steps in the order in which a day runs them, each with the state of a day whose steps these are."""
IN_PROGRESS: frozenset[DayState] = frozenset(STAGES.values())
OPEN_DAYS: frozenset[DayState] = IN_PROGRESS | {"pending", "maturing"}
FINISHED_DAYS: frozenset[DayState] = frozenset({"published", "scored", "skipped"})
OPEN_STEPS: frozenset[StepState] = frozenset({"queued", "leased"})
GRANTING_RUNS: frozenset[RunState] = frozenset({"running", "waiting", "failing"})
"""Run states in which steps are granted to workers and new ones are created."""
ENDED_RUNS: frozenset[RunState] = frozenset({"completed", "failed", "cancelled"})


def checked_transition(table: Mapping[_State, frozenset[_State]], old: _State, new: _State, what: str) -> _State:
    """`new`, if the table has it as a follower of `old`. Raises ConflictError with the states that may follow."""
    followers = table[old]
    if new in followers:
        return new
    possible = ", ".join(sorted(followers)) or "nothing"
    raise ConflictError(f"{what} is {old} and cannot become {new}; it can become: {possible}")


def day_name(role: Role, date: dt.date) -> str:
    """The name of a day in messages."""
    return {"chain": "day {}", "panel": "panel of {}", "warm_start": "warm start of {}"}[role].format(date)


def step_name(kind: StepKind, chunk: int, role: Role, date: dt.date) -> str:
    """The name of a step in messages."""
    return f"{kind} {chunk} of {date if role == 'chain' else f'the {day_name(role, date)}'}"


@dataclass(frozen=True)
class DayView:
    """The values of a day that its transitions depend on. `steps` counts its steps by kind and state.

    `policy` is the id of the day whose checkpoint predicts it, None for the base; `position` its place in the chain,
    None outside of it. `waits_for` names the data that its forecasts lack to be settled, None if nothing is lacking.
    """

    id: int
    date: dt.date
    position: int | None
    state: DayState
    role: Role = "chain"
    policy: int | None = None
    outcome_date: dt.date | None = None
    waits_for: str | None = None
    steps: Mapping[StepKind, Counter[StepState]] = field(default_factory=dict)

    def done(self, kind: StepKind) -> bool:
        """Whether the day has steps of a kind and all are done."""
        counts = self.steps.get(kind, Counter())
        return counts["done"] > 0 and counts["done"] == counts.total()

    def has(self, *states: StepState) -> bool:
        """Whether any step of the day is in one of the states."""
        return any(counts[state] for counts in self.steps.values() for state in states)
