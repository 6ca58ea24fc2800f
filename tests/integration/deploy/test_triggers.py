"""What KEDA is told to ask, asked of a real Postgres and a real Valkey."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from sqlalchemy import text

from deploy.checks.code import QUEUES, ROOT
from services.coordinator.database import Sessions
from services.coordinator.models import Day, Run, Step
from services.coordinator.states import GRANTING_RUNS
from shared.run_config import RunConfig
from shared.worker.celery import make_celery, task_name

FILES = [
    path for path in (ROOT / "k8s" / "components" / "keda").glob("*.yaml") if "type: redis" in path.read_text("utf8")
]
IDS = [path.stem for path in FILES]


def _triggers(path: Path) -> dict[str, dict[str, Any]]:
    return {one["type"]: one["metadata"] for one in yaml.safe_load(path.read_text("utf8"))["spec"]["triggers"]}


def _steps(sessions: Sessions, states: dict[str, list[tuple[str, str]]]) -> None:
    """Steps of a kind and state each, in a run of a state."""
    chunk = itertools.count()
    with sessions.begin() as session:
        for number, (run_state, steps) in enumerate(states.items()):
            run = Run(name=f"run-{number}", config=RunConfig(), config_hash="", state=run_state)
            session.add(run)
            session.flush()
            day = Day(run_id=run.id, date=dt.date(2025, 1, 1), state="generating", headline_ids=[], profile="default")
            session.add(day)
            session.flush()
            session.add_all(Step(day_id=day.id, kind=k, chunk=next(chunk), items=[], state=s) for k, s in steps)


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_the_query_counts_steps_of_its_kind_that_are_held_or_that_a_worker_would_get(
    sessions: Sessions, path: Path
) -> None:
    triggers = _triggers(path)
    kind = triggers["redis"]["listName"]
    other = next(iter(QUEUES - {kind}))
    open_steps = [(kind, "queued"), (kind, "leased"), (kind, "done"), (kind, "failed"), (other, "leased")]
    states = ("running", "waiting", "failing", "paused", "failed", "cancelled", "completed")
    _steps(sessions, dict.fromkeys(states, open_steps))
    with sessions.begin() as session:
        counted = session.execute(text(triggers["postgresql"]["query"])).scalar_one()
    assert counted == len(GRANTING_RUNS) + len(states)


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_the_list_that_is_measured_is_the_one_that_messages_lie_in(broker_url: str, path: Path) -> None:
    queue = _triggers(path)["redis"]["listName"]
    client = redis.Redis.from_url(broker_url)
    before = client.llen(queue)
    with make_celery(broker_url) as app:
        app.send_task(task_name(queue), [1])
    assert client.llen(queue) == before + 1
    client.lpop(queue)
    client.close()
