"""The Celery task of train steps and its handler."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.trainer.settings import TrainerSettings
from services.trainer.tasks import make_handler, make_task
from shared.checkpoints import CheckpointStore
from shared.errors import InvalidInputError
from shared.wire import ClaimAnswer, CompleteAnswer, CompleteRequest, EvaluateTask, FailRequest, RenewAnswer
from shared.worker.celery import make_celery, task_name
from shared.worker.steps import Lease
from tests.unit.trainer.toys import DAY, run_config, train_task


class FakeCoordinator:
    """Grants one task whose base model is not the worker's, and keeps what it is told."""

    def __init__(self) -> None:
        self.failures: list[FailRequest] = []

    def claim(self, step_id: int) -> ClaimAnswer:
        return ClaimAnswer(status="granted", lease_seconds=30, task=train_task([]))

    def renew(self, step_id: int, fence: int) -> RenewAnswer:
        return RenewAnswer(go_on=True)

    def complete(self, step_id: int, request: CompleteRequest) -> CompleteAnswer:
        raise AssertionError("nothing was done")

    def fail(self, step_id: int, request: FailRequest) -> None:
        self.failures.append(request)


def settings(root: Path) -> TrainerSettings:
    return TrainerSettings(store=str(root), base_model="another/model")


def test_a_step_of_another_kind_is_refused(tmp_path: Path) -> None:
    step = EvaluateTask(
        step_id=1, fence=1, run="R", date=DAY, config=run_config(), outcome_date=DAY, outcomes=[], groups=[], bonus=0.1
    )
    with pytest.raises(InvalidInputError, match="a step of kind evaluate"):
        make_handler(CheckpointStore(tmp_path), settings(tmp_path))(step, Lease(1, 1))


def test_the_task_reports_what_its_handler_refuses(tmp_path: Path) -> None:
    coordinator = FakeCoordinator()
    app = make_celery("memory://")
    task = make_task(app, coordinator, make_handler(CheckpointStore(tmp_path), settings(tmp_path)))
    assert task.name == task_name("train")
    assert task(5) == "failed"
    (failure,) = coordinator.failures
    assert "another/model" in failure.error
    assert not failure.retryable
