"""Deletion of expired idempotency keys and events."""

from __future__ import annotations

import pytest

from services.coordinator.database import Sessions
from services.coordinator.retention import prune
from tests.factories import day, make_corpus
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Sql, Start


def test_idempotency_keys_are_deleted_after_a_week(sessions: Sessions, sql: Sql) -> None:
    sql(
        "insert into idempotency_keys (key, body_hash, created_at) values"
        " ('old', 'x', now() - interval '8 days'), ('new', 'x', now() - interval '6 days')"
    )
    assert prune(sessions, event_days=90) == 1
    assert sql("select key from idempotency_keys") == [("new",)]
    assert prune(sessions, event_days=90) == 0


@pytest.mark.parametrize(("event_days", "kept"), [(90, 1), (0, 2), (200, 2)])
def test_old_events_of_a_finished_run_are_deleted(
    sessions: Sessions, sql: Sql, start: Start, worker: FakeWorker, event_days: int, kept: int
) -> None:
    make_corpus(sessions, dates=3, per_day=1)
    start(last=day(0))
    worker.do_all("RUN")
    sql("delete from events where id > (select min(id) + 1 from events)")
    sql("update events set at = now() - interval '91 days' where id = (select min(id) from events)")
    prune(sessions, event_days=event_days)
    assert sql("select count(*) from events") == [(kept,)]


def test_events_of_a_run_in_progress_are_kept_at_any_age(sessions: Sessions, sql: Sql, start: Start) -> None:
    make_corpus(sessions, dates=3, per_day=1)
    start(last=day(0))
    sql("update events set at = now() - interval '1000 days'")
    assert prune(sessions, event_days=90) == 0


def test_one_call_deletes_at_most_its_limit(sessions: Sessions, sql: Sql) -> None:
    sql(
        "insert into idempotency_keys (key, body_hash, created_at)"
        " select i::text, 'x', now() - interval '8 days' from generate_series(1, 5) as i"
    )
    assert [prune(sessions, event_days=90, limit=3) for _ in range(3)] == [3, 2, 0]
