"""The registry has an entry for every kind of step, with the messages and the stage that belong to it."""

from __future__ import annotations

from typing import get_args

import pytest

from services.coordinator.scheduling.service import ITEMS
from services.coordinator.states import STAGES
from services.coordinator.steps.kinds.registry import KINDS
from shared.wire import Result, StepKind, Task

ALL = get_args(StepKind)


def _kinds(union: object) -> set[str]:
    messages = get_args(get_args(union)[0])
    return {message.model_fields["kind"].default for message in messages}


def test_registry_scheduling_and_messages_cover_every_kind() -> None:
    assert set(KINDS) == set(STAGES) == set(ITEMS) == _kinds(Task) == _kinds(Result) == set(ALL)


@pytest.mark.parametrize("kind", ALL)
def test_each_kind_has_the_three_functions(kind: StepKind) -> None:
    entry = KINDS[kind]
    assert all(callable(step) for step in (entry.build_task, entry.check_result, entry.store_result))
