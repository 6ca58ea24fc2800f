"""What a coordinator says of a syncer that gives no forecast."""

from __future__ import annotations

import asyncio
import datetime as dt

import httpx
import pytest

from services.coordinator.serving.schemas import EngineView
from services.coordinator.serving.syncer_client import Forwarder
from shared.wire import ForecastTask, PolicyRef

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


def refusal(error: Exception) -> object:
    """What is said of a syncer whose connection fails with this error."""

    async def ask() -> object:
        def fail(request: httpx.Request) -> httpx.Response:
            raise error

        task = ForecastTask(headline="h", date=NOW.date(), policy=PolicyRef(), lines=1, seed=1)
        forwarder = Forwarder(transport=httpx.MockTransport(fail))
        try:
            return await forwarder.ask(ENGINE, task, 1.0)
        finally:
            await forwarder.close()

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("error", "reason"), [(httpx.ConnectError("refused"), "refused"), (httpx.ReadTimeout(""), "ReadTimeout")]
)
def test_a_syncer_that_does_not_answer_is_named_with_the_errors_text_or_its_class(
    error: Exception, reason: str
) -> None:
    assert refusal(error) == f"its syncer at http://syncer does not answer ({reason})"
