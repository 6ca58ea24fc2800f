"""Simulated runs: in any order of finished steps, every transition that the graph allows happens, and no other."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from services.coordinator.corpora.rules.headlines import DayCount
from services.coordinator.scheduling.rules.graph import Transition, ready_transitions, run_state
from services.coordinator.scheduling.rules.planning import plan
from services.coordinator.scheduling.rules.roles import scored_places
from services.coordinator.states import STAGES, DayView
from shared.run_config import RunConfig

KINDS = {stage: kind for kind, stage in STAGES.items()}


def date(number: int) -> dt.date:
    return dt.date(2025, 8, 1) + dt.timedelta(days=number)


class Simulation:
    """A run in memory whose steps end in a random order; each stage is one step.

    Its chain has the ids from 0; the warm start, if there is one, −1; the panel's days the ids from 100, the base's 99.
    """

    def __init__(self, days: int, config: RunConfig, seed: int, immature: int = 0) -> None:
        self.config, self.random = config, random.Random(seed)  # noqa: S311 - an order, no secret
        planned = plan([DayCount(date(n), 1, 0, 0) for n in range(days + 1)], None, date(days - 1), config)
        start = -1 if config.warm_start else None
        ids = {day.date: number for number, day in enumerate(planned)}
        chain = [
            DayView(ids[day.date], day.date, day.position, "pending", policy=ids[day.policy] if day.policy else start)
            for day in planned
        ]
        late = [replace(day, waits_for="headlines") for day in chain[days - immature :]]
        beside = [DayView(-1, date(-1), -1, "pending", "warm_start")] if config.warm_start else []
        if config.panel:
            scored = [number for number in scored_places(days, config.panel_every) if config.train]
            beside += [DayView(99, date(-2), None, "pending", "panel")]
            beside += [DayView(100 + n, date(n), None, "pending", "panel", policy=n) for n in scored]
        self.days = {day.id: day for day in [*chain[: days - immature], *late, *beside]}
        self.finished: list[tuple[int, str]] = []

    def settle(self) -> None:
        while found := ready_transitions(list(self.days.values()), self.config, begin=True):
            for transition in found:
                self._apply(transition)

    def _apply(self, transition: Transition) -> None:
        day = self.days[transition.day_id]
        kind = KINDS.get(transition.to)
        steps = dict(day.steps) | ({kind: Counter({"queued": 1})} if kind else {})
        self.days[transition.day_id] = replace(day, state=transition.to, steps=steps)

    def open(self) -> list[DayView]:
        return [day for day in self.days.values() if day.has("queued")]

    def end_one(self) -> None:
        day = self.random.choice(self.open())
        kind = KINDS[day.state]
        self.finished.append((day.id, kind))
        self.days[day.id] = replace(day, steps=dict(day.steps) | {kind: Counter({"done": 1})})

    def run(self) -> None:
        self.settle()
        while self.open():
            self.end_one()
            self.settle()

    def let_outcomes_come(self) -> None:
        self.days = {day.id: replace(day, waits_for=None) for day in self.days.values()}

    def could_move(self, day: DayView) -> bool:
        """Whether everything that the design asks for holds for the day to change state."""
        before = self.days.get(day.id - 1) if day.role == "chain" else None
        trained = before is None or before.state == "published" or not self.config.train
        compared = day.role != "panel" or day.policy is None or self.days[99].state == "scored"
        waiting = {
            "pending": day.policy is None or self.days[day.policy].state == "published",
            "generating": day.done("generate") and compared,
            "evaluating": day.done("evaluate") and trained,
            "training": day.done("train"),
        }
        return waiting.get(day.state, False)


configs = st.builds(
    RunConfig,
    lag=st.integers(0, 3),
    train=st.booleans(),
    max_parallel_days=st.integers(1, 4),
    panel=st.sampled_from([None, "held-out"]),
    panel_every=st.integers(1, 3),
    warm_start=st.integers(0, 1),
)


@settings(max_examples=80)
@given(st.integers(1, 8), configs, st.integers(0, 10_000))
def test_in_any_order_every_allowed_transition_happens(days: int, config: RunConfig, seed: int) -> None:
    run = Simulation(days, config, seed)
    run.settle()
    while run.open():
        busy = sum(day.state in KINDS for day in run.days.values() if day.role == "chain")
        held_back = [day for day in run.days.values() if run.could_move(day)]
        assert busy <= config.max_parallel_days
        full = busy == config.max_parallel_days
        assert not held_back or (full and all((day.state, day.role) == ("pending", "chain") for day in held_back))
        run.end_one()
        run.settle()
    assert run_state(list(run.days.values()), "running") == "completed"
    trained = [number for number, kind in run.finished if kind == "train"]
    chain = list(range(days)) if config.train else []
    assert trained == [-1] * config.warm_start + chain


@settings(max_examples=40)
@given(st.integers(1, 8), configs, st.integers(0, 8), st.integers(0, 10_000))
def test_run_waits_for_maturing_days_and_then_completes(days: int, config: RunConfig, late: int, seed: int) -> None:
    run = Simulation(days, config, seed, immature=min(late, days))
    run.run()
    state = run_state(list(run.days.values()), "running")
    assert state == ("waiting" if late else "completed")
    run.let_outcomes_come()
    run.run()
    assert run_state(list(run.days.values()), state) == "completed"
