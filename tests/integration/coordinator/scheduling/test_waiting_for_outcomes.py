"""Forecasts under unsettled=wait: sampled, pending, and settled once their outcomes are imported."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.coordinator.database import Sessions
from services.coordinator.scheduling.service import poll_waiting_runs, resume_waiting
from shared.wire import EvaluateResult, EvaluateTask, PriceSeries, Settlement
from tests.factories import day, evaluated, make_closes, make_corpus
from tests.fakes import FakeWorker
from tests.integration.coordinator.conftest import Get, Sql, Start

WEEKLY = {"horizon": "1w", "unsettled": "wait"}


def headlines(client: TestClient, date: dt.date, number: int = 2) -> Any:
    """Import headlines of a date."""
    rows = [
        {"origin": f"later:{place}", "text": f"news {place} of {date}", "published_at": f"{date}T0{place + 1}:00:00Z"}
        for place in range(number)
    ]
    return client.post("/v1/corpora/sample/imports", json={"rows": rows})


def closes(first: int, last: int, start: float = 100.0) -> dict[dt.date, float]:
    """A close for each day, one more than the day before."""
    return {day(number): start + number for number in range(first, last + 1)}


def test_days_without_outcomes_are_sampled_and_kept_until_headlines_come(
    client: TestClient, sessions: Sessions, worker: FakeWorker, start: Start, get: Get
) -> None:
    make_corpus(sessions, dates=3, per_day=1)
    start(**WEEKLY)
    worker.do_all("RUN")
    run = get("/backfills/RUN")
    assert (run["state"], run["days"]) == ("waiting", {"maturing": 3})
    missing = "it waits for headlines of a day from 2025-08-25 on; import them into its corpus"
    assert get("/backfills/RUN/days")[0]["reason"] == missing
    assert run["reason"] == f"day 2025-08-18: {missing}"
    assert len(get("/backfills/RUN/rollouts")) == 3 * 2

    assert headlines(client, day(7)).status_code == 200
    worker.do_all("RUN")
    days = get("/backfills/RUN/days")
    assert [(found["state"], found["outcome_date"]) for found in days] == [
        ("published", str(day(7))),
        ("maturing", None),
        ("maturing", None),
    ]
    assert get("/backfills/RUN")["state"] == "waiting"
    [task] = [task for task in worker.tasks if isinstance(task, EvaluateTask)]
    assert task.outcomes == [f"news {place} of {day(7)}" for place in range(2)]

    headlines(client, day(9))
    worker.do_all("RUN")
    run = get("/backfills/RUN")
    assert (run["state"], run["reason"], run["days"]) == ("completed", None, {"published": 3})


def test_a_forecast_due_in_a_week_is_pending_and_settled_by_the_closes_of_a_week_later(
    sessions: Sessions, worker: FakeWorker, start: Start, get: Get
) -> None:
    make_corpus(sessions, dates=[day(0), day(7)], per_day=1)
    make_closes(sessions, {"SPY": closes(-20, 0)})
    start(last=day(0), ranker="resolved", prices="closes", **WEEKLY)
    worker.do_all("RUN")
    assert get("/backfills/RUN")["state"] == "waiting"
    [found] = get("/backfills/RUN/days")
    assert (found["state"], found["outcome_date"]) == ("maturing", str(day(7)))
    assert found["reason"] == (
        "it waits for closes of SPY from 2025-08-25 on, which price set closes lacks; import them"
    )

    make_closes(sessions, {"SPY": closes(1, 8)})
    with sessions.begin() as session:
        resume_waiting(session)
    assert get("/backfills/RUN")["state"] == "running"
    task = worker.take(worker.queued("RUN")[0])
    assert isinstance(task, EvaluateTask)
    [series] = task.prices
    assert worker.post(task, settled(task, series)).status_code == 200
    worker.do_all("RUN")
    assert get("/backfills/RUN")["state"] == "completed"
    # 100 on the day, 107 a week later: "at least 2 % up" happened, and .7 was said of it.
    assert get("/backfills/RUN/evaluations")[0]["settlement"]["brier"] == pytest.approx(0.09)


def settled(task: EvaluateTask, series: PriceSeries) -> EvaluateResult:
    """What a resolved ranker makes of the claim that SPY rises by 2 % within a week, held to be 70 % likely."""
    first, last = series.dates.index(task.date), series.dates.index(task.date + dt.timedelta(days=7))
    change = series.closes[last] / series.closes[first] - 1
    settlement = Settlement(
        symbol=series.symbol,
        threshold=0.02,
        prob=0.7,
        start_date=series.dates[first],
        end_date=series.dates[last],
        change=change,
        happened=change >= 0.02,
        brier=(0.7 - (change >= 0.02)) ** 2,
        log_loss=0.357,
    )
    return evaluated(task, settlement=settlement)


def test_a_checkpoint_has_learned_until_the_end_of_the_day_that_settled_its_claims(
    sessions: Sessions, worker: FakeWorker, start: Start, get: Get
) -> None:
    make_corpus(sessions, dates=[day(0), day(7)], per_day=1)
    make_closes(sessions, {"SPY": closes(-20, 8)})
    start(last=day(0), ranker="resolved", prices="closes", horizon="1w")
    worker.do(worker.queued("RUN")[0])
    task = worker.take(worker.queued("RUN")[0])
    assert isinstance(task, EvaluateTask)
    worker.post(task, settled(task, task.prices[0]))
    worker.do_all("RUN")
    [checkpoint] = get("/backfills/RUN/checkpoints")
    assert checkpoint["trained_until"] == f"{day(8)}T00:00:00Z"


def test_reason_of_a_maturing_day_names_the_missing_data(
    client: TestClient, sessions: Sessions, worker: FakeWorker, start: Start, get: Get
) -> None:
    make_corpus(sessions, dates=1, per_day=1)
    make_closes(sessions, {"SPY": closes(-20, 0)})
    start(ranker="resolved", prices="closes", **WEEKLY)
    worker.do_all("RUN")
    assert "headlines of a day from" in get("/backfills/RUN")["reason"]
    headlines(client, day(7))
    assert "closes of SPY from" in get("/backfills/RUN")["reason"]


def test_polling_resumes_runs_whose_outcomes_have_come(
    sessions: Sessions, worker: FakeWorker, start: Start, get: Get, sql: Sql
) -> None:
    corpus = make_corpus(sessions, dates=1, per_day=1)
    start(**WEEKLY)
    worker.do_all("RUN")
    assert poll_waiting_runs(sessions) == 0
    sql(
        "insert into headlines (corpus_id, date, position, text, text_key, published_at, filed_under, origin) "
        "values (:corpus, :date, 0, 'news', 'news', :date, :date, 'made-up')",
        corpus=corpus,
        date=day(8),
    )
    assert poll_waiting_runs(sessions) == 1
    assert get("/backfills/RUN/days")[0]["outcome_date"] == str(day(8))


def test_a_waiting_run_is_paused_resumed_and_cancelled(
    client: TestClient, sessions: Sessions, worker: FakeWorker, start: Start, get: Get
) -> None:
    make_corpus(sessions, dates=1, per_day=1)
    start(**WEEKLY)
    worker.do_all("RUN")
    assert client.post("/v1/backfills/RUN/resume").json()["state"] == "waiting"
    assert client.post("/v1/backfills/RUN/pause").json()["state"] == "paused"
    headlines(client, day(7))
    assert get("/backfills/RUN/days")[0]["state"] == "maturing"
    assert client.post("/v1/backfills/RUN/resume").json()["state"] == "running"
    assert get("/backfills/RUN/days")[0]["state"] == "evaluating"
    cancelled = client.post("/v1/backfills/RUN/cancel").json()
    assert (cancelled["state"], cancelled["days"]) == ("cancelled", {"cancelled": 1})


def test_maturing_days_leave_their_room_to_others(sessions: Sessions, worker: FakeWorker, start: Start) -> None:
    make_corpus(sessions, dates=4, per_day=1)
    start(max_parallel_days=1, train=False, **WEEKLY)
    assert worker.do_all("RUN") == 4


def test_without_waiting_a_day_that_nothing_settles_is_skipped(sessions: Sessions, start: Start, get: Get) -> None:
    make_corpus(sessions, dates=4, per_day=1)
    make_closes(sessions, {"SPY": closes(-20, 2)})
    start(ranker="resolved", prices="closes")
    days = get("/backfills/RUN/days")
    assert [found["state"] for found in days] == ["generating", "generating", "skipped", "skipped"]
    assert "closes of SPY from 2025-08-21 on" in days[2]["reason"]


def test_optional_prices_are_sent_as_far_as_they_reach(sessions: Sessions, worker: FakeWorker, start: Start) -> None:
    make_corpus(sessions, dates=2, per_day=1)
    make_closes(sessions, {"SPY": closes(-20, 9), "BTC": closes(-20, 0)})
    start(last=day(0), prices="closes")
    worker.do_all("RUN")
    [task] = [task for task in worker.tasks if isinstance(task, EvaluateTask)]
    assert [series.symbol for series in task.prices] == ["SPY"]
    assert (task.prices[0].dates[0], task.prices[0].dates[-1]) == (day(-14), day(9))


def test_a_used_corpus_takes_headlines_of_later_days_only(client: TestClient, sessions: Sessions, start: Start) -> None:
    make_corpus(sessions, dates=3, per_day=1)
    start(last=day(1))
    assert headlines(client, day(3)).status_code == 200
    refused = headlines(client, day(2))
    assert refused.status_code == 409
    assert "takes only headlines of days after 2025-08-20; 2 of these are new" in refused.json()["detail"]
