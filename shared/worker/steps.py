"""The step protocol of a worker: claim a step, renew its lease while working, post the result under its fence."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Literal, Protocol

import httpx
from pydantic import TypeAdapter

from shared.errors import MorrowError, StaleFenceError, StoppedError, UnavailableError
from shared.http import bearer, raise_for_problem, reaching
from shared.logging import captured_log
from shared.text.redact import masked
from shared.wire import (
    ClaimAnswer,
    ClaimRequest,
    CompleteAnswer,
    CompleteRequest,
    FailRequest,
    Message,
    RenewAnswer,
    RenewRequest,
    Result,
    StepKind,
    Task,
)
from shared.worker.failover import client_of

log = logging.getLogger(__name__)
MAX_ERROR = 8_000
"""Characters of a failure that are posted: its end, where a traceback names the error."""
_results: TypeAdapter[Result] = TypeAdapter(Result)


def worker_name() -> str:
    """host:pid, as events and logs name this worker."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Coordinator(Protocol):
    """The coordinator as a worker uses it."""

    def claim(self, step_id: int) -> ClaimAnswer: ...
    def renew(self, step_id: int, fence: int) -> RenewAnswer: ...
    def complete(self, step_id: int, request: CompleteRequest) -> CompleteAnswer: ...
    def fail(self, step_id: int, request: FailRequest) -> None: ...


class HttpCoordinator:
    """The coordinator over REST. Results and failures are posted again for `patience` seconds: it may be restarting."""

    def __init__(self, client: httpx.Client, patience: float = 60.0) -> None:
        self._client = client
        self._patience = patience

    @classmethod
    def at(cls, url: str, timeout: float, token: str = "") -> HttpCoordinator:
        """A client of the coordinator at `url` that sends `token`, if any; `timeout` in seconds per call."""
        return cls(client_of(url, timeout, bearer(token)))

    def _post_patiently(self, path: str, body: Message) -> object:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return self._post(path, body)
            except UnavailableError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1.0)

    def _post(self, path: str, body: Message) -> object:
        with reaching(f"the coordinator at {self._client.base_url}"):
            response = self._client.post(
                path, content=body.model_dump_json(), headers={"Content-Type": "application/json"}
            )
        return raise_for_problem(response).json()

    def claim(self, step_id: int) -> ClaimAnswer:
        """Claim the step; the answer has a task if the claim is granted."""
        return ClaimAnswer.model_validate(self._post(f"/v1/steps/{step_id}/claim", ClaimRequest(worker=worker_name())))

    def renew(self, step_id: int, fence: int) -> RenewAnswer:
        """Extend the lease. Raises StaleFenceError if another attempt holds it."""
        return RenewAnswer.model_validate(self._post(f"/v1/steps/{step_id}/renew", RenewRequest(fence=fence)))

    def complete(self, step_id: int, request: CompleteRequest) -> CompleteAnswer:
        """Post the result; raises StaleFenceError if another attempt has begun."""
        return CompleteAnswer.model_validate(self._post_patiently(f"/v1/steps/{step_id}/complete", request))

    def fail(self, step_id: int, request: FailRequest) -> None:
        """Report that the attempt failed."""
        self._post_patiently(f"/v1/steps/{step_id}/fail", request)


class Lease:
    """The lease of a step. `stop` is set once its result will be discarded."""

    def __init__(self, step_id: int, fence: int) -> None:
        self.step_id = step_id
        self.fence = fence
        self.stop = threading.Event()
        self.reason = ""

    def check(self) -> None:
        """Raise StoppedError if the lease was revoked. Handlers call it between pieces of work."""
        if self.stop.is_set():
            raise StoppedError(self.reason or "the lease was revoked")

    def revoke(self, reason: str) -> None:
        """Make the next `check` raise."""
        self.reason = reason
        self.stop.set()


Renewal = Literal["renewed", "stop", "refused", "unanswered"]
Outcome = Literal["done", "failed", "stopped"]


class Meter(Protocol):
    """Counts renewals and ended steps."""

    def renewed(self, kind: StepKind, outcome: Renewal) -> None: ...
    def ended(self, kind: StepKind, outcome: Outcome, seconds: float, result: Result | None) -> None: ...


