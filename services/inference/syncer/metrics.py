"""Prometheus metrics of a syncer and its engine; docs/serving.md lists their names."""

from __future__ import annotations

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SwapKind = Literal["adapter", "weights"]
SWAP_BUCKETS = (0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
FORECAST_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class SyncerMetrics:
    """Counters and gauges of one syncer, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own = self.registry
        self._swaps = Histogram(
            "morrow_swap_seconds",
            "Seconds until new weights passed a probe.",
            ["kind"],
            registry=own,
            buckets=SWAP_BUCKETS,
        )
        self._failed = Counter("morrow_swaps_failed", "Swaps and loads that failed.", ["kind"], registry=own)
        self._loaded = Gauge("morrow_policies_loaded", "Policies loaded and verified.", registry=own)
        self._ready = Gauge("morrow_engine_ready", "1 if the engine has loaded the served policy.", registry=own)
        self._forecasts = Histogram(
            "morrow_forecast_seconds", "Seconds of a forecast.", ["outcome"], registry=own, buckets=FORECAST_BUCKETS
        )
        for kind in ("adapter", "weights"):
            self._swaps.labels(kind)
            self._failed.labels(kind)
        for outcome in ("done", "failed"):
            self._forecasts.labels(outcome)

    def swapped(self, kind: SwapKind, seconds: float) -> None:
        """Count weights that were loaded and verified."""
        self._swaps.labels(kind).observe(seconds)

    def failed(self, kind: SwapKind) -> None:
        """Count a failed load or swap."""
        self._failed.labels(kind).inc()

    def set_loaded(self, policies: int, ready: bool) -> None:
        """Set the number of loaded policies and the readiness."""
        self._loaded.set(policies)
        self._ready.set(ready)

    def forecast(self, seconds: float, *, done: bool) -> None:
        """Count a forecast."""
        self._forecasts.labels("done" if done else "failed").observe(seconds)
