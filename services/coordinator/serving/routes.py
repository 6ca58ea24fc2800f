"""REST: desired checkpoints, engines and swaps, promotions, forecasts on demand."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool

from services.coordinator.api.pagination import Cursor, Limit, Page, page_of
from services.coordinator.api.params import id_after
from services.coordinator.api.scopes import scope
from services.coordinator.dependencies import DepsDep
from services.coordinator.models import Checkpoint, Swap
from services.coordinator.runs.queries import find_run
from services.coordinator.serving.dependencies import ServingDep
from services.coordinator.serving.engines import register_engine, swaps
from services.coordinator.serving.promotions import promote
from services.coordinator.serving.queries import engines
from services.coordinator.serving.schemas import (
    EngineView,
    ForecastAnswer,
    ForecastRequest,
    PromoteRequest,
    PromotionView,
    SwapView,
)
from shared.errors import CheckpointCorruptError, ConflictError, NotFoundError, NotInTimeError
from shared.wire import NAME_PATTERN, EngineReport, WantedCheckpoints

router = APIRouter(prefix="/v1", tags=["serving"])
Wait = Annotated[float, Query(ge=0, le=60, description="Seconds to wait for a change.")]
Known = Annotated[
    str | None,
    Query(max_length=200, description="With `wait`: the served checkpoint as the caller knows it, or empty."),
]
OfRun = Annotated[str | None, Query(pattern=NAME_PATTERN, description="Only of this run's checkpoints.")]


@router.get("/serving", openapi_extra=scope("read", "worker"))
async def show_desired(serving: ServingDep, wait: Wait = 0, known: Known = None) -> WantedCheckpoints:
    """The checkpoints that every engine should load.

    With `wait`, the response comes as soon as `known` is not the served checkpoint, or the desired checkpoints change.
    """
    if not wait:
        return await serving.desired.now()
    first = await serving.desired.latest()
    # A caller that missed a change gets it at once.
    if known is not None and known != (first.served or ""):
        return first
    return await serving.desired.until(lambda now: now != first, wait)


@router.post(
    "/serving",
    openapi_extra=scope("operate", raises=[NotFoundError, ConflictError, CheckpointCorruptError, NotInTimeError]),
)
async def promote_checkpoint(
    body: PromoteRequest, request: Request, deps: DepsDep, serving: ServingDep
) -> PromotionView:
    """Serve a checkpoint, or roll back to the previous one. Its files are hashed first.

    404 for an unknown checkpoint, 409 if another one than `expected` is served, 500 (checkpoint-corrupt) if its files
    differ from the published ones: the served checkpoint stays. With `wait`, 504 names the engines that lack it after
    `timeout_seconds`: the promotion stands.
    """
    view, ref = await run_in_threadpool(promote, deps.sessions, deps.store, body, serving.limits.stale_after)
    if not body.wait:
        return view
    status = await serving.waiter.wait_until_ready(ref.id, body.timeout_seconds, request.is_disconnected)
    return view.model_copy(update={"engines": list(status.engines)})


@router.put("/engines", status_code=204, openapi_extra=scope("worker"))
def report_engine(report: EngineReport, deps: DepsDep) -> None:
    """A syncer reports the policies that its engine has loaded, or deregisters it (`leaving`)."""
    with deps.sessions.begin() as session:
        register_engine(session, report)


@router.get("/engines", openapi_extra=scope("read"))
def list_engines(deps: DepsDep, serving: ServingDep, limit: Limit = 100, cursor: Cursor = None) -> Page[EngineView]:
    """Engines in order of URL: the policies that each has loaded and since when, and whether it is live."""
    with deps.sessions.begin() as session:
        views = engines(session, serving.limits.stale_after, cursor or "", limit + 1)
    return page_of(views, limit, lambda engine: engine.url)


@router.get("/swaps", openapi_extra=scope("read", raises=[NotFoundError]))
def list_swaps(deps: DepsDep, run: OfRun = None, limit: Limit = 100, cursor: Cursor = None) -> Page[SwapView]:
    """Swaps of checkpoints at engines with their latency, in the order of reports."""
    after = Swap.id > id_after(cursor)
    with deps.sessions.begin() as session:
        of_run = [Checkpoint.run_id == find_run(session, run).id] if run else []
        views = swaps(session, after, *of_run, limit=limit + 1)
    return page_of(views, limit, lambda swap: str(swap.id))


@router.post("/forecast", openapi_extra=scope("operate", raises=[NotFoundError]))
async def forecast(request: ForecastRequest, serving: ServingDep) -> ForecastAnswer:
    """Forecasts from a headline, by the served checkpoint or by the requested policy.

    The policy is fixed when the request comes in and named in the response. Until an engine has loaded the served
    checkpoint, the previously served one answers. 503 says why no engine could answer, and what to do.
    """
    return await serving.forecaster.forecast(request)