class NoMeter:
    """Counts nothing."""

    def renewed(self, kind: StepKind, outcome: Renewal) -> None:
        """Nothing."""

    def ended(self, kind: StepKind, outcome: Outcome, seconds: float, result: Result | None) -> None:
        """Nothing."""


def _renew(lease: Lease, coordinator: Coordinator) -> Renewal:
    try:
        answer = coordinator.renew(lease.step_id, lease.fence)
    except StaleFenceError as error:
        lease.revoke(error.detail)
        return "refused"
    except MorrowError as error:
        log.warning("could not renew step %d: %s", lease.step_id, error.detail)
        return "unanswered"
    if answer.go_on:
        return "renewed"
    lease.revoke(answer.reason)
    return "stop"


def _renew_until(
    done: threading.Event, every: float, lease: Lease, coordinator: Coordinator, count: Callable[[Renewal], None]
) -> None:
    while not lease.stop.is_set() and not done.wait(every):
        count(_renew(lease, coordinator))


@contextmanager
def _renewed(
    lease: Lease, seconds: float, coordinator: Coordinator, count: Callable[[Renewal], None]
) -> Iterator[None]:
    done = threading.Event()
    # A third of the lease: two renewals may be lost before it expires.
    args = (done, max(seconds / 3, 0.2), lease, coordinator, count)
    thread = threading.Thread(
        target=copy_context().run, args=(_renew_until, *args), name=f"renew-{lease.step_id}", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


Handler = Callable[[Task, Lease], Result]


_ENDS: dict[str, Outcome] = {"accepted": "done", "already": "done", "failed": "failed"}


def work_on(step_id: int, coordinator: Coordinator, handler: Handler, meter: Meter | None = None) -> str:
    """Do one step. Returns how it ended: the status of a refused claim, `accepted`, `already`, `stopped` or `failed`.

    A failure of the handler is posted to the coordinator, which decides about another attempt; it is never raised,
    since the queue must not deliver the message again on its own account.
    """
    answer = coordinator.claim(step_id)
    if answer.task is None:
        log.info("step %d not granted: %s %s", step_id, answer.status, answer.reason)
        return answer.status
    with captured_log() as lines:
        return _do(answer.task, answer.lease_seconds, coordinator, handler, meter or NoMeter(), lines.text)


def _do(
    task: Task, seconds: float, coordinator: Coordinator, handler: Handler, meter: Meter, log_text: Callable[[], str]
) -> str:
    log.info("%s %s %s: step %d attempt %d", task.kind, task.run, task.date, task.step_id, task.fence)
    began, result = time.monotonic(), None
    lease = Lease(task.step_id, task.fence)
    try:
        with _renewed(lease, seconds, coordinator, lambda outcome: meter.renewed(task.kind, outcome)):
            result = handler(task, lease)
            lease.check()
            request = CompleteRequest(fence=task.fence, result=_results.validate_python(result), log=log_text())
            status: str = coordinator.complete(task.step_id, request).status
    except (StoppedError, StaleFenceError) as error:
        log.info("step %d stopped: %s", task.step_id, error.detail)
        status = "stopped"
    except Exception as error:
        log.error("step %d failed", task.step_id, exc_info=error)
        _post_failure(task, error, coordinator, log_text())
        status = "failed"
    meter.ended(task.kind, _ENDS.get(status, "stopped"), time.monotonic() - began, result)
    return status


def _post_failure(task: Task, error: Exception, coordinator: Coordinator, log_text: str) -> None:
    detail = error.detail if isinstance(error, MorrowError) else "".join(traceback.format_exception(error))
    retryable = error.retryable if isinstance(error, MorrowError) else True
    request = FailRequest(fence=task.fence, error=masked(detail)[-MAX_ERROR:], retryable=retryable, log=log_text)
    try:
        coordinator.fail(task.step_id, request)
    except MorrowError as unreported:
        log.error("could not report the failure of step %d: %s; its lease will expire", task.step_id, unreported.detail)
