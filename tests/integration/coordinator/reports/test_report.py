"""Reports of runs whose worker returns fixed results, over REST."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from services.coordinator.database import Sessions
from services.coordinator.models import Headline
from shared.wire import EvaluateResult, EvaluateTask, GenerateResult, GenerateTask
from tests import factories
from tests.fakes import FakeWorker


def start(client: TestClient, **config: Any) -> None:
    body = {"name": "RUN", "corpus": "sample", "config": {"rollouts": 2} | config}
    answer = client.post("/v1/backfills", json=body)
    assert answer.status_code == 201, answer.text


def report(client: TestClient) -> Any:
    answer = client.get("/v1/backfills/RUN/report")
    assert answer.status_code == 200, answer.text
    return answer.json()


def scored(task: EvaluateTask) -> EvaluateResult:
    """The first rollout of every group is good, the second is not: it repeats its headline."""
    good: dict[str, Any] = {
        "valid": True,
        "validity": 1.0,
        "verdict": "strict",
        "composite": 0.75,
        "trade_thinking": 0.5,
    }
    good |= {"normalized_score": 1.0, "outcome_score": 10.0}
    bad: dict[str, Any] = {
        "leak": True,
        "composite": 0.25,
        "trade_thinking": 0.0,
        "normalized_score": 0.0,
        "outcome_score": 0.0,
        "rank": 2.0,
        "signs": ["restated"],
    }
    records = [
        factories.make_evaluation(rollout.rollout_id, reward, **figures)
        for group in task.groups
        for rollout, reward, figures in zip(group.rollouts, (0.8, 0.2), (good, bad), strict=True)
    ]
    return EvaluateResult(evaluations=records, ranker="semantic", leak_list="1", seconds=0.25)


def generated(task: GenerateTask) -> GenerateResult:
    """The first rollout, of the free arm, is strict; the second comes from the guided rung, at its second attempt."""
    result = factories.generated(task)
    overrides: list[dict[str, Any]] = [
        {"raw_strict": True, "sampled_tokens": 2},
        {"rung": "guided", "attempts": 2, "sampled_tokens": 8},
    ]
    groups = [
        group.model_copy(
            update={"rollouts": [r.model_copy(update=o) for r, o in zip(group.rollouts, overrides, strict=True)]}
        )
        for group in result.groups
    ]
    return result.model_copy(update={"groups": groups})


class FixedWorker(FakeWorker):
    """Returns results with fixed figures."""

    def result(self, task: Any) -> Any:
        if isinstance(task, EvaluateTask):
            return scored(task)
        return generated(task) if isinstance(task, GenerateTask) else super().result(task)


@pytest.fixture
def fixed(worker: FakeWorker) -> FixedWorker:
    return FixedWorker(worker.client, worker.sessions, worker.store)


def test_report_of_a_finished_run_has_every_figure(client: TestClient, sessions: Sessions, fixed: FixedWorker) -> None:
    factories.make_corpus(sessions, dates=3, per_day=2)
    start(client)
    fixed.do_all("RUN")
    body = report(client)
    assert (body["run"], body["state"], body["corpus"]) == ("RUN", "completed", "sample")
    first, _, last = body["days"]
    expected = {
        "date": "2025-08-18",
        "state": "published",
        "headlines": 2,
        "rollouts": 4,
        "sampler": "tight",
        "raw_validity": 0.5,
        "final_validity": 0.0,
        "composite": 0.5,
        "trade_thinking": 0.25,
        "leak": 0.5,
        "outcome_score": 5.0,
        "normalized_score": 0.5,
        "reward": 0.5,
        "evaluations": 4,
        "look_ahead": 0,
        "policies": {"base": 4},
        "final_sources": {"free": 2, "guided": 2},
        "seconds": {"generate": 0.5, "evaluate": 0.25, "train": 1.5},
        "tokens": 32,
        "role": "chain",
        "delivered": 2,
        "abstained": 0.0,
        "form_score": 0.5,
        "profile": "tight",
        "objective": "gspo",
        "arms": None,
    }
    assert {name: first[name] for name in expected} == expected
    assert first["signs"] == {"empty": 0.0, "placeholder": 0.0, "restated": 0.5, "duplicate": 0.0}
    assert (first["valid_lines"]["count"], first["valid_lines"]["trade_thinking"]) == (2, 0.5)
    # Both delivered lines cost two calls and eight tokens, of which the two of the text that stands were kept.
    assert (first["decoding"]["calls_per_rollout"], first["decoding"]["tokens_per_rollout"]) == (2.0, 8.0)
    assert (first["decoding"]["failed_tokens"], first["decoding"]["tokens_per_valid"]) == (12, None)
    assert first["checkpoint"].startswith("RUN-20250818-")
    assert (first["training"]["loss"], first["training"]["mean_reward"]) == (-0.01, 0.35)
    assert (last["state"], last["rollouts"], last["composite"]) == ("skipped", 0, None)
    assert "can settle" in last["reason"]
    assert body["totals"]["states"] == {"published": 2, "skipped": 1}
    assert (body["totals"]["headlines"], body["totals"]["rollouts"], body["totals"]["checkpoints"]) == (4, 8, 2)
    assert body["averages"]["by_day"]["composite"] == 0.5
    assert (body["look_ahead"], body["flags"], body["failures"]) == (0, [], [])
    assert body["warnings"] == ["1 of 3 days are skipped"]


def test_run_without_rollouts_has_empty_figures(client: TestClient, sessions: Sessions) -> None:
    factories.make_corpus(sessions, dates=2)
    start(client)
    first = report(client)["days"][0]
    assert (first["state"], first["headlines"], first["rollouts"], first["raw_validity"]) == ("generating", 3, 0, None)
    assert first["seconds"] == {"generate": None, "evaluate": None, "train": None}


def test_without_lag_all_but_the_last_headline_of_a_day_look_ahead(
    client: TestClient, sessions: Sessions, fixed: FixedWorker
) -> None:
    factories.make_corpus(sessions, dates=4, per_day=2)
    start(client, lag=0)
    fixed.do_all("RUN")
    body = report(client)
    assert [day["look_ahead"] for day in body["days"]] == [0, 2, 2, 0]
    assert body["warnings"][0].startswith("This run looked ahead: under lag 0")
    assert "4 of 12 rollouts" in body["warnings"][0]


def test_false_dates_under_warn_are_reported_as_look_ahead_and_as_flags(
    client: TestClient, sessions: Sessions, fixed: FixedWorker
) -> None:
    factories.make_corpus(sessions, dates=4, per_day=1, flags={factories.day(1): "late"})
    # The outcomes of the first day really appeared after the headline of the third, whose policy learned from them.
    with sessions.begin() as session:
        late = dt.datetime(2025, 8, 22, 9, tzinfo=dt.UTC)
        session.execute(update(Headline).where(Headline.date == factories.day(1)).values(published_at=late))
    start(client, dates="warn")
    fixed.do_all("RUN")
    body = report(client)
    assert [day["look_ahead"] for day in body["days"]] == [0, 0, 2, 0]
    assert body["look_ahead"] == 2
    assert body["warnings"][0].startswith("This run looked ahead: 2 of 6 rollouts")
    flag = {"date": "2025-08-19", "headline": "headline 0 of 2025-08-19", "reason": "late", "used": True}
    assert body["flags"] == [flag | {"published_at": "2025-08-22T09:00:00Z"}]


def test_left_out_headlines_are_listed_as_flags(client: TestClient, sessions: Sessions) -> None:
    factories.make_corpus(sessions, dates=3, per_day=2)
    with sessions.begin() as session:
        of_first = (Headline.date == factories.day(0), Headline.position == 0)
        session.execute(update(Headline).where(*of_first).values(flag="stale"))
    start(client)
    body = report(client)
    assert [(flag["reason"], flag["used"]) for flag in body["flags"]] == [("stale", False)]
    assert (body["days"][0]["headlines"], body["days"][0]["left_out"]) == (1, {"stale": 1})


def test_failures_are_reported_with_their_reasons(client: TestClient, sessions: Sessions, fixed: FixedWorker) -> None:
    factories.make_corpus(sessions, dates=2, per_day=1)
    start(client)
    fixed.fail(fixed.take(fixed.queued("RUN")[0]), "the engine is | gone", retryable=False)
    body = report(client)
    assert body["days"][0]["state"] == "failed"
    assert body["failures"] == [
        {"date": "2025-08-18", "kind": "generate", "chunk": 0, "attempts": 1, "reason": "the engine is | gone"}
        | {"role": "chain"}
    ]
    text = client.get("/v1/backfills/RUN/report?format=md").text
    assert "- 20250818 generate 0, attempt 1: the engine is \\| gone" in text


def test_report_is_available_as_markdown_and_csv(client: TestClient, sessions: Sessions, fixed: FixedWorker) -> None:
    factories.make_corpus(sessions, dates=3, per_day=1)
    start(client)
    fixed.do_all("RUN")
    markdown = client.get("/v1/backfills/RUN/report?format=md")
    assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
    assert "| 20250818 | published | tight | 1 | 2 | 0.5000 | 0.0000 | 0.5000 | 0.2500 |" in markdown.text
    table = client.get("/v1/backfills/RUN/report?format=csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["state"] for row in rows] == ["published", "published", "skipped"]
    assert (rows[0]["training_loss"], rows[0]["rung_guided"], rows[0]["signs_restated"]) == ("-0.01", "1", "0.5")


def test_unknown_run_or_format_is_refused(client: TestClient, sessions: Sessions) -> None:
    assert client.get("/v1/backfills/NONE/report").status_code == 404
    factories.make_corpus(sessions)
    start(client)
    assert client.get("/v1/backfills/RUN/report?format=xml").status_code == 422
