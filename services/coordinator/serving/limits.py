"""How the serving side waits: told once, by the settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ServingRules:
    """All in seconds, but for the last two, which are counts per coordinator.

    An engine that was not heard of for `stale_after` is neither asked nor waited for. A forecast takes
    `forecast_timeout` at most, of which it looks for an engine that holds its policy for `forecast_patience`. At most
    `most_forecasts` are under way at once, and at most `most_waiting` promotions wait for engines.
    """

    stale_after: float = 30.0
    forecast_timeout: float = 120.0
    forecast_patience: float = 10.0
    most_forecasts: int = 64
    most_waiting: int = 16
