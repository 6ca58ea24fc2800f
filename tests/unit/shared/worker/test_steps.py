"""How a worker does a step."""

from __future__ import annotations

import datetime as dt
import threading

import httpx
import pytest

from shared.errors import InvalidInputError, MorrowError, StaleFenceError, UnavailableError
from shared.run_config import RunConfig
from shared.wire import (
    ClaimAnswer,
    CompleteAnswer,
    CompleteRequest,
    EvaluateResult,
    EvaluateTask,
    FailRequest,
    RenewAnswer,
    Result,
    Task,
)
from shared.worker.steps import HttpCoordinator, Lease, work_on

TASK = EvaluateTask(
    step_id=7,
    fence=3,
    run="run",
    date=dt.date(2025, 8, 18),
    config=RunConfig(),
    outcome_date=dt.date(2025, 8, 19),
    outcomes=[],
    groups=[],
    bonus=0.1,
)
RESULT = EvaluateResult(evaluations=[], ranker="semantic", leak_list="1", seconds=0.0)


class FakeCoordinator:
    """Grants one task and records what it is told."""

    def __init__(self, answer: ClaimAnswer, renewal: RenewAnswer | MorrowError | None = None) -> None:
        self.answer = answer
        self.renewal = renewal or RenewAnswer(go_on=True)
        self.renewed = threading.Event()
        self.completed: list[CompleteRequest] = []
        self.failed: list[FailRequest] = []

    def claim(self, step_id: int) -> ClaimAnswer:
        return self.answer

    def renew(self, step_id: int, fence: int) -> RenewAnswer:
        self.renewed.set()
        if isinstance(self.renewal, MorrowError):
            raise self.renewal
        return self.renewal

    def complete(self, step_id: int, request: CompleteRequest) -> CompleteAnswer:
        self.completed.append(request)
        return CompleteAnswer(status="accepted")

    def fail(self, step_id: int, request: FailRequest) -> None:
        self.failed.append(request)


def granted(lease_seconds: float = 30) -> ClaimAnswer:
    return ClaimAnswer(status="granted", lease_seconds=lease_seconds, task=TASK)


def succeed(task: Task, lease: Lease) -> Result:
    return RESULT


def test_a_granted_step_is_done_and_posted_under_its_fence() -> None:
    coordinator = FakeCoordinator(granted())
    assert work_on(7, coordinator, succeed) == "accepted"
    assert [(r.fence, r.result) for r in coordinator.completed] == [(3, RESULT)]


def test_a_refused_claim_is_dropped() -> None:
    coordinator = FakeCoordinator(ClaimAnswer(status="leased"))
    assert work_on(7, coordinator, succeed) == "leased"
    assert coordinator.completed == []


def test_the_lease_is_renewed_while_the_work_goes_on() -> None:
    coordinator = FakeCoordinator(granted(lease_seconds=0.1))

    def wait_for_renewal(task: Task, lease: Lease) -> Result:
        assert coordinator.renewed.wait(10)
        return RESULT

    assert work_on(7, coordinator, wait_for_renewal) == "accepted"


@pytest.mark.parametrize("renewal", [RenewAnswer(go_on=False, reason="cancelled"), StaleFenceError("another attempt")])
def test_a_worker_that_is_told_to_stop_posts_nothing(renewal: RenewAnswer | MorrowError) -> None:
    coordinator = FakeCoordinator(granted(lease_seconds=0.1), renewal)

    def work_until_stopped(task: Task, lease: Lease) -> Result:
        assert lease.stop.wait(10)
        lease.check()
        return RESULT

    assert work_on(7, coordinator, work_until_stopped) == "stopped"
    assert coordinator.completed == []
    assert coordinator.failed == []


def test_a_renewal_that_finds_no_coordinator_does_not_stop_the_work() -> None:
    coordinator = FakeCoordinator(granted(lease_seconds=0.1), UnavailableError("away"))

    def wait_for_renewal(task: Task, lease: Lease) -> Result:
        assert coordinator.renewed.wait(10)
        return RESULT

    assert work_on(7, coordinator, wait_for_renewal) == "accepted"


def test_a_bug_in_a_handler_becomes_a_retryable_failure_with_its_traceback() -> None:
    coordinator = FakeCoordinator(granted())

    def divide(task: Task, lease: Lease) -> Result:
        raise ZeroDivisionError("by nought")

    assert work_on(7, coordinator, divide) == "failed"
    (failure,) = coordinator.failed
    assert failure.retryable
    assert "ZeroDivisionError: by nought" in failure.error
    assert "divide" in failure.error


def test_bad_input_is_not_tried_again() -> None:
    coordinator = FakeCoordinator(granted())

    def refuse(task: Task, lease: Lease) -> Result:
        raise InvalidInputError("config.base_model: not mine")

    work_on(7, coordinator, refuse)
    (failure,) = coordinator.failed
    assert (failure.retryable, failure.error) == (False, "config.base_model: not mine")


def http(handler: httpx.MockTransport, patience: float = 0.0) -> HttpCoordinator:
    return HttpCoordinator(httpx.Client(base_url="http://coordinator", transport=handler), patience)


def test_a_problem_answer_becomes_the_error_it_names() -> None:
    body = StaleFenceError("fence 3 is old").problem()
    coordinator = http(httpx.MockTransport(lambda _: httpx.Response(409, json=body)))
    with pytest.raises(StaleFenceError, match="fence 3 is old"):
        coordinator.renew(7, 3)


def test_a_coordinator_that_is_away_is_unavailable() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    def fall_silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("", request=request)

    with pytest.raises(UnavailableError, match="does not answer: refused"):
        http(httpx.MockTransport(refuse)).claim(7)
    with pytest.raises(UnavailableError, match="does not answer: ReadTimeout"):
        http(httpx.MockTransport(fall_silent)).claim(7)


def test_posting_a_result_outlives_a_coordinators_restart() -> None:
    answers = iter([httpx.ConnectError("refused"), None])

    def restart(request: httpx.Request) -> httpx.Response:
        error = next(answers)
        if error is not None:
            raise error
        return httpx.Response(200, json={"status": "accepted"})

    coordinator = http(httpx.MockTransport(restart), patience=30)
    assert coordinator.complete(7, CompleteRequest(fence=3, result=RESULT)).status == "accepted"
