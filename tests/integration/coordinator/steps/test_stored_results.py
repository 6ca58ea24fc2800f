"""Rows of results, as they are read back."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from services.coordinator.database import Sessions, insert_rows
from services.coordinator.models import Rollout
from tests.factories import generated
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Sql


@pytest.mark.parametrize(
    ("posted", "stored"),
    [
        ("Prob=11 %; \"quoted\", 'quoted', \\ and a new\nline", "Prob=11 %; \"quoted\", 'quoted', \\ and a new\nline"),
        ("the characters \\u0000", "the characters \\u0000"),
        ("a \0 and the characters \\u0000", "a \ufffd and the characters \\u0000"),
        ("Öl fällt 😀 :rows %(rows)s", "Öl fällt 😀 :rows %(rows)s"),
    ],
)
def test_a_text_is_stored_as_posted_but_for_nul(
    worker: FakeWorker, step_id: int, sql: Sql, posted: str, stored: str
) -> None:
    task: Any = worker.take(step_id)
    assert worker.post(task, generated(task, text=posted)).status_code == 200
    assert {row.text for row in sql("select text from rollouts")} == {stored}


def test_numbers_are_stored_to_the_bit(worker: FakeWorker, step_id: int, sql: Sql) -> None:
    task: Any = worker.take(step_id)
    logprobs = [-0.1 - 0.2, -5e-324]
    assert worker.post(task, generated(task, logprobs=logprobs, seed=2**63 - 1)).status_code == 200
    rows = sql('select "index", token_ids, logprobs, forced, seed from rollouts order by "index"')
    assert [tuple(row) for row in rows] == [(i, [7, 8 + i], logprobs, [0, 1], 2**63 - 1) for i in range(2)]


def test_no_rows_are_no_statement(sessions: Sessions) -> None:
    with sessions.begin() as session:
        insert_rows(session, Rollout, [])
        assert session.scalars(select(Rollout)).all() == []
