"""The syncer's HTTP service: whether its engine is ready, its metrics, and forecasts. Routes translate and delegate."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI

from services.inference.syncer.forecasts import Forecaster
from services.inference.syncer.loaded import LoadedPolicies
from services.inference.syncer.metrics import SyncerMetrics
from shared.errors import UnavailableError
from shared.web.body_limit import BodyLimit
from shared.web.problems import install_health, install_problems
from shared.wire import ForecastLines, ForecastTask

MAX_BODY = 65_536
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(forecaster: Forecaster, loaded: LoadedPolicies, metrics: SyncerMetrics, lifespan: Lifespan) -> FastAPI:
    """The service beside one engine."""
    app = FastAPI(title="Morrow syncer", lifespan=lifespan)
    app.add_middleware(BodyLimit, limit=MAX_BODY, cure="a forecast is of one headline")
    install_problems(app)

    def ready() -> None:
        if not loaded.readiness.ready:
            raise UnavailableError(loaded.readiness.reason)

    install_health(app, ready, metrics.registry)

    @app.post("/v1/forecast", tags=["forecast"])
    async def forecast(task: ForecastTask) -> ForecastLines:
        """Forecast from a headline with exactly the requested policy."""
        started, done = time.monotonic(), False
        try:
            lines = await forecaster.forecast(task)
            done = True
            return lines
        finally:
            metrics.forecast(time.monotonic() - started, done=done)

    return app
