"""Prometheus metrics of a Celery worker; docs/operations.md lists their names."""

from __future__ import annotations

import logging

from celery.signals import worker_process_init
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, start_http_server

from shared.wire import GenerateResult, Result, StepKind, TrainResult
from shared.worker.steps import Outcome, Renewal

log = logging.getLogger(__name__)
BUCKETS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
"""Seconds: from a day of few headlines on a GPU to an update on a laptop."""


class WorkerMetrics:
    """Counts the steps of one kind of worker. Every series exists from the start, at 0."""

    def __init__(self, kind: StepKind) -> None:
        self.registry = CollectorRegistry()
        own = self.registry
        ProcessCollector(registry=own)
        by = ["kind", "outcome"]
        self._seconds = Histogram("morrow_step_seconds", "Seconds of a step.", by, registry=own, buckets=BUCKETS)
        self._wasted = Counter("morrow_wasted_seconds", "Seconds of steps that were not done.", by, registry=own)
        self._renewals = Counter("morrow_lease_renewals", "Renewals of leases.", by, registry=own)
        self._rollouts = Counter("morrow_rollouts", "Rollouts of accepted steps.", registry=own)
        self._tokens = Counter("morrow_tokens", "Tokens of accepted steps.", ["kind"], registry=own)
        self._calls = Counter("morrow_engine_calls", "Engine calls of accepted steps.", registry=own)
        self._lag = Gauge("morrow_policy_lag_days", "Policy lag of the newest update.", registry=own)
        self._begin(kind)

    def _begin(self, kind: StepKind) -> None:
        for outcome in ("done", "failed", "stopped"):
            self._seconds.labels(kind, outcome)
        for wasted in ("failed", "stopped"):
            self._wasted.labels(kind, wasted)
        for renewal in ("renewed", "stop", "refused", "unanswered"):
            self._renewals.labels(kind, renewal)
        for tokens in ("sampled", "trained"):
            self._tokens.labels(tokens)

    def renewed(self, kind: StepKind, outcome: Renewal) -> None:
        """Count one renewal of a lease."""
        self._renewals.labels(kind, outcome).inc()

    def ended(self, kind: StepKind, outcome: Outcome, seconds: float, result: Result | None) -> None:
        """Count a step that ended after `seconds`, and its result if it was accepted."""
        self._seconds.labels(kind, outcome).observe(seconds)
        if outcome != "done":
            self._wasted.labels(kind, outcome).inc(seconds)
            return
        match result:
            case GenerateResult():
                self._rollouts.inc(sum(len(group.rollouts) for group in result.groups))
                self._tokens.labels("sampled").inc(result.tokens)
                self._calls.inc(result.engine_calls)
            case TrainResult():
                self._tokens.labels("trained").inc(result.stats.tokens)
                self._lag.set(result.stats.policy_lag)


def serve(metrics: WorkerMetrics, host: str, port: int) -> None:
    """Serve metrics at `host` and `port` from this process; port 0 disables them."""
    if port:
        start_http_server(port, addr=host, registry=metrics.registry)
        log.info("metrics at http://%s:%d/metrics", host, port)


def serve_from_pool(metrics: WorkerMetrics, host: str, port: int) -> None:
    """Serve metrics from the pool's one child, which does the steps."""
    worker_process_init.connect(lambda **_: serve(metrics, host, port), weak=False)
