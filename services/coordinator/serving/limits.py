"""Timeouts and concurrency limits of serving."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ServingLimits:
    """Times are in seconds; `max_forecasts` and `max_waiting` are counts per coordinator.

    An engine without a report for `stale_after` is neither asked nor waited for. A forecast takes `forecast_timeout` at
    most; for `forecast_patience` of it, it looks for an engine that has loaded its policy. At most `max_forecasts` are
    under way at once, and at most `max_waiting` promotions wait for engines.
    """

    stale_after: float = 30.0
    forecast_timeout: float = 120.0
    forecast_patience: float = 10.0
    max_forecasts: int = 64
    max_waiting: int = 16
