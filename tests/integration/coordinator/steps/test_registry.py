"""Claims and results go to the registry's entry of the step's kind."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from services.coordinator.steps.kinds import generate
from services.coordinator.steps.kinds.base import StepContext
from services.coordinator.steps.kinds.registry import KINDS
from shared.errors import InvalidInputError
from shared.wire import GenerateResult, GenerateTask
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Sql


@dataclass
class Relabelled:
    """A kind like generate, but with another profile in its tasks and figures of its own; it may refuse."""

    refuses: bool = False
    stored: list[int] = field(default_factory=list)

    def build_task(self, context: StepContext) -> GenerateTask:
        return generate.build_task(context).model_copy(update={"profile": "loose"})

    def check_result(self, context: StepContext, result: GenerateResult) -> None:
        if self.refuses:
            raise InvalidInputError(f"groups: {len(result.groups)} for step {context.step.id}")

    def store_result(self, context: StepContext, result: GenerateResult) -> None:
        self.stored.append(context.step.id)
        generate.store_result(context, result)
        context.record(result.seconds, {"groups": len(result.groups)})


def test_claim_and_result_use_the_entry_of_the_kind(
    worker: FakeWorker, step_id: int, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up = Relabelled()
    monkeypatch.setitem(KINDS, "generate", made_up)
    task = worker.take(step_id)
    assert isinstance(task, GenerateTask)
    assert task.profile == "loose"
    assert worker.post(task).json() == {"status": "accepted"}
    assert made_up.stored == [step_id]
    assert sql("select distinct profile from rollouts")[0][0] == "loose"
    assert sql("select figures from steps where id = :id", id=step_id)[0][0] == {"groups": 1}


def test_result_that_its_kind_refuses_is_not_stored(
    worker: FakeWorker, step_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up = Relabelled(refuses=True)
    monkeypatch.setitem(KINDS, "generate", made_up)
    answer = worker.post(worker.take(step_id))
    assert (answer.status_code, made_up.stored) == (422, [])
