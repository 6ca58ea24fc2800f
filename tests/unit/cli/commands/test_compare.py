"""`morrow panel`, `morrow prices` and `morrow compare` against a fake coordinator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.cli import main
from services.cli.commands import compare, panels, prices
from tests.unit.cli.coordinator import FakeCoordinator, Json, a_page


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeCoordinator:
    """The coordinator that the commands connect to."""
    coordinator = FakeCoordinator()
    for module in (compare, panels, prices):
        monkeypatch.setattr(module, "connect", coordinator.client)
    return coordinator


def a_panel(**changes: object) -> Json:
    item = {"id": 1, "date": "2025-08-13", "outcome_date": "2025-08-14", "published_at": "…", "text": "Rates [held]"}
    panel = {
        "corpus": "c",
        "name": "p",
        "first": "2025-08-13",
        "last": "2025-08-15",
        "headlines": 1,
        "seed": 7,
        "runs": ["R"],
        "items": [item],
        "look_ahead": "Its headlines are of 2025-08-13.",
    }
    return panel | changes


def test_panel_is_created_and_shown_with_its_headlines(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.on("POST /v1/corpora/c/panels", a_panel(), status=201)
    arguments = "panel create c p --from 20250813 --to 2025-08-15 --headlines 1 --seed 7"
    assert main.run(arguments.split()) == 0
    body = {"name": "p", "headlines": 1, "seed": 7, "from": "2025-08-13", "to": "2025-08-15"}
    assert fake.sent[0][2] == body
    text = capsys.readouterr().out
    assert "p of c: 1 headlines from 20250813 to 20250815, seed 7" in text
    assert "Rates [held]" in text
    assert "Its headlines are of 2025-08-13." in text
    assert "Runs scored on it: R." in text


def test_panels_are_listed_for_one_corpus_or_all(fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]) -> None:
    fake.on("GET /v1/panels", a_page(a_panel(runs=[]))).on("GET /v1/corpora/c/panels", a_page())
    assert main.run(["panel", "list"]) == 0
    assert "20250813 to 20250815" in capsys.readouterr().out
    assert main.run(["panel", "list", "c"]) == 0
    assert "no panels yet: `morrow panel create CORPUS NAME`" in capsys.readouterr().out


def test_panel_without_runs_says_how_to_use_it(fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]) -> None:
    fake.on("GET /v1/corpora/c/panels/p", a_panel(runs=[]))
    assert main.run(["panel", "show", "c", "p"]) == 0
    assert "--set panel=p" in capsys.readouterr().out


def test_prices_are_imported_and_the_summary_is_printed(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "p.csv").write_text("symbol,date,close\nSPX,2025-08-18,100\n")
    bad = {"origin": "p.csv:3", "reason": "close is missing"}
    summary = {"name": "s", "added": 1, "replaced": 2, "unchanged": 0, "duplicates": 3, "bad": [bad], "instruments": []}
    fake.on("POST /v1/prices/s", summary | {"covered_until": "2025-08-18"})
    assert main.run(["prices", "import", str(tmp_path / "p.csv"), "--name", "s", "--replace", "--skip-bad"]) == 0
    row = {"origin": "p.csv:2", "symbol": "SPX", "date": "2025-08-18", "close": "100"}
    assert fake.sent[0][2] == {"replace": True, "skip_bad": True, "rows": [row]}
    text = capsys.readouterr().out
    assert "s: 1 closes added, 2 replaced, 3 duplicates merged; every instrument has closes until 20250818" in text
    assert "skipped p.csv:3: close is missing" in text


def test_price_sets_are_listed_and_shown(fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]) -> None:
    reach = {"first": "2025-08-18", "last": "2025-08-20"}
    fake.on("GET /v1/prices", a_page({"name": "s", "instruments": 2, "closes": 5, "covered_until": None} | reach))
    instrument = {"symbol": "SPX", "aliases": ["S&P 500", "[spx]"], "closes": 3} | reach
    fake.on("GET /v1/prices/s", {"name": "s", "covered_until": None, "instruments": [instrument]})
    assert main.run(["prices", "list"]) == 0
    assert "20250818 to 20250820" in capsys.readouterr().out
    assert main.run(["prices", "show", "s"]) == 0
    text = capsys.readouterr().out
    assert "s: no claim can be settled yet" in text
    assert "S&P 500 | [spx]" in text


def a_comparison(**changes: Any) -> Json:
    side = {"operand": "R:base", "run": "R", "policy": "base", "dates": ["2025-08-17"], "headlines": 12, "lines": 48}
    a = side | {"valid": 5, "look_ahead": 0, "trained_until": None}
    b = a | {"operand": "R", "policy": "R-20250826-abc", "dates": ["2025-08-26"], "valid": 44, "look_ahead": 8}
    rising = {"difference": 0.8125, "low": 0.7, "high": 0.9, "excludes_zero": True, "left_out": 0}
    unknown = {"difference": None, "low": None, "high": None, "excludes_zero": None, "left_out": 0}
    comparison = {
        "a": a,
        "b": b,
        "panel": "p",
        "paired": True,
        "headlines": 12,
        "seed": 3,
        "resamples": 500,
        "level": 0.95,
        "figures": [
            {"name": "raw_validity", "among": "all", "a": 0.1, "b": 0.9125} | rising,
            {"name": "semantic", "among": "valid", "a": None, "b": 0.25} | unknown,
            {"name": "tokens", "among": "all", "a": 61.25, "b": 60.0}
            | {"difference": -1.25, "low": -9.5, "high": 10.25, "excludes_zero": False, "left_out": 0},
        ],
        "notes": ["B looks ahead: 8 of its 48 lines."],
    }
    return comparison | changes


def test_comparison_marks_intervals_that_exclude_zero_and_states_its_method(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.on("GET /v1/compare", a_comparison())
    assert main.run(["compare", "R:base", "R", "--panel", "p", "--resamples", "500", "--seed", "3"]) == 0
    assert fake.sent[0][1] == {"a": "R:base", "b": "R", "panel": "p", "resamples": "500", "seed": "3"}
    lines = [" ".join(row.split()) for row in capsys.readouterr().out.splitlines()]
    assert "R:base and R on panel p" in lines
    assert "A: the base model of R; 12 headlines, 48 lines, 5 valid; look-ahead 0 lines" in lines
    assert "B: R-20250826-abc, 20250826; 12 headlines, 48 lines, 44 valid; look-ahead 8 lines" in lines
    assert "raw_validity all lines 0.100 0.912 +0.812 +0.700 to +0.900 *" in lines
    assert "semantic valid lines – 0.250 – –" in lines
    assert "tokens all lines 61.2 60.0 -1.250 -9.500 to +10.2" in lines
    assert "Intervals: 95% of 500 bootstrap resamples of 12 headlines, paired, seed 3; * excludes 0." in lines
    assert lines[-1] == "B looks ahead: 8 of its 48 lines."


def test_runs_are_compared_on_their_common_dates(fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]) -> None:
    comparison = a_comparison(panel=None, paired=False, notes=[])
    days = {"policy": None, "dates": ["2025-08-17", "2025-08-18"], "look_ahead": None}
    comparison["a"] |= days
    fake.on("GET /v1/compare", comparison)
    assert main.run(["compare", "R", "S"]) == 0
    text = capsys.readouterr().out
    assert "on their common dates" in text
    assert "A: run R, 20250817 to 20250818 (2 days); 12 headlines, 48 lines, 5 valid; look-ahead unknown" in text
    assert "resamples of headlines, each side resampled by itself" in text


def test_comparison_is_printed_as_json(fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]) -> None:
    fake.on("GET /v1/compare", a_comparison())
    assert main.run(["compare", "R:base", "R", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == a_comparison()


def test_comparison_without_common_dates_is_a_one_line_error(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = {"type": "urn:morrow:problem:conflict", "detail": "nothing can be compared: no date is scored in both"}
    fake.on("GET /v1/compare", problem, status=409)
    assert main.run(["compare", "R", "S"]) == 1
    assert capsys.readouterr().err == "morrow: nothing can be compared: no date is scored in both\n"
