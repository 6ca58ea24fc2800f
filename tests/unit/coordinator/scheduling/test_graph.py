"""The day graph: the transitions that the states of days and steps allow, and no others."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace
from typing import cast

import pytest

from services.coordinator.scheduling.rules.graph import Transition, ready_transitions, run_state, stage_of_failed
from services.coordinator.states import DayState, DayView, Role, RunState, StepState
from shared.run_config import RunConfig
from shared.wire import StepKind

START = dt.date(2025, 8, 1)


def date(number: int) -> dt.date:
    return START + dt.timedelta(days=number)


def view(number: int, state: DayState, policy: int | None = None, **steps: str) -> DayView:
    """A day; steps as kind="done done queued"."""
    counted: dict[StepKind, Counter[StepState]] = {}
    for kind, states in steps.items():
        counted[cast("StepKind", kind)] = Counter(cast("list[StepState]", states.split()))
    return DayView(number, date(number), number, state, policy=policy, steps=counted)


def moves(*days: DayView, begin: bool = True, **config: object) -> list[tuple[int, str]]:
    ready = ready_transitions(days, RunConfig.model_validate(config), begin=begin)
    return [(transition.day_id, transition.to) for transition in ready]


def test_days_of_the_base_model_begin_at_once() -> None:
    assert moves(view(0, "pending"), view(1, "pending"), view(2, "pending", 0)) == [
        (0, "generating"),
        (1, "generating"),
    ]


def test_a_day_waits_for_the_checkpoint_of_its_policy_day() -> None:
    first = view(0, "training", train="leased")
    assert moves(first, view(2, "pending", 0)) == []
    assert moves(replace(first, state="published"), view(2, "pending", 0)) == [(2, "generating")]


def test_generating_continues_while_the_previous_day_trains() -> None:
    days = [view(0, "published"), view(1, "training", train="leased"), view(2, "pending", 0)]
    assert moves(*days) == [(2, "generating")]


def test_evaluating_needs_every_generate_step() -> None:
    assert moves(view(0, "generating", generate="done leased")) == []
    assert moves(view(0, "generating", generate="done done")) == [(0, "evaluating")]


def test_training_needs_every_evaluate_step_and_the_update_of_the_day_before() -> None:
    ready = view(1, "evaluating", generate="done", evaluate="done done")
    assert moves(view(0, "training", train="queued"), ready) == []
    assert moves(view(0, "published"), ready) == [(1, "training")]
    assert moves(view(0, "published"), view(1, "evaluating", evaluate="done queued")) == []


def test_day_without_training_ends_as_scored_whatever_other_days_do() -> None:
    days = [view(0, "failed", generate="failed"), view(1, "evaluating", evaluate="done")]
    assert moves(*days, train=False) == [(1, "scored")]


def test_a_trained_day_is_published() -> None:
    assert moves(view(0, "training", generate="done", evaluate="done", train="done")) == [(0, "published")]


def test_failed_step_fails_its_day_while_its_siblings_continue() -> None:
    assert moves(view(0, "generating", generate="failed leased queued")) == [(0, "failed")]


def test_without_begin_only_endings_are_ready() -> None:
    days = [
        view(0, "training", train="done"),
        view(1, "evaluating", evaluate="failed"),
        view(2, "generating", generate="done"),
        view(3, "pending"),
    ]
    assert moves(*days, begin=False) == [(0, "published"), (1, "failed")]


def test_days_in_progress_stay_within_max_parallel_days() -> None:
    days = [view(0, "generating", generate="leased"), view(1, "pending"), view(2, "pending"), view(3, "pending")]
    assert moves(*days, max_parallel_days=2) == [(1, "generating")]
    assert moves(*days, max_parallel_days=1) == []


def test_day_in_progress_continues_above_the_limit_of_parallel_days() -> None:
    days = [view(0, "generating", generate="done"), view(1, "generating", generate="done")]
    assert moves(*days, max_parallel_days=1) == [(0, "evaluating"), (1, "evaluating")]


def test_skipped_days_are_outside_the_chain() -> None:
    skipped = DayView(1, date(1), None, "skipped")
    days = [view(0, "published"), skipped, view(2, "evaluating", evaluate="done")]
    assert moves(*days) == [(2, "training")]


def beside(day_id: int, role: str, state: DayState, policy: int | None = None, **steps: str) -> DayView:
    """A day of the panel or a warm start; steps as for `view`."""
    position = -1 if role == "warm_start" else None
    return replace(view(day_id, state, policy, **steps), role=cast("Role", role), position=position)


def test_the_base_is_scored_on_the_panel_at_once_and_takes_no_room() -> None:
    base = beside(9, "panel", "pending")
    assert moves(view(0, "pending"), view(1, "pending"), base, max_parallel_days=1) == [
        (0, "generating"),
        (9, "generating"),
    ]
    busy = beside(9, "panel", "generating", generate="leased")
    assert moves(view(0, "pending"), busy, max_parallel_days=1) == [(0, "generating")]


def test_a_checkpoint_is_scored_on_the_panel_as_soon_as_it_is_published() -> None:
    scoring = beside(9, "panel", "pending", 0)
    assert moves(view(0, "training", train="leased"), scoring) == []
    assert moves(view(0, "published"), scoring) == [(9, "generating")]


def test_lines_on_the_panel_are_compared_with_the_bases_once_these_are_scored() -> None:
    scoring = beside(9, "panel", "generating", 0, generate="done")
    base = beside(8, "panel", "evaluating", evaluate="leased")
    assert moves(view(0, "published"), base, scoring) == []
    assert moves(view(0, "published"), replace(base, state="scored"), scoring) == [(9, "evaluating")]


def test_the_base_itself_is_compared_with_nothing_and_never_trained() -> None:
    assert moves(beside(8, "panel", "generating", generate="done")) == [(8, "evaluating")]
    assert moves(beside(8, "panel", "evaluating", evaluate="done")) == [(8, "scored")]


def test_a_failed_day_of_the_panel_leaves_the_chain_alone() -> None:
    failed = beside(9, "panel", "failed", 0, evaluate="failed")
    assert moves(view(0, "published"), failed, view(1, "evaluating", evaluate="done")) == [(1, "training")]


def test_a_warm_start_comes_before_the_chain() -> None:
    warm = beside(9, "warm_start", "pending")
    assert moves(warm, view(0, "pending", 9), view(1, "pending", 9), max_parallel_days=1) == [(9, "generating")]
    done = replace(warm, state="published")
    assert moves(done, view(0, "pending", 9), view(1, "pending", 9)) == [(0, "generating"), (1, "generating")]


def test_warm_start_is_trained_even_without_training_and_is_parent_of_the_first_day() -> None:
    warm = beside(9, "warm_start", "evaluating", evaluate="done")
    assert moves(warm, train=False) == [(9, "training")]
    assert moves(beside(9, "warm_start", "training", train="leased"), view(0, "evaluating", 9, evaluate="done")) == []


def test_unsettled_day_matures_without_counting_as_in_progress() -> None:
    sampled = replace(view(0, "generating", generate="done"), waits_for="headlines")
    found = ready_transitions([sampled], RunConfig(), begin=True)
    assert found == [Transition(0, "maturing", "headlines")]
    matures = replace(sampled, state="maturing")
    assert moves(matures, view(1, "pending"), max_parallel_days=1) == [(1, "generating")]
    assert moves(replace(matures, waits_for=None)) == [(0, "evaluating")]


@pytest.mark.parametrize(
    ("days", "now", "expected"),
    [
        ([view(0, "published"), DayView(1, date(1), None, "skipped")], "running", "completed"),
        ([view(0, "scored")], "paused", "completed"),
        ([view(0, "generating", generate="queued")], "running", "running"),
        ([view(0, "failed", generate="failed"), view(1, "generating", generate="leased")], "running", "failing"),
        ([view(0, "failed", generate="failed queued")], "running", "failing"),
        ([view(0, "failed", generate="failed"), view(1, "pending", 0)], "failing", "failed"),
        ([view(0, "failed", generate="failed"), view(1, "published")], "running", "failed"),
        ([view(0, "failed", generate="failed")], "paused", "paused"),
        ([view(0, "published"), view(1, "maturing")], "running", "waiting"),
        ([view(0, "maturing"), view(1, "pending", 0)], "waiting", "waiting"),
        ([view(0, "maturing"), view(1, "generating", generate="queued")], "running", "running"),
        ([view(0, "evaluating", evaluate="queued"), view(1, "maturing")], "waiting", "running"),
        ([view(0, "maturing"), view(1, "failed", generate="failed")], "running", "failing"),
        ([view(0, "maturing")], "paused", "paused"),
    ],
)
def test_the_state_of_a_run_follows_from_its_days(days: list[DayView], now: RunState, expected: RunState) -> None:
    assert run_state(days, now) == expected


@pytest.mark.parametrize(
    ("steps", "stage"),
    [
        ({"generate": "done failed"}, "generating"),
        ({"generate": "done", "evaluate": "failed done"}, "evaluating"),
        ({"generate": "done", "evaluate": "done", "train": "failed"}, "training"),
        ({"evaluate": "failed"}, "evaluating"),
    ],
)
def test_failed_day_returns_to_the_stage_it_failed_in(steps: dict[str, str], stage: str) -> None:
    assert stage_of_failed(view(0, "failed", None, **steps)) == stage
