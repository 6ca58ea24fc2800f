"""Exports in the legacy layout: names, figures, checkpoints, logs, and the way back."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from services.cli.client import Client
from services.cli.files.export import Exported, Progress, export_run
from services.cli.files.headlines import read_headlines
from services.cli.files.legacy_layout import read_legacy_run
from services.coordinator.database import Sessions
from services.coordinator.models import Checkpoint, Evaluation, Group
from shared.checkpoints import CheckpointStore
from shared.errors import CheckpointCorruptError, NotFoundError
from tests import factories
from tests.fakes import FakeWorker
from tests.legacy_folder import write_day

FIRST = "timestamped_storage_RUN/20250818"


@pytest.fixture
def done(client: TestClient, sessions: Sessions, worker: FakeWorker) -> TestClient:
    """The API after a run of two days."""
    factories.make_corpus(sessions, dates=3, per_day=2)
    body = {"name": "RUN", "corpus": "sample", "config": {"rollouts": 2}}
    assert client.post("/v1/backfills", json=body).status_code == 201
    worker.do_all("RUN")
    return client


def export(client: TestClient, run: str, folder: Path, progress: Progress = lambda *_: None) -> Exported:
    """Export over the test client, which has the interface of httpx.Client under another name."""
    return export_run(Client(cast("httpx.Client", client), advice=""), run, folder, progress)


def load(path: Path) -> Any:
    return json.loads(path.read_text("utf8"))


def test_export_writes_exactly_the_files_of_the_layout(done: TestClient, tmp_path: Path) -> None:
    export(done, "RUN", tmp_path / "out")
    written = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()}
    kinds = ("predictions.json", "outcome_tracking.json", "evaluations.json", "evaluations.csv")
    expected = {f"timestamped_storage_RUN/{d}_headlines.json" for d in ("20250818", "20250819", "20250820")}
    for date in ("20250818", "20250819"):
        expected |= {f"timestamped_storage_RUN/{date}_{kind}" for kind in kinds}
        expected |= {f"training/gspo_training_{date}.json"}
        expected |= {f"training/logs/RUN_{date}_{step}.log" for step in ("generate", "evaluate", "train")}
    for alias in ("final_model", "final_model_20250818", "final_model_20250819"):
        folder = f"training/checkpoints/gspo_RUN/{alias}"
        expected |= {f"{folder}/adapter_model.safetensors", f"{folder}/manifest.json"}
    assert written == expected


def test_evaluations_have_their_scores_and_the_summary_is_their_mean(done: TestClient, tmp_path: Path) -> None:
    export(done, "RUN", tmp_path)
    evaluations = load(tmp_path / f"{FIRST}_evaluations.json")
    assert evaluations["total_evaluations"] == 4
    first = evaluations["evaluations"][0]
    names = ("reward", "outcome_score", "normalized_score", "composite_reward", "trade_thinking_score", "ranking")
    assert [first[name] for name in names] == [0.0, 5.0, 0.5, 0.4, 0.2, 1]
    assert first["status"] == "evaluated"
    summary = evaluations["summary"]
    assert (summary["avg_outcome_score"], summary["avg_normalized_score"]) == (5.0, 0.5)
    assert summary["avg_reward"] == pytest.approx(0.05)
    # Five averages that the predecessor wrote as 0: they are those of the rows, and None where there is none.
    averages = ("composite_reward", "trade_thinking_score", "semantic_score", "form_score", "immediate_reward")
    assert [summary[f"avg_{name}"] for name in averages] == pytest.approx([0.4, 0.2, 0.1, 0.5, 0.0])
    assert (summary["verdicts"], summary["signs"]) == ({"malformed": 4}, {})
    assert summary["score_distribution"] == {"0-3": 0, "4-6": 4, "7-8": 0, "9-10": 0}
    ids = [row["prediction_id"] for row in evaluations["evaluations"]]
    assert len(set(ids)) == len(ids)


def test_outcomes_contain_the_next_days_headlines_once(done: TestClient, tmp_path: Path) -> None:
    export(done, "RUN", tmp_path)
    outcomes = load(tmp_path / f"{FIRST}_outcome_tracking.json")
    texts = [[item["text"] for item in row["next_day_headlines"]] for row in outcomes["outcomes"]]
    assert texts == [["headline 0 of 2025-08-19", "headline 1 of 2025-08-19"], [], [], []]
    assert {row["headlines_count"] for row in outcomes["outcomes"]} == {2}
    assert outcomes["outcome_date"] == "2025-08-19"


def test_csv_has_the_predecessors_columns_first_and_no_formula(
    done: TestClient, sessions: Sessions, tmp_path: Path
) -> None:
    with sessions.begin() as session:
        session.execute(update(Group).where(Group.position == 0).values(headline="=1+1"))
    export(done, "RUN", tmp_path)
    with (tmp_path / f"{FIRST}_evaluations.csv").open(encoding="utf8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = ["prediction_id", "headline", "rollout_id", "method", "ranking", "reward", "date", "status"]
    assert list(rows[0])[:8] == columns
    assert [row["headline"] for row in rows] == ["'=1+1"] * 2 + ["headline 1 of 2025-08-18"] * 2
    assert read_legacy_run(tmp_path, "OLD")["days"][0]["groups"][0]["headline"] == "=1+1"
    assert (rows[1]["rollout_id"], rows[1]["reward"], rows[1]["date"]) == ("1", "0.1", "20250818")


def test_training_data_are_the_rollouts_of_the_update(done: TestClient, tmp_path: Path) -> None:
    export(done, "RUN", tmp_path)
    training = load(tmp_path / "training/gspo_training_20250818.json")
    first = training["training_data"][1]
    assert (first["prompt"], first["response"]) == ("prompt for headline 0 of 2025-08-18", "forecast 1")
    assert (first["reward"], first["outcome_score"]) == (0.1, 5.0)
    summary = training["summary"]
    assert summary["statistics"]["loss"] == -0.01
    assert summary["checkpoint"].startswith("RUN-20250818-")
    assert (summary["avg_reward"], summary["avg_outcome_score"]) == (pytest.approx(0.05), 5.0)
    assert (summary["groups"], summary["groups_of_equal_rewards"], summary["valid_examples"]) == (2, 0, 0)
    assert summary["reward_range"] == {"min": 0.0, "max": 0.1}


def test_logs_of_a_step_name_their_attempts(done: TestClient, tmp_path: Path) -> None:
    export(done, "RUN", tmp_path)
    log = (tmp_path / "training/logs/RUN_20250818_generate.log").read_text("utf8")
    assert log == "== generate 0 attempt 1 fake accepted\ndid generate\n"


def test_checkpoints_are_complete_and_final_model_is_the_last(done: TestClient, tmp_path: Path) -> None:
    export(done, "RUN", tmp_path)
    folder = tmp_path / "training/checkpoints/gspo_RUN"
    final, last = folder / "final_model", folder / "final_model_20250819"
    for name in ("manifest.json", "adapter_model.safetensors"):
        assert (final / name).read_bytes() == (last / name).read_bytes()
    assert load(last / "manifest.json")["date"] == "2025-08-19"


def test_repeated_export_restores_a_changed_file(done: TestClient, tmp_path: Path) -> None:
    export(done, "RUN", tmp_path)
    weights = tmp_path / "training/checkpoints/gspo_RUN/final_model/adapter_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(b"other")
    reported: list[tuple[str, int, int]] = []
    assert export(done, "RUN", tmp_path, lambda *step: reported.append(step)).days == 2
    assert weights.read_bytes() == whole
    assert reported[0] == ("RUN 2025-08-18", 0, 3)
    assert reported[-1] == ("RUN", 3, 3)


def test_corrupt_checkpoint_is_not_written(
    done: TestClient, sessions: Sessions, store: CheckpointStore, tmp_path: Path
) -> None:
    with sessions.begin() as session:
        first = session.scalars(select(Checkpoint).order_by(Checkpoint.id).limit(1)).one()
        (store.root / first.uri / "adapter_model.safetensors").write_bytes(b"other")
    with pytest.raises(CheckpointCorruptError, match=r"adapter_model\.safetensors differs from the published file"):
        export(done, "RUN", tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.safetensors"))


def test_unknown_run_is_not_found(client: TestClient, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        export(client, "NONE", tmp_path)
    assert list(tmp_path.glob("timestamped_storage_*")) == []


def test_export_can_be_imported_with_the_same_scores(
    done: TestClient, sessions: Sessions, scorer: FakeWorker, tmp_path: Path
) -> None:
    # Shared places and normalised scores as the evaluator would have given them.
    with sessions.begin() as session:
        session.execute(update(Evaluation).values(rank=1.5, normalized_score=0.5, reward=0.9))
    export(done, "RUN", tmp_path)
    body = read_legacy_run(tmp_path, "AGAIN")
    assert (body["notes"], body["timezone"]) == ([], "UTC")
    assert done.post("/v1/imports/runs", json=body).status_code == 201
    scorer.do_all("AGAIN")
    before = done.get("/v1/backfills/RUN/report").json()["days"]
    after = done.get("/v1/backfills/AGAIN/report").json()["days"]
    assert [day["normalized_score"] for day in after] == [day["normalized_score"] for day in before][:2]
    assert [day["rollouts"] for day in after] == [4, 4]
    texts = [item["text"] for item in done.get("/v1/backfills/AGAIN/rollouts").json()["items"]]
    assert texts == [item["text"] for item in done.get("/v1/backfills/RUN/rollouts").json()["items"]]


def test_exported_headlines_import_into_the_same_corpus(done: TestClient, tmp_path: Path) -> None:
    export(done, "RUN", tmp_path)
    rows = read_headlines(tmp_path / "timestamped_storage_RUN")
    assert done.post("/v1/corpora/sample/imports", json={"rows": rows}).json()["unchanged"] == 6


def test_imported_run_can_be_exported(client: TestClient, scorer: FakeWorker, tmp_path: Path) -> None:
    write_day(tmp_path / "in")
    body = read_legacy_run(tmp_path / "in", "OLD")
    assert client.post("/v1/imports/runs", json=body).status_code == 201
    scorer.do_all("OLD")
    export(client, "OLD", tmp_path / "out")
    again = read_legacy_run(tmp_path / "out", "OLD")
    assert not (tmp_path / "out/training/checkpoints").exists()
    for old, new in zip(body["days"][0]["groups"], again["days"][0]["groups"], strict=True):
        assert (old["headline"], old["published_at"]) == (new["headline"], new["published_at"])
        for name in ("text", "rank", "reward"):
            assert [r[name] for r in old["rollouts"]] == [r[name] for r in new["rollouts"]]
