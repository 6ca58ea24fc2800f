"""The state tables: each transition that they have, and each that they lack."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import pytest

from services.coordinator.states import (
    DAY_TRANSITIONS,
    FINISHED_DAYS,
    IN_PROGRESS,
    OPEN_DAYS,
    OPEN_STEPS,
    RUN_TRANSITIONS,
    STEP_TRANSITIONS,
    checked_transition,
)
from shared.errors import ConflictError

Table = Mapping[str, frozenset[str]]
TABLES: dict[str, Table] = {
    "day": {old: frozenset(new) for old, new in DAY_TRANSITIONS.items()},
    "run": {old: frozenset(new) for old, new in RUN_TRANSITIONS.items()},
    "step": {old: frozenset(new) for old, new in STEP_TRANSITIONS.items()},
}
PAIRS = [(name, old, new) for name, table in TABLES.items() for old, new in product(table, table)]
LEGAL = [(name, old, new) for name, old, new in PAIRS if new in TABLES[name][old]]
ILLEGAL = [pair for pair in PAIRS if pair not in LEGAL]

EXPECTED = {
    "day": """pending>generating pending>skipped pending>cancelled generating>evaluating generating>failed
        generating>cancelled generating>maturing maturing>evaluating maturing>cancelled
        evaluating>training evaluating>scored evaluating>failed evaluating>cancelled
        training>published training>failed training>cancelled failed>generating failed>evaluating failed>training""",
    "run": """running>paused running>failing running>failed running>cancelled running>completed paused>running
        paused>cancelled paused>completed failing>running failing>paused failing>failed failing>cancelled
        failed>running failed>cancelled running>waiting waiting>running waiting>paused waiting>cancelled""",
    "step": """queued>leased queued>failed queued>cancelled leased>queued leased>done leased>failed leased>cancelled
        failed>queued""",
}


@pytest.mark.parametrize("name", TABLES)
def test_the_edges_are_those_of_the_design(name: str) -> None:
    assert {f"{old}>{new}" for table, old, new in LEGAL if table == name} == set(EXPECTED[name].split())


@pytest.mark.parametrize(("name", "old", "new"), LEGAL)
def test_transition_of_the_table_is_allowed(name: str, old: str, new: str) -> None:
    assert checked_transition(TABLES[name], old, new, "it") == new


@pytest.mark.parametrize(("name", "old", "new"), ILLEGAL)
def test_a_pair_outside_the_table_is_refused(name: str, old: str, new: str) -> None:
    with pytest.raises(ConflictError, match=f"it is {old} and cannot become {new}"):
        checked_transition(TABLES[name], old, new, "it")


def test_refused_transition_names_the_allowed_states() -> None:
    with pytest.raises(ConflictError, match="it can become: cancelled, generating, skipped"):
        checked_transition(DAY_TRANSITIONS, "pending", "published", "day 2025-08-18")


@pytest.mark.parametrize("state", sorted({"published", "scored", "cancelled", "skipped"}))
def test_a_finished_day_never_moves(state: str) -> None:
    assert not TABLES["day"][state]


def test_every_state_is_open_failed_cancelled_or_finished() -> None:
    assert set(DAY_TRANSITIONS) == OPEN_DAYS | FINISHED_DAYS | {"failed", "cancelled"}
    assert IN_PROGRESS < OPEN_DAYS
    assert {"done", "failed", "cancelled"} | OPEN_STEPS == set(STEP_TRANSITIONS)
