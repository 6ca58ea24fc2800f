"""REST: the step protocol of workers: claim, renew, complete, fail."""

from __future__ import annotations

from fastapi import APIRouter

from services.coordinator.api.scopes import scope
from services.coordinator.checkpoints.service import verify_files
from services.coordinator.dependencies import Deps, DepsDep
from services.coordinator.results.queries import step_detail
from services.coordinator.results.schemas import StepDetail
from services.coordinator.runs.steps import locked_step
from services.coordinator.steps.leases import FailAnswer, claim, fail, lease_state, renew
from services.coordinator.steps.results import accept
from shared.errors import CheckpointCorruptError, NotFoundError, StaleFenceError
from shared.wire import (
    ClaimAnswer,
    ClaimRequest,
    CompleteAnswer,
    CompleteRequest,
    FailRequest,
    RenewAnswer,
    RenewRequest,
    TrainResult,
)

router = APIRouter(prefix="/v1/steps", tags=["steps"])


@router.get("/{step_id}", openapi_extra=scope("read", raises=[NotFoundError]))
def show_step(step_id: int, deps: DepsDep) -> StepDetail:
    """One step with its attempts."""
    with deps.sessions.begin() as session:
        return step_detail(session, step_id)


@router.post("/{step_id}/claim", openapi_extra=scope("worker", raises=[NotFoundError]))
def claim_step(step_id: int, request: ClaimRequest, deps: DepsDep) -> ClaimAnswer:
    """Claim a step. If it is granted, `task` is its payload and `task.fence` goes with every further call."""
    with deps.sessions.begin() as session:
        return claim(session, step_id, request.worker, deps.lease_seconds)


@router.post("/{step_id}/renew", openapi_extra=scope("worker", raises=[NotFoundError, StaleFenceError]))
def renew_step(step_id: int, request: RenewRequest, deps: DepsDep) -> RenewAnswer:
    """Extend the lease. 409 if another attempt has begun; `go_on` false means: stop, the attempt has ended."""
    with deps.sessions.begin() as session:
        return renew(session, step_id, request.fence, deps.lease_seconds)


@router.post(
    "/{step_id}/complete",
    openapi_extra=scope("worker", raises=[NotFoundError, StaleFenceError, CheckpointCorruptError], large=True),
)
def complete_step(step_id: int, request: CompleteRequest, deps: DepsDep) -> CompleteAnswer:
    """Post a step's result. The same result again changes nothing; an old fence is refused with 409."""
    _verify(step_id, request, deps)
    with deps.sessions.begin() as session:
        return accept(session, step_id, request)


def _verify(step_id: int, request: CompleteRequest, deps: Deps) -> None:
    """Hash a checkpoint's files before the transaction that records it: gigabytes must not be read under a row lock."""
    if not isinstance(request.result, TrainResult):
        return
    with deps.sessions.begin() as session:
        held = lease_state(session, locked_step(session, step_id), request.fence) == "held"
    if held:
        verify_files(deps.store, request.result.checkpoint)


@router.post("/{step_id}/fail", openapi_extra=scope("worker", raises=[NotFoundError, StaleFenceError]))
def fail_step(step_id: int, request: FailRequest, deps: DepsDep) -> FailAnswer:
    """Report a failed attempt. A retryable one is repeated after a backoff, up to the run's `max_attempts`."""
    with deps.sessions.begin() as session:
        return fail(session, step_id, request, deps.backoff)
