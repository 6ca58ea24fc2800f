"""What engines should hold, what their syncers say they hold, and what is served."""

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
from services.coordinator.serving.engines import remember_engine, swaps
from services.coordinator.serving.promotions import promote, wait_for_engines
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
Wait = Annotated[float, Query(ge=0, le=60, description="Seconds to wait for something else to be wanted.")]
Known = Annotated[
    str | None, Query(max_length=200, description="With `wait`: the served checkpoint that is known already, or empty.")
]
OfRun = Annotated[str | None, Query(pattern=NAME_PATTERN, description="Only of this run's checkpoints.")]


@router.get("/serving", openapi_extra=scope("read", "worker"))
async def show_wanted(deps: DepsDep, wait: Wait = 0, known: Known = None) -> WantedCheckpoints:
    """The checkpoints that every engine should hold.

    With `wait`, the answer comes as soon as `known` is not what is served, or anything else that is wanted changes.
    """
    if not wait:
        return await deps.side.watch.read()
    first = await deps.side.watch.look()
    if known is not None and known != (first.served or ""):
        return first
    return await deps.side.watch.until(lambda now: now != first, wait)


@router.post(
    "/serving",
    openapi_extra=scope("operate", raises=[NotFoundError, ConflictError, CheckpointCorruptError, NotInTimeError]),
)
async def promote_checkpoint(asked: PromoteRequest, request: Request, deps: DepsDep) -> PromotionView:
    """Serve a checkpoint, or roll back to the previous one. Its files are hashed first.

    404 if there is no such checkpoint, 409 if something else than `expected` is served, 500 (checkpoint-corrupt) if its
    files are not what was published: what is served stays. With `wait`, 504 names the engines that lack it after
    `timeout_seconds`: the promotion stands.
    """
    view, ref = await run_in_threadpool(promote, deps.sessions, deps.store, asked, deps.side.rules.stale_after)
    if not asked.wait:
        return view
    look = deps.side.standing(ref.id)
    waiting = wait_for_engines(deps.side.waiters, ref.id, look, asked.timeout_seconds, request.is_disconnected)
    standing = await waiting
    return view.model_copy(update={"engines": list(standing.engines)})


@router.put("/engines", status_code=204, openapi_extra=scope("worker"))
def report_engine(report: EngineReport, deps: DepsDep) -> None:
    """A syncer says what its engine holds, or that it leaves."""
    with deps.sessions.begin() as session:
        remember_engine(session, report)


@router.get("/engines", openapi_extra=scope("read"))
def list_engines(deps: DepsDep, limit: Limit = 100, cursor: Cursor = None) -> Page[EngineView]:
    """The engines that syncers have reported, by URL: what each holds and since when, and whether it is heard of."""
    with deps.sessions.begin() as session:
        found = engines(session, deps.side.rules.stale_after, cursor or "", limit + 1)
    return page_of(found, limit, lambda engine: engine.url)


@router.get("/swaps", openapi_extra=scope("read", raises=[NotFoundError]))
def list_swaps(deps: DepsDep, run: OfRun = None, limit: Limit = 100, cursor: Cursor = None) -> Page[SwapView]:
    """When checkpoints came to be held by engines, and how long each took, in the order of reports."""
    after = Swap.id > id_after(cursor)
    with deps.sessions.begin() as session:
        of_run = [Checkpoint.run_id == find_run(session, run).id] if run else []
        found = swaps(session, after, *of_run, limit=limit + 1)
    return page_of(found, limit, lambda swap: str(swap.id))


@router.post("/forecast", openapi_extra=scope("operate", raises=[NotFoundError]))
async def forecast(request: ForecastRequest, deps: DepsDep) -> ForecastAnswer:
    """Forecasts of a headline by the served checkpoint, or by the policy that is asked for.

    The policy is fixed when the request comes in and named in the answer. Where no engine holds what is served yet, the
    one that was served before it answers. 503 says why no engine could answer, and what to do.
    """
    return await deps.side.forecaster.forecast(request)
