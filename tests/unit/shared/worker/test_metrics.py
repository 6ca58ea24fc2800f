"""What a worker counts of its steps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from prometheus_client import generate_latest

from shared.errors import StaleFenceError, StoppedError, UnavailableError
from shared.run_config import RunConfig
from shared.wire import (
    CheckpointRecord,
    CheckpointRef,
    ClaimAnswer,
    CompleteAnswer,
    CompleteRequest,
    FailRequest,
    GenerateResult,
    GenerateTask,
    PolicyRef,
    RenewAnswer,
    Result,
    Task,
    TrainResult,
)
from shared.worker.metrics import WorkerMetrics
from shared.worker.steps import Lease, Outcome, Renewal, work_on
from tests import factories

HEADLINE = {"id": 1, "text": "Oil rises", "published_at": dt.datetime(2025, 8, 18, tzinfo=dt.UTC)}
TASK = GenerateTask.model_validate(
    {
        "step_id": 7,
        "fence": 1,
        "run": "run",
        "date": dt.date(2025, 8, 18),
        "config": RunConfig(rollouts=4),
        "policy": PolicyRef(),
        "profile": "default",
        "headlines": [HEADLINE],
    }
)
RECORD = CheckpointRecord(
    ref=CheckpointRef(id="c", uri="run/c", sha256="0"),
    run="run",
    date=dt.date(2025, 8, 18),
    fence=1,
    parent=None,
    base_model="base",
    adapter="lora",
    files={},
)
RESULT: GenerateResult = factories.generated(TASK)


class FakeCoordinator:
    """Grants the task; answers a result, and renewals, as it was told."""

    def __init__(self, answer: CompleteAnswer | Exception, renewal: RenewAnswer | Exception | None = None) -> None:
        self.answer = answer
        self.renewal = renewal or RenewAnswer(go_on=True)

    def claim(self, step_id: int) -> ClaimAnswer:
        return ClaimAnswer(status="granted", lease_seconds=0.1, task=TASK)

    def renew(self, step_id: int, fence: int) -> RenewAnswer:
        if isinstance(self.renewal, Exception):
            raise self.renewal
        return self.renewal

    def complete(self, step_id: int, request: CompleteRequest) -> CompleteAnswer:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def fail(self, step_id: int, request: FailRequest) -> None:
        """Heard."""


def value(metrics: WorkerMetrics, name: str, *labels: str) -> float | None:
    names = ("kind", "outcome")[: len(labels)]
    return metrics.registry.get_sample_value(name, dict(zip(names, labels, strict=True)))


def generate(task: Task, lease: Lease) -> Result:
    return RESULT


def test_an_accepted_step_counts_what_it_made() -> None:
    metrics = WorkerMetrics("generate")
    work_on(7, FakeCoordinator(CompleteAnswer(status="accepted")), generate, metrics)
    assert value(metrics, "morrow_step_seconds_count", "generate", "done") == 1
    assert value(metrics, "morrow_rollouts_total") == 4
    assert value(metrics, "morrow_tokens_total", "sampled") == RESULT.tokens
    assert value(metrics, "morrow_engine_calls_total") == RESULT.engine_calls
    assert value(metrics, "morrow_wasted_seconds_total", "generate", "stopped") == 0


def stop(task: Task, lease: Lease) -> Result:
    raise StoppedError("cancelled")


def break_down(task: Task, lease: Lease) -> Result:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("answer", "handler", "outcome"),
    [
        (StaleFenceError("old"), generate, "stopped"),
        (CompleteAnswer(status="cancelled"), generate, "stopped"),
        (CompleteAnswer(status="accepted"), stop, "stopped"),
        (CompleteAnswer(status="accepted"), break_down, "failed"),
        (UnavailableError("away"), generate, "failed"),
    ],
)
def test_a_step_that_came_to_nothing_counts_as_wasted_and_made_no_rollouts(
    answer: CompleteAnswer | Exception, handler: Callable[[Task, Lease], Result], outcome: Outcome
) -> None:
    metrics = WorkerMetrics("generate")
    work_on(7, FakeCoordinator(answer), handler, metrics)
    assert value(metrics, "morrow_step_seconds_count", "generate", outcome) == 1
    wasted = value(metrics, "morrow_wasted_seconds_total", "generate", outcome)
    assert wasted == value(metrics, "morrow_step_seconds_sum", "generate", outcome)
    assert value(metrics, "morrow_rollouts_total") == 0


@pytest.mark.parametrize(
    ("renewal", "outcome"),
    [
        (RenewAnswer(go_on=True), "renewed"),
        (RenewAnswer(go_on=False), "stop"),
        (StaleFenceError("old"), "refused"),
        (UnavailableError("away"), "unanswered"),
    ],
)
def test_renewals_are_counted_by_how_they_ended(renewal: RenewAnswer | Exception, outcome: Renewal) -> None:
    metrics = WorkerMetrics("generate")

    def wait(task: Task, lease: Lease) -> Result:
        while not value(metrics, "morrow_lease_renewals_total", "generate", outcome):
            lease.stop.wait(0.01)
        return RESULT

    work_on(7, FakeCoordinator(CompleteAnswer(status="accepted"), renewal), wait, metrics)
    assert value(metrics, "morrow_lease_renewals_total", "generate", outcome)


def test_an_update_tells_its_tokens_and_its_policy_lag() -> None:
    metrics = WorkerMetrics("train")
    stats = factories.STATS.model_copy(update={"tokens": 120, "policy_lag": 3})
    metrics.ended("train", "done", 2.0, TrainResult(checkpoint=RECORD, stats=stats))
    assert value(metrics, "morrow_tokens_total", "trained") == 120
    assert value(metrics, "morrow_policy_lag_days") == 3


def test_every_name_that_the_page_tells_is_exported() -> None:
    text = generate_latest(WorkerMetrics("generate").registry).decode()
    names = ("step_seconds_count", "wasted_seconds_total", "lease_renewals_total", "rollouts_total", "tokens_total")
    for name in (*names, "engine_calls_total", "policy_lag_days"):
        assert f"\nmorrow_{name}" in text
