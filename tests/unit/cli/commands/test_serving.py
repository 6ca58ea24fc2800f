"""`morrow serving`, `morrow promote` and `morrow forecast` against a fake coordinator."""

from __future__ import annotations

import json

import pytest

from services.cli import main
from services.cli.commands import serving
from tests.unit.cli.coordinator import FakeCoordinator, Json, a_page


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeCoordinator:
    """The coordinator that the commands connect to."""
    coordinator = FakeCoordinator()
    monkeypatch.setattr(serving, "connect", coordinator.client)
    return coordinator


def an_engine(**changes: object) -> Json:
    engine: Json = {
        "url": "http://e1",
        "loaded": ["base", "R-1"],
        "load_seconds": {"R-1": 0.5},
        "verified_at": {"R-1": "2025-11-22T12:00:00Z"},
        "ready": True,
        "stale": False,
        "age_seconds": 4.2,
        "error": None,
    }
    return engine | changes


def desired(served: str | None = "R-1") -> Json:
    return {"served": served, "previous": None, "checkpoints": [], "served_since": "2025-11-22T11:59:00Z"}


def a_promotion(**changes: object) -> Json:
    engine = {"engine": "http://e1", "state": "ready", "seconds": 0.75, "load_seconds": 0.1, "error": None}
    return {"served": "R-2", "previous": "R-1", "changed": True, "promoted_at": "…", "engines": [engine]} | changes


def test_serving_shows_the_served_checkpoint_and_loaded_ones(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = an_engine(url="http://e2", ready=False, loaded=["base"], error="no [space] left")
    fake.on("GET /v1/serving", desired()).on("GET /v1/engines", a_page(an_engine(), broken, an_engine(stale=True)))
    assert main.run(["serving"]) == 0
    text = capsys.readouterr().out
    for part in ("R-1 (served)", "ready", "not ready", "stale", "0.50", "4 s ago", "no [space] left"):
        assert part in text
    assert main.run(["serving", "--json"]) == 0
    assert [engine["url"] for engine in json.loads(capsys.readouterr().out)["engines"]][:2] == [
        "http://e1",
        "http://e2",
    ]


def test_serving_without_engines_says_how_to_start_one(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.on("GET /v1/serving", desired(None) | {"served_since": None}).on("GET /v1/engines", a_page())
    assert main.run(["serving"]) == 0
    text = capsys.readouterr().out
    assert "the base model" in text
    assert "`morrow up` starts one" in text


def test_promotion_is_requested_and_its_engines_are_listed(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.on("POST /v1/serving", a_promotion())
    assert main.run(["promote", "RUN:final_model", "--wait", "--timeout", "30", "--expected", "R-1"]) == 0
    body = {"checkpoint": "RUN:final_model", "wait": True, "timeout_seconds": 30.0, "expected": "R-1"}
    assert fake.sent[0][2] == body
    text = capsys.readouterr().out
    assert "R-2 is served; previous is R-1" in text
    assert "http://e1  ready after 0.75 s" in text


def test_promotion_of_the_served_checkpoint_changes_nothing(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.on("POST /v1/serving", a_promotion(changed=False, engines=[]))
    assert main.run(["promote", "previous"]) == 0
    assert "R-2 was served already" in capsys.readouterr().out


def test_promotion_that_times_out_is_a_failure_naming_the_engines(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = {"type": "urn:morrow:problem:not-in-time", "detail": "R-2 is promoted, but not all engines hold it"}
    fake.on("POST /v1/serving", problem | {"errors": [{"field": "http://e9", "message": "no room"}]}, status=504)
    assert main.run(["promote", "R-2", "--wait"]) == 1
    text = capsys.readouterr().err
    assert "morrow: R-2 is promoted" in text
    assert "http://e9: no room" in text


def test_forecasts_of_a_headline_are_printed_with_their_source(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [{"text": "Domain: x [y]", "verdict": "strict"}, {"text": "", "verdict": "malformed"}]
    response = {"policy": "R-1", "served": "R-2", "engine": "http://e1", "seconds": 1.25, "lines": lines}
    fake.on("POST /v1/forecast", response)
    arguments = ["forecast", "Rates rise", "-n", "2", "--date", "20250818", "--seed", "7"]
    assert main.run(arguments) == 0
    body = {"headline": "Rates rise", "lines": 2, "profile": "default", "format": "one_line", "policy": "served"}
    assert fake.sent[0][2] == body | {"date": "2025-08-18", "seed": 7}
    output = capsys.readouterr()
    assert output.out == "Domain: x [y]\n(empty: malformed)\n"
    assert "by R-1 on http://e1 in 1.2 s: 1 strict, 1 malformed; no engine has loaded the served R-2 yet" in output.err
    assert main.run([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == response


@pytest.mark.parametrize(
    "arguments", [["forecast", "  "], ["forecast", "x", "--date", "soon"], ["forecast", "x", "-n", "0"]]
)
def test_invalid_forecast_arguments_are_a_usage_error(
    fake: FakeCoordinator, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main.run(arguments) == 2
    assert capsys.readouterr().err.startswith("morrow: ")
    assert fake.sent == []
