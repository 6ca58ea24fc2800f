"""Imports of recorded runs, whose scores the ordinary evaluator recomputes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from services.cli.files.legacy_layout import read_legacy_run
from services.coordinator.database import Sessions
from services.coordinator.models import Outbox, Rollout, Step
from tests.fakes import FakeWorker
from tests.legacy_folder import TEXTS, write_day

# By the legacy rubric: SPX, Buy, tomorrow, "at 5%", CPI are .2 + .2 + .1 + .2 + .2; long, Fed, "if" .2 + .2 + .1.
TRADE = (0.9, 0.0, 0.5, 0.0)
COMPOSITE = ((2 / 3) ** 0.7 * 0.9**0.3, 0.0, 1.0 * 0.5**0.3, 0.0)


def post(client: TestClient, folder: Path, name: str = "OLD") -> Any:
    return client.post("/v1/imports/runs", json=read_legacy_run(folder, name))


def test_scores_are_recomputed_from_texts_and_recorded_ranks(
    client: TestClient, scorer: FakeWorker, tmp_path: Path
) -> None:
    write_day(tmp_path)
    answer = post(client, tmp_path)
    assert answer.status_code == 201, answer.text
    imported = answer.json()
    assert (imported["kind"], imported["days"], imported["groups"], imported["rollouts"]) == ("import", 1, 2, 8)
    scorer.do_all("OLD")
    body = client.get("/v1/backfills/OLD/report").json()
    assert (body["state"], body["kind"], body["config"]["preset"]) == ("completed", "import", "legacy")
    (day,) = body["days"]
    assert (day["state"], day["headlines"], day["rollouts"], day["evaluations"]) == ("scored", 2, 8, 8)
    assert day["trade_thinking"] == pytest.approx(sum(TRADE) / 4, abs=1e-12)
    assert day["composite"] == pytest.approx(sum(COMPOSITE) / 4, abs=1e-12)
    assert day["final_sources"] == {"recorded": 8}
    assert (day["sampler"], day["checkpoint"], day["training"], day["look_ahead"]) == ("tight", None, None, None)
    assert body["look_ahead"] is None


def test_warnings_are_stored_with_the_run_and_head_its_report(
    client: TestClient, scorer: FakeWorker, tmp_path: Path
) -> None:
    write_day(tmp_path, published="2025-08-08T19:00:00+00:00", headlines=("Oil rises", "Oil r falls"))
    imported = post(client, tmp_path).json()
    assert any("same ranks by position (2, 3, 1, 4)" in line for line in imported["warnings"])
    assert any("8 of 8 rollouts (100.0 %) share their prediction_id" in line for line in imported["warnings"])
    assert any("2 of 2 headlines were not published on their day" in line for line in imported["warnings"])
    scorer.do_all("OLD")
    report = client.get("/v1/backfills/OLD/report").json()
    assert set(imported["warnings"]) <= set(report["warnings"])
    assert client.get("/v1/backfills/OLD").json()["warnings"] == imported["warnings"]


def test_recorded_values_are_kept_with_each_rollout(client: TestClient, sessions: Sessions, tmp_path: Path) -> None:
    write_day(tmp_path)
    post(client, tmp_path)
    with sessions.begin() as session:
        rollouts = session.scalars(select(Rollout).order_by(Rollout.id).limit(4)).all()
        steps = session.scalar(select(func.count()).select_from(Step).where(Step.kind == "evaluate"))
        assert session.scalar(select(func.count()).select_from(Outbox)) == steps == 1
    assert tuple(rollout.text for rollout in rollouts) == TEXTS
    assert (rollouts[0].rung, rollouts[0].policy, rollouts[0].raw_strict) == ("recorded", "imported", False)
    assert rollouts[0].recorded["rank"] == 2
    assert rollouts[0].recorded["prediction_id"] == "20250806_Rate_0"


def test_day_without_recorded_ranks_is_skipped_with_its_reason(
    client: TestClient, scorer: FakeWorker, tmp_path: Path
) -> None:
    write_day(tmp_path)
    write_day(tmp_path, "20250807", evaluations="none")
    imported = post(client, tmp_path).json()
    assert imported["skipped"] == [{"date": "2025-08-07", "reason": "its files record no ranks"}]
    scorer.do_all("OLD")
    assert client.get("/v1/backfills/OLD").json()["state"] == "completed"


def test_run_without_any_ranks_is_refused(client: TestClient, tmp_path: Path) -> None:
    write_day(tmp_path, evaluations="none")
    answer = post(client, tmp_path)
    assert answer.status_code == 422
    assert "none has recorded ranks" in answer.json()["detail"]


def test_taken_name_is_refused(client: TestClient, tmp_path: Path) -> None:
    write_day(tmp_path)
    assert post(client, tmp_path).status_code == 201
    again = post(client, tmp_path)
    assert again.status_code == 409
    assert "import under another name" in again.json()["detail"]


def test_contradictory_body_is_refused_with_the_field(client: TestClient, tmp_path: Path) -> None:
    write_day(tmp_path)
    body = read_legacy_run(tmp_path, "OLD")
    twice = client.post("/v1/imports/runs", json=body | {"days": body["days"] * 2})
    assert (twice.status_code, "2025-08-06 is there twice" in twice.json()["detail"]) == (422, True)
    body["days"][0]["groups"][0]["rollouts"][1]["rollout_id"] = 0
    assert "rollout_id" in client.post("/v1/imports/runs", json=body).json()["detail"]
    body["days"][0]["groups"][0]["rollouts"][1] |= {"rollout_id": 1, "text": "a\x00b"}
    refused = client.post("/v1/imports/runs", json=body)
    assert refused.status_code == 422
    assert "NUL" in refused.json()["detail"]
