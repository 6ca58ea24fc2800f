"""`morrow demo` against a fake coordinator."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from services.cli.arguments import UsageError
from services.cli.commands import demo
from services.cli.local.home import Home
from tests.unit.cli.coordinator import FakeCoordinator, a_page, a_run

DATES = a_page(*({"date": f"2024-09-{n:02d}"} for n in range(9, 20)))


FIGURES = {"raw_validity": 0.75, "final_validity": 0.5, "composite": 0.25, "trade_thinking": 0.125, "reward": 0.35}
REPORT = {
    "run": "demo-1",
    "days": [
        {"date": "2024-09-09", "state": "published", "rollouts": 24, "checkpoint": "demo-1-20240909-0123456789ab"}
        | {"training": {"loss": -0.01234}}
        | FIGURES
    ],
    "averages": {"by_day": FIGURES},
    "totals": {"rollouts": 24, "seconds": {"generate": 40.2, "evaluate": 1.6, "train": 61.0}},
}


def a_demo_run(**changes: object) -> dict[str, object]:
    return a_run(name="demo-1", corpus="sample") | changes


def test_demo_run_takes_the_lowest_free_number() -> None:
    assert demo.next_name(set()) == "demo-1"
    assert demo.next_name({"demo-1", "demo-2", "other"}) == "demo-3"


def test_new_demo_imports_the_sample_corpus_and_runs_over_its_first_days(capsys: pytest.CaptureFixture[str]) -> None:
    summary = {"corpus": "sample", "added": 126, "duplicates": 0, "unchanged": 0, "bad": [], "days": [], "advice": []}
    fake = FakeCoordinator().on("GET /v1/backfills", a_page(a_demo_run(state="completed")))
    fake.on("POST /v1/corpora/sample/imports", summary).on("GET /v1/corpora/sample/days", DATES)
    fake.on("POST /v1/backfills", a_run(), status=201)
    assert demo.start_run(fake.client(), days=4, headlines=3) == "demo-2"
    sent = {route: body for route, _, body in fake.sent}
    assert sent["POST /v1/backfills"] == {
        "name": "demo-2",
        "corpus": "sample",
        "from": "2024-09-09",
        "to": "2024-09-12",
        "config": {"headlines": 3},
    }
    assert "demo-2: days × headlines × rollouts = 4 × 3 × 8, tiny" in capsys.readouterr().err


def test_unfinished_demo_is_resumed() -> None:
    fake = FakeCoordinator().on("GET /v1/backfills", a_page(a_run(), a_demo_run(state="paused")))
    fake.on("POST /v1/backfills/demo-1/resume", a_demo_run())
    assert demo.start_run(fake.client(), days=4, headlines=3) == "demo-1"
    assert [route for route, _, _ in fake.sent] == ["GET /v1/backfills", "POST /v1/backfills/demo-1/resume"]


def test_demo_over_every_day_is_a_usage_error() -> None:
    fake = FakeCoordinator().on("GET /v1/backfills", a_page())
    fake.on("GET /v1/corpora/sample", {}).on("GET /v1/corpora/sample/days", DATES)
    with pytest.raises(UsageError, match="has 11 days, and the last one only settles the others"):
        demo.start_run(fake.client(), days=11, headlines=3)


def test_completed_demo_writes_its_reports_and_prints_their_paths(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = FakeCoordinator().on("GET /v1/backfills/demo-1/report", "| day |\n", json.dumps(REPORT))
    fake.on("GET /v1/backfills/demo-1/checkpoints", a_page({"uri": "demo-1/20240909-0123456789ab"}))
    demo.show_results(fake.client(), Home(tmp_path), "demo-1")
    assert (tmp_path / "reports" / "demo-1.md").read_text() == "| day |\n"
    assert json.loads((tmp_path / "reports" / "demo-1.json").read_text()) == REPORT
    text = capsys.readouterr().out
    assert re.search(r"20240909 +published +24 +0\.750 +0\.500 +0\.250 +0\.125 +0\.350 +-0\.0123", text)
    assert re.search(r"mean +by day +24 +0\.750 +0\.500", text)
    assert "work         generate 40 s, evaluate 2 s, train 1 min 01 s" in text
    assert f"report       {tmp_path}/reports/demo-1.json" in text
    assert f"checkpoint   {tmp_path}/checkpoints/demo-1/20240909-0123456789ab" in text
    assert "morrow export demo-1 DIR" in text
