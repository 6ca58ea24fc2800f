"""The protocol by which workers claim steps and post what they made of them."""

from __future__ import annotations

from fastapi import APIRouter

from services.coordinator.checkpoints.service import verify_files
from services.coordinator.dependencies import Deps, DepsDep
from services.coordinator.results.queries import step_detail
from services.coordinator.results.schemas import StepDetail
from services.coordinator.runs.steps import locked_step
from services.coordinator.steps.leases import FailAnswer, claim, fail, lease_state, renew
from services.coordinator.steps.results import accept
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


@router.get("/{step_id}")
def show_step(step_id: int, deps: DepsDep) -> StepDetail:
    """One step with its attempts."""
    with deps.sessions.begin() as session:
        return step_detail(session, step_id)


@router.post("/{step_id}/claim")
def claim_step(step_id: int, request: ClaimRequest, deps: DepsDep) -> ClaimAnswer:
    """Ask for a step. If it is granted, `task` is the work and `task.fence` goes with every further call."""
    with deps.sessions.begin() as session:
        return claim(session, step_id, request.worker, deps.lease_seconds)


@router.post("/{step_id}/renew")
def renew_step(step_id: int, request: RenewRequest, deps: DepsDep) -> RenewAnswer:
    """Say that the step is still worked on. 409 if another attempt has begun; `go_on` false means: stop."""
    with deps.sessions.begin() as session:
        return renew(session, step_id, request.fence, deps.lease_seconds)


@router.post("/{step_id}/complete")
def complete_step(step_id: int, request: CompleteRequest, deps: DepsDep) -> CompleteAnswer:
    """Post a step's result. The same result again changes nothing; an old fence is refused with 409."""
    _verify(step_id, request, deps)
    with deps.sessions.begin() as session:
        return accept(session, step_id, request)


def _verify(step_id: int, request: CompleteRequest, deps: Deps) -> None:
    """Hash a checkpoint's files before the transaction that records it begins."""
    if not isinstance(request.result, TrainResult):
        return
    with deps.sessions.begin() as session:
        held = lease_state(session, locked_step(session, step_id), request.fence) == "held"
    if held:
        verify_files(deps.store, request.result.checkpoint)


@router.post("/{step_id}/fail")
def fail_step(step_id: int, request: FailRequest, deps: DepsDep) -> FailAnswer:
    """Say that an attempt failed. The step is tried again after a while, as long as that may help."""
    with deps.sessions.begin() as session:
        return fail(session, step_id, request, deps.backoff)
