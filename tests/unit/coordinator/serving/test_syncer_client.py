"""The client of a syncer: which responses are forecasts, and the reason where one is not."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable

import httpx
import pytest

from services.coordinator.serving.schemas import EngineView
from services.coordinator.serving.syncer_client import SyncerClient, SyncerError
from shared.errors import InvalidInputError
from shared.wire import ForecastLine, ForecastLines, ForecastTask, PolicyRef

NOW = dt.datetime(2025, 8, 18, tzinfo=dt.UTC)
ENGINE = EngineView(
    url="http://engine",
    syncer_url="http://syncer",
    loaded=["base"],
    load_seconds={},
    verified_at={},
    ready=True,
    stale=False,
    age_seconds=0.0,
    error=None,
    first_seen=NOW,
    seen_at=NOW,
)
TASK = ForecastTask(headline="h", date=NOW.date(), policy=PolicyRef(), lines=1, seed=1)
LINE = ForecastLine(text="a line", verdict="strict", rung="free", attempts=1)
FORECAST = ForecastLines(policy="base", engine="http://engine", lines=[LINE], seconds=0.5)


def forecast(handler: Callable[[httpx.Request], httpx.Response]) -> ForecastLines:
    """The forecast of a syncer that answers by this handler; afterwards no call may be counted."""

    async def call() -> ForecastLines:
        client = SyncerClient(transport=httpx.MockTransport(handler))
        try:
            return await client.forecast(ENGINE, TASK, 1.0)
        finally:
            assert client.under_way == 0
            await client.close()

    return asyncio.run(call())


def respond(status: int, body: object) -> Callable[[httpx.Request], httpx.Response]:
    """A handler with a fixed response."""
    return lambda _: httpx.Response(status, json=body)


def test_a_valid_response_is_a_forecast() -> None:
    seen: list[ForecastTask] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(ForecastTask.model_validate_json(request.content))
        assert str(request.url) == "http://syncer/v1/forecast"
        return httpx.Response(200, json=FORECAST.model_dump(mode="json"))

    assert forecast(handler) == FORECAST
    assert seen == [TASK]


@pytest.mark.parametrize(
    ("error", "reason"), [(httpx.ConnectError("refused"), "refused"), (httpx.ReadTimeout(""), "ReadTimeout")]
)
def test_a_failed_connection_is_named_by_its_text_or_its_class(error: Exception, reason: str) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(SyncerError) as refused:
        forecast(fail)
    assert refused.value.detail == f"its syncer at http://syncer does not answer ({reason})"


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (503, {"detail": "the engine is paused"}, "the engine is paused"),
        (500, "no object", "HTTP 500"),
        (200, {"not": "a forecast"}, "its response is no forecast (5 faults)"),
        (
            200,
            FORECAST.model_copy(update={"policy": "other"}).model_dump(mode="json"),
            "policy mismatch: expected base, got other",
        ),
        (200, FORECAST.model_copy(update={"lines": []}).model_dump(mode="json"), "expected 1 lines, got 0"),
    ],
)
def test_an_unusable_response_is_an_error_with_its_reason(status: int, body: object, reason: str) -> None:
    with pytest.raises(SyncerError) as refused:
        forecast(respond(status, body))
    assert refused.value.detail == reason


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_request_is_invalid_for_every_engine(status: int) -> None:
    with pytest.raises(InvalidInputError) as refused:
        forecast(respond(status, {"detail": "lines: too many"}))
    assert refused.value.detail == "lines: too many"
