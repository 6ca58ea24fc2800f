"""A forecast on demand: the ladder's settings come from the request, not from a made-up step."""

from __future__ import annotations

import datetime as dt

from services.inference.sampling.ladder import ClimbSettings
from services.inference.syncer.forecasts import climb_settings
from shared.run_config import RunConfig
from shared.wire import ForecastTask, PolicyRef

DAY = dt.date(2025, 8, 18)


def test_a_forecast_climbs_with_its_own_settings_and_a_runs_default_horizon_and_best_of() -> None:
    task = ForecastTask(
        headline="Oil climbs", date=DAY, policy=PolicyRef(name="p"), profile="loose", max_tokens=32, retries=2, seed=9
    )
    assert climb_settings(task) == ClimbSettings(
        policy="p",
        profile="loose",
        horizon=RunConfig().horizon,
        date=DAY,
        seed=9,
        max_tokens=32,
        retries=2,
        best_of=RunConfig().best_of,
    )
