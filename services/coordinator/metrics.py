"""Prometheus metrics, counted in the database at each scrape."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Integer, func, select
from sqlalchemy.orm import Session

from services.coordinator.database import Sessions
from services.coordinator.models import Attempt, Day, Outbox, Run, Step
from services.coordinator.states import ENDED_RUNS


class StepCollector(Collector):
    """Steps by kind and state, the age of the oldest due one, runs by state, and messages not sent yet."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def collect(self) -> Iterator[Metric]:
        """Count in one transaction."""
        steps = GaugeMetricFamily("morrow_steps", "Steps by kind and state.", labels=["kind", "state"])
        age = GaugeMetricFamily(
            "morrow_oldest_queued_seconds", "Age of the oldest due step, in seconds.", labels=["kind"]
        )
        runs = GaugeMetricFamily("morrow_runs", "Runs by state.", labels=["state"])
        waits = func.extract("epoch", func.clock_timestamp() - func.min(Step.next_attempt_at))
        with self._sessions.begin() as session:
            for kind, state, count in session.execute(
                select(Step.kind, Step.state, func.count()).group_by(Step.kind, Step.state)
            ):
                steps.add_metric([kind, state], count)
            due = select(Step.kind, waits).where(Step.state == "queued").group_by(Step.kind)
            for kind, seconds in session.execute(due):
                age.add_metric([kind], max(float(seconds), 0.0))
            for run_state, count in session.execute(select(Run.state, func.count()).group_by(Run.state)):
                runs.add_metric([run_state], count)
            yield from (_expired(session), _lags(session))
            unsent = session.execute(select(func.count()).select_from(Outbox)).scalar_one()
        yield from (steps, age, runs, GaugeMetricFamily("morrow_outbox_messages", "Messages not sent yet.", unsent))


def _expired(session: Session) -> Metric:
    """Attempts whose lease ran out, by kind."""
    family = GaugeMetricFamily("morrow_expired_attempts", "Attempts whose lease ran out.", labels=["kind"])
    of_steps = select(Step.kind, func.count()).join(Attempt, Attempt.step_id == Step.id)
    for kind, count in session.execute(of_steps.where(Attempt.outcome == "expired").group_by(Step.kind)):
        family.add_metric([kind], count)
    return family


def _lags(session: Session) -> Metric:
    """The policy lag in days of the newest update of each open run."""
    family = GaugeMetricFamily("morrow_run_policy_lag_days", "Policy lag of a run's newest update.", labels=["run"])
    lag = Step.figures["policy_lag"].astext.cast(Integer)
    updates = select(Run.name, lag).join(Day, Day.run_id == Run.id).join(Step, Step.day_id == Day.id)
    done = updates.where(Step.kind == "train", Step.state == "done", Run.state.not_in(ENDED_RUNS))
    # In order of date: the last update of a run stays.
    newest = {run: days for run, days in session.execute(done.order_by(Day.date))}  # noqa: C416
    for run, days in newest.items():
        family.add_metric([run], days)
    return family


def make_registry(sessions: Sessions) -> CollectorRegistry:
    """A registry of this process and of the steps in the database."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(StepCollector(sessions))
    return registry
