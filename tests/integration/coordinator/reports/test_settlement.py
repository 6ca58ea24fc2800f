"""From a forecast that is due in a week to its Brier score: imported closes, the real scheduler, the real evaluator."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.coordinator.database import Sessions
from shared.checkpoints import CheckpointStore
from shared.wire import GenerateTask, Result, Task
from tests.factories import day, generated, make_corpus
from tests.integration.coordinator.conftest import Scorer

CLAIM = (
    "Domain=MarketMove; Proxy=SPX; Horizon=1w; Prob=70%; Claim=SPX rises at least 2% within a week; "
    "Rationale=It rises because softer inflation lets traders price cuts; Risk=If payrolls beat; Confidence=2"
)
CONFIG = {
    "horizon": "1w",
    "unsettled": "wait",
    "ranker": "resolved",
    "prices": "closes",
    "reward_base": "resolved",
    "bonus": 0,
    "rollouts": 2,
}


@dataclass
class Forecaster(Scorer):
    """A worker that always forecasts the same claim."""

    def result(self, task: Task) -> Result:
        return generated(task, text=CLAIM) if isinstance(task, GenerateTask) else super().result(task)


def import_closes(client: TestClient, closes: dict[dt.date, float]) -> None:
    rows = [
        {"origin": f"p.csv:{n}", "symbol": "SPX", "date": str(date), "close": str(close)}
        for n, (date, close) in enumerate(closes.items())
    ]
    assert client.post("/v1/prices/closes", json={"rows": rows}).status_code == 200


@pytest.mark.parametrize(("last", "brier"), [(102.0, 0.09), (101.9, 0.49)])
def test_forecast_due_in_a_week_gets_its_brier_score_a_week_later(
    client: TestClient, sessions: Sessions, store: CheckpointStore, last: float, brier: float
) -> None:
    # 2 % up from 100 is 102: at 70 % the score is (.7 − 1)² = .09 if it happened and (.7 − 0)² = .49 if not.
    worker = Forecaster(client, sessions, store)
    make_corpus(sessions, dates=[day(0), day(7)], per_day=1)
    import_closes(client, {day(-1): 99.0, day(0): 100.0, day(1): 90.0})
    body: dict[str, Any] = {"name": "RUN", "corpus": "sample", "from": str(day(0)), "to": str(day(0)), "config": CONFIG}
    assert client.post("/v1/backfills", json=body).status_code == 201
    worker.do_all("RUN")
    assert client.get("/v1/backfills/RUN").json()["state"] == "waiting"
    assert client.get("/v1/backfills/RUN/evaluations").json()["items"] == []

    import_closes(client, {day(3): 120.0, day(7): last})
    worker.do_all("RUN")
    assert client.get("/v1/backfills/RUN").json()["state"] == "completed"
    for evaluation in client.get("/v1/backfills/RUN/evaluations").json()["items"]:
        assert evaluation["settlement"]["brier"] == pytest.approx(brier)
        assert evaluation["reward"] == pytest.approx(1 - brier)
    reliability = client.get("/v1/backfills/RUN/report").json()["reliability"]
    assert (reliability["settled"], reliability["brier"]) == (2, pytest.approx(brier))
