"""A report as JSON, CSV and Markdown, with hostile headlines."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json

from services.coordinator.reports.figures.day import DayReport, Seconds
from services.coordinator.reports.figures.report import Failure, Flag, Report, RunFacts, make_report
from services.coordinator.reports.render.formats import as_csv, as_json
from services.coordinator.reports.render.markdown import as_markdown
from services.coordinator.reports.render.markup import escaped
from services.coordinator.reports.render.notices import MAX_FLAGS

PUBLISHED = dt.datetime(2025, 8, 8, 17, 45, tzinfo=dt.UTC)
HOSTILE = "a | b\n\x1b[2J\u202e<script>alert(1)</script> [x](javascript:y) **b** `c` # d"
FACTS = RunFacts(
    run="RUN",
    kind="backfill",
    state="failed",
    reason="day 2025-08-19 failed",
    corpus="real",
    timezone="America/Los_Angeles",
    config={"preset": "default", "base_model": "m", "lag": 0, "dates": "warn"},
    config_hash="abcdef0123456789",
    created_at=PUBLISHED,
    finished_at=None,
)
DONE = DayReport(
    date=dt.date(2025, 8, 18),
    state="published",
    headlines=1,
    rollouts=2,
    sampler="tight",
    raw_validity=0.5,
    final_validity=1.0,
    composite=0.29332399152731287,
    trade_thinking=0.21874999999999994,
    leak=0.0,
    outcome_score=5.0,
    normalized_score=0.5,
    reward=0.35,
    evaluations=2,
    checkpoint="RUN-20250818-abc",
    training={"loss": -0.01, "mean_reward": 0.35},
    seconds=Seconds(1.25, 0.5, 2.0),
    look_ahead=1,
    policies={"base": 2},
    final_sources={"free": 1, "guided": 1},
)
FAILED = DayReport(date=dt.date(2025, 8, 19), state="failed", reason="=cmd()", sampler="tight")
SKIPPED = DayReport(date=dt.date(2025, 8, 20), state="skipped", reason="no | headline")


def report(flags: int = 1) -> Report:
    flagged = [Flag(dt.date(2025, 8, 18), HOSTILE, PUBLISHED, "late", used=True)] * flags
    failure = Failure(dt.date(2025, 8, 19), "generate", 0, 5, "Traceback\n  line\nEngineError: <b>no</b> answer")
    return make_report(FACTS, [DONE, FAILED, SKIPPED], ["half | of it"], flagged, [failure])


def test_json_has_the_names_of_the_contract_and_unrounded_numbers() -> None:
    body = json.loads(as_json(report()))
    assert {"run", "days", "totals", "averages", "look_ahead", "flags", "config", "config_hash", "failures"} <= set(
        body
    )
    first = body["days"][0]
    assert list(first)[:4] == ["date", "state", "headlines", "rollouts"]
    assert first["date"] == "2025-08-18"
    assert first["composite"] == 0.29332399152731287
    assert first["seconds"] == {"generate": 1.25, "evaluate": 0.5, "train": 2.0}
    assert first["training"] == {"loss": -0.01, "mean_reward": 0.35}
    assert body["days"][1]["composite"] is None
    assert body["days"][1]["training"] is None
    assert body["averages"]["by_day"]["trade_thinking"] == 0.21874999999999994
    assert body["averages"]["by_evaluation"]["trade_thinking"] == 0.21874999999999994
    assert body["look_ahead"] == 1
    assert body["flags"][0]["headline"] == HOSTILE
    assert body["failures"][0]["reason"].startswith("Traceback")


def test_csv_has_one_row_per_day_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(report()))))
    assert [row["date"] for row in rows] == ["2025-08-18", "2025-08-19", "2025-08-20"]
    assert float(rows[0]["composite"]) == 0.29332399152731287
    assert (rows[0]["training_loss"], rows[0]["training_grad_norm"], rows[0]["seconds_train"]) == ("-0.01", "", "2.0")
    assert rows[1]["reason"] == "'=cmd()"
    assert rows[1]["composite"] == ""


def test_markdown_lists_the_days_in_a_right_aligned_table() -> None:
    lines = as_markdown(report()).splitlines()
    assert lines[0] == "# Report of backfill RUN (20250818–20250820)"
    head = next(line for line in lines if line.startswith("| Date"))
    rule = lines[lines.index(head) + 1]
    assert rule.startswith("|---|---|---|---:|---:|")
    row = next(line for line in lines if line.startswith("| 20250818"))
    assert "| 0.2933 | 0.2188 | 0.0000 | 5.0000 | 0.5000 | 2 | 1 | -0.0100 | 0.3500 |" in row
    assert row.count("|") == head.count("|")
    assert any(line.startswith("| by day |") for line in lines)
    assert any(line.startswith("| by evaluation |") for line in lines)
    assert "1 of 2 rollouts come from a policy" in as_markdown(report())


def test_markdown_puts_warnings_before_any_figure() -> None:
    text = as_markdown(report())
    assert text.index("looked ahead: under lag 0") < text.index("## Days")
    assert "half \\| of it" in text


def test_markdown_lists_failures_and_skipped_days_with_their_reasons() -> None:
    text = as_markdown(report())
    assert "- 20250819 generate 0, attempt 5: EngineError: &lt;b&gt;no&lt;/b&gt; answer" in text
    assert "- 20250820 skipped: no \\| headline" in text


def test_hostile_headline_is_escaped_and_stays_on_one_line() -> None:
    text = as_markdown(report())
    assert "<script>" not in text
    assert "\\[x\\](javascript:y) \\*\\*b\\*\\*" in text
    line = next(line for line in text.splitlines() if "alert(1)" in line)
    assert line.startswith("- 20250818 late, used: “a \\| b \\[2J &lt;script&gt;")
    assert escaped("a\nb") == "a b"


def test_flags_beyond_the_limit_are_only_counted() -> None:
    text = as_markdown(report(MAX_FLAGS + 5))
    assert f"- 20250818: {MAX_FLAGS + 5} late, used" in text
    assert "… and 5 more" in text


def test_run_without_days_has_a_report() -> None:
    empty = make_report(FACTS, [], [], [], [])
    assert json.loads(as_json(empty))["days"] == []
    assert as_csv(empty).count("\n") == 1
    assert as_markdown(empty).startswith("# Report of backfill RUN\n")
