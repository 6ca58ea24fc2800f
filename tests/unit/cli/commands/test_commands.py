"""Backfills, runs, corpora and reports against a fake coordinator; usage errors; connections."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli import connect, main
from services.cli.commands import backfills, corpus, reports, runs
from tests.unit.cli.coordinator import FakeCoordinator, a_day, a_page, a_run


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeCoordinator:
    """The coordinator that the commands connect to."""
    coordinator = FakeCoordinator()
    for module in (backfills, corpus, reports, runs):
        monkeypatch.setattr(module, "connect", coordinator.client)
    return coordinator


def test_help_is_quick_and_imports_no_heavy_library() -> None:
    code = (
        "import sys, time; from services.cli.main import run; run(['--help']);"
        "print([m for m in ('torch', 'sqlalchemy', 'fastapi', 'celery', 'transformers') if m in sys.modules]);"
        "print(time.process_time())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *_, heavy, seconds = done.stdout.splitlines()
    assert heavy == "[]"
    assert float(seconds) < 3.0, "a second of computing; others at work on the machine do not count"


def test_backfill_sends_only_the_options_that_are_set(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.on("POST /v1/backfills", a_run(), status=201)
    arguments = [
        "backfill",
        "--corpus",
        "c",
        "--run",
        "R",
        "--from",
        "20250818",
        "--to",
        "2025-08-20",
        "--headlines",
        "3",
        "--set",
        "dates=warn",
    ]
    assert main.run(arguments) == 0
    assert fake.sent == [
        (
            "POST /v1/backfills",
            {"dry_run": "false"},
            {
                "name": "R",
                "corpus": "c",
                "from": "2025-08-18",
                "to": "2025-08-20",
                "config": {"dates": "warn", "headlines": 3},
            },
        )
    ]
    assert "R (backfill)" in capsys.readouterr().out


def test_dry_run_prints_the_plan(fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]) -> None:
    plan = {
        "config": {},
        "config_hash": "x",
        "days": [a_day(), a_day(date="2024-09-10", state="skipped", reason="no outcome day", left_out={"late": 2})],
        "steps": {"generate": 1, "evaluate": 1, "train": 1},
        "rollouts": 24,
        "skipped": 1,
    }
    fake.on("POST /v1/backfills", plan)
    assert main.run(["backfill", "--corpus", "c", "--run", "R", "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert "no outcome day" in text
    assert "2 late" in text
    assert "steps: 1 generate, 1 evaluate, 1 train; rollouts: 24; nothing was started" in text


def test_backfill_that_waits_for_a_failing_run_fails(fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]) -> None:
    fake.on("POST /v1/backfills", a_run(), status=201)
    fake.on("GET /v1/backfills/R", a_run(state="failed", reason="20240909 failed: no engine"))
    fake.on("GET /v1/backfills/R/days", a_page(a_day(state="failed", reason="no engine")))
    assert main.run(["backfill", "--corpus", "c", "--run", "R", "--wait"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "morrow: R ended as failed: 20240909 failed: no engine"


@pytest.mark.parametrize(
    "arguments",
    [
        "backfill --corpus c --run R --set rollots=3",
        "backfill --corpus c --run R --set rollouts=1000",
        "backfill --corpus c --run R --from 2025",
        "backfill --corpus c --run R --from 20250820 --to 20250818",
        "backfill --corpus c --run R --headlines 3 --set headlines=4",
        "backfill --corpus c",
        "retry R someday",
        "report R --format pdf",
        "nonsense",
        "runs --nonsense",
    ],
)
def test_usage_error_is_one_line_and_status_2(
    arguments: str, fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(arguments.split()) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    assert output.err.startswith("morrow: ")
    assert fake.sent == []


def test_problem_is_printed_with_its_detail_and_fields(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = {
        "type": "urn:morrow:problem:invalid-input",
        "detail": "the request is not valid",
        "errors": [{"field": "config.rollouts", "message": "too many"}],
    }
    fake.on("POST /v1/backfills", problem, status=422)
    assert main.run(["backfill", "--corpus", "c", "--run", "R"]) == 1
    assert capsys.readouterr().err == "morrow: the request is not valid\n  config.rollouts: too many\n"


def test_command_without_a_stack_prints_the_cure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MORROW_URL", raising=False)
    monkeypatch.setenv("MORROW_HOME", str(tmp_path))
    assert main.run(["runs"]) == 1
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert "`morrow up --detach`" in text
    assert "MORROW_URL" in text


def test_morrow_url_takes_precedence_over_the_local_stack(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MORROW_URL", "http://127.0.0.1:9/")
    assert main.run(["runs"]) == 1
    assert "no coordinator responds at http://127.0.0.1:9" in capsys.readouterr().err
    assert connect.connect() is not None


@pytest.mark.parametrize(
    ("arguments", "route", "page"),
    [
        ("runs --json", "GET /v1/backfills", a_page(a_run())),
        ("days R --json", "GET /v1/backfills/R/days", a_page(a_day())),
        ("corpus list --json", "GET /v1/corpora", a_page({"name": "c"})),
    ],
)
def test_lists_are_printed_as_json(
    arguments: str,
    route: str,
    page: dict[str, object],
    fake: FakeCoordinator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake.on(route, page)
    assert main.run(arguments.split()) == 0
    assert json.loads(capsys.readouterr().out) == page["items"]


def test_status_shows_state_progress_and_warnings(fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]) -> None:
    fake.on("GET /v1/backfills/R", a_run(state="paused", reason="paused by hand", warnings=["duplicate ids"]))
    assert main.run(["status", "R"]) == 0
    text = capsys.readouterr().out
    assert "paused: paused by hand" in text
    assert "33% (3 of 9 steps), about 2 min 05 s left" in text
    assert "duplicate ids" in text


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel"])
def test_run_is_controlled_by_name(verb: str, fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]) -> None:
    fake.on(f"POST /v1/backfills/R/{verb}", a_run(state="paused"))
    assert main.run([verb, "R"]) == 0
    assert capsys.readouterr().out == "R is paused\n"


def test_one_day_or_all_failed_days_are_retried(fake: FakeCoordinator) -> None:
    fake.on("POST /v1/backfills/R/retry", a_run())
    assert main.run(["retry", "R"]) == 0
    assert main.run(["retry", "R", "20240909"]) == 0
    assert [body for _, _, body in fake.sent] == [{}, {"date": "2024-09-09"}]


def test_logs_and_reports_are_written_unchanged(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    fake.on("GET /v1/backfills/R/days/2024-09-09/logs", "== generate 0 attempt 1 w accepted\n[x] line\n")
    assert main.run(["logs", "R", "20240909"]) == 0
    assert capsys.readouterr().out == "== generate 0 attempt 1 w accepted\n[x] line\n"
    fake.on("GET /v1/backfills/R/report", "| day |\n")
    assert main.run(["report", "R", "--format", "csv", "--output", str(tmp_path / "new" / "r.csv")]) == 0
    assert (tmp_path / "new" / "r.csv").read_text() == "| day |\n"
    assert fake.sent[-1][1] == {"format": "csv"}


def test_report_is_printed_and_plotted(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    fake.on("GET /v1/backfills/R/report", "| day |\n", json.dumps({"run": "R", "days": [], "panel": []}))
    assert main.run(["report", "R", "--plot", str(tmp_path / "r.svg")]) == 0
    assert (tmp_path / "r.svg").read_text().startswith("<svg ")
    assert capsys.readouterr().out == "| day |\n"
    assert main.run(["report", "R", "--plot", str(tmp_path / "r.png")]) == 2
    assert "name a file that ends in .svg" in capsys.readouterr().err


def test_backfill_whose_run_waits_for_outcomes_succeeds(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.on("POST /v1/backfills", a_run(), status=201)
    fake.on("GET /v1/backfills/R", a_run(state="waiting"))
    fake.on("GET /v1/backfills/R/days", a_page(a_day(state="maturing")))
    assert main.run(["backfill", "--corpus", "c", "--run", "R", "--wait"]) == 0
    assert "R waits for the outcomes of its last forecasts" in capsys.readouterr().err


def test_corpus_import_sends_rows_and_prints_the_advice_on_dates(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "h.jsonl").write_text('{"text": "a", "published_at": "2025-08-18T09:00:00Z", "date": "20250818"}\n')
    day = {"date": "2025-08-18", "headlines": 1, "late": 1, "stale": 0}
    summary = {
        "corpus": "c",
        "added": 1,
        "duplicates": 2,
        "unchanged": 0,
        "bad": [],
        "days": [day],
        "advice": ["all late"],
    }
    fake.on("POST /v1/corpora/c/imports", summary)
    arguments = ["corpus", "import", str(tmp_path), "--name", "c", "--timezone", "Asia/Tokyo", "--dates", "regroup"]
    assert main.run(arguments) == 0
    _, _, body = fake.sent[0]
    assert isinstance(body, dict)
    assert (body["timezone"], body["dates"], body["stale_after_days"], body["skip_bad"]) == (
        "Asia/Tokyo",
        "regroup",
        3.0,
        False,
    )
    assert body["rows"][0]["origin"] == "h.jsonl:1"
    text = capsys.readouterr().out
    assert "c: 1 headlines added, 2 duplicates merged; 1 day, 20250818 to 20250818" in text
    assert "all late" in text


def test_config_lists_every_field_with_its_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["config", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["rollouts"] == {
        "name": "rollouts",
        "admits": "integer ≥ 2, ≤ 64",
        "default": 8,
        "description": "Rollouts sampled per headline: the size of a group.",
    }
    assert rows["headlines"]["admits"] == "integer ≥ 1, ≤ 100000 or null"
    assert rows["dates"]["admits"] == "enforce | warn"
