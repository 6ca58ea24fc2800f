"""A worker of one step kind: its Celery task, and the kind of step it accepts."""

from __future__ import annotations

import datetime as dt

import pytest
from celery import Celery

from shared.errors import InvalidInputError
from shared.run_config import RunConfig
from shared.settings import WorkerSettings
from shared.wire import (
    ClaimAnswer,
    CompleteAnswer,
    CompleteRequest,
    EvaluateResult,
    EvaluateTask,
    FailRequest,
    RenewAnswer,
    TrainTask,
)
from shared.worker.celery import make_celery, task_name
from shared.worker.run import handler_of, register, run
from shared.worker.steps import Lease

DAY = dt.date(2025, 8, 18)
TASK = EvaluateTask(
    step_id=7, fence=3, run="R", date=DAY, config=RunConfig(), outcome_date=DAY, outcomes=[], groups=[], bonus=0.1
)
RESULT = EvaluateResult(evaluations=[], ranker="semantic", leak_list="1", seconds=0.0)


class FakeCoordinator:
    """Grants one evaluate step and keeps what a worker posts."""

    def __init__(self) -> None:
        self.completed: list[CompleteRequest] = []
        self.failures: list[FailRequest] = []

    def claim(self, step_id: int) -> ClaimAnswer:
        return ClaimAnswer(status="granted", lease_seconds=30, task=TASK)

    def renew(self, step_id: int, fence: int) -> RenewAnswer:
        return RenewAnswer(go_on=True)

    def complete(self, step_id: int, request: CompleteRequest) -> CompleteAnswer:
        self.completed.append(request)
        return CompleteAnswer(status="accepted")

    def fail(self, step_id: int, request: FailRequest) -> None:
        self.failures.append(request)


def score(task: EvaluateTask, lease: Lease) -> EvaluateResult:
    assert (task, lease.step_id) == (TASK, 7)
    return RESULT


def train(task: TrainTask, lease: Lease) -> EvaluateResult:
    raise AssertionError("an evaluate step must not reach a train handler")


def test_the_task_of_a_kind_posts_its_handlers_result_under_the_fence() -> None:
    coordinator = FakeCoordinator()
    task = register(make_celery("memory://"), "evaluate", coordinator, handler_of("evaluate", EvaluateTask, score))
    assert task.name == task_name("evaluate")
    assert task(7) == "accepted"
    assert [(request.fence, request.result) for request in coordinator.completed] == [(3, RESULT)]


def test_a_handler_refuses_a_step_of_another_kind() -> None:
    with pytest.raises(InvalidInputError, match="kind: a train worker got a step of kind evaluate"):
        handler_of("train", TrainTask, train)(TASK, Lease(7, 3))


def test_a_refusal_is_posted_as_a_failure_without_retry() -> None:
    coordinator = FakeCoordinator()
    task = register(make_celery("memory://"), "train", coordinator, handler_of("train", TrainTask, train))
    assert task(7) == "failed"
    (failure,) = coordinator.failures
    assert "a step of kind evaluate" in failure.error
    assert not failure.retryable


def test_a_worker_consumes_the_queue_of_its_kind_in_one_child(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[Celery, list[str]]] = []
    monkeypatch.setattr(Celery, "worker_main", lambda app, argv: started.append((app, argv)))
    run("evaluate", EvaluateTask, score, WorkerSettings(broker_url="memory://"))
    ((app, argv),) = started
    assert task_name("evaluate") in app.tasks
    assert argv[:5] == ["worker", "-Q", "evaluate", "-c", "1"]
