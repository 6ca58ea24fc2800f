"""Comparisons of checkpoints on a panel and of runs on their common dates, over REST."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.coordinator.database import Sessions
from services.coordinator.models import Day, Headline, Run
from tests.factories import day, make_corpus
from tests.fakes import FakeWorker
from tests.integration.coordinator.scored_runs import BROKEN, LINE, add_day, add_lines, make_run, publish


def headlines(session: Session, number: int) -> list[Headline]:
    """The headlines of the corpus' n-th day."""
    query = select(Headline).where(Headline.date == day(number)).order_by(Headline.position)
    return list(session.scalars(query))


def panel_run(session: Session, name: str, panel: str = "p", **config: Any) -> Run:
    """Days 1 and 2 with a checkpoint each; on the panel of day 0: base half valid, then all valid, then better."""
    run = make_run(session, name, panel=panel, **config)
    on = headlines(session, 0)
    base = add_day(session, run, day(0), "panel")
    add_lines(session, base, on, [LINE, BROKEN])
    for number, composite in ((1, 0.5), (2, 0.75)):
        chain = add_day(session, run, day(number), position=number - 1)
        checkpoint = publish(session, run, chain, trained_until=dt.datetime(2025, 8, 18, 9, 1, tzinfo=dt.UTC))
        scored = add_day(session, run, day(number), "panel", policy_day_id=chain.id)
        add_lines(session, scored, on, [LINE | {"composite": composite}] * 2, checkpoint.id)
    return run


@pytest.fixture
def runs(client: TestClient, sessions: Sessions) -> None:
    """Runs R and S over one corpus with the panel p, of day 0; run T is on no panel."""
    make_corpus(sessions, dates=4, per_day=4)
    panel = {"name": "p", "headlines": 4, "to": str(day(0))}
    assert client.post("/v1/corpora/sample/panels", json=panel).status_code == 201
    with sessions.begin() as session:
        panel_run(session, "R")
        panel_run(session, "S", max_tokens=80)
        make_run(session, "T")


def compare(client: TestClient, a: str, b: str, **query: Any) -> Any:
    return client.get("/v1/compare", params={"a": a, "b": b, "resamples": 200, **query})


def figures(answer: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(figure["name"], figure["among"]): figure for figure in answer["figures"]}


def test_run_stands_for_its_newest_checkpoint_on_the_panel(client: TestClient, runs: None) -> None:
    answer = compare(client, "R:base", "R", panel="p").json()
    assert (answer["a"]["policy"], answer["b"]["policy"]) == ("base", "R-20250820-abc")
    assert (answer["headlines"], answer["paired"], answer["panel"]) == (4, True, "p")
    assert (answer["a"]["lines"], answer["a"]["valid"], answer["b"]["valid"]) == (8, 4, 8)
    found = figures(answer)
    raw = found["raw_validity", "all"]
    assert (raw["a"], raw["b"], raw["low"], raw["high"], raw["excludes_zero"]) == (0.5, 1.0, 0.5, 0.5, True)
    composite = found["composite", "valid"]
    assert (composite["a"], composite["b"], composite["difference"]) == (0.5, 0.75, 0.25)


def test_checkpoint_is_named_by_its_day_or_by_its_id(client: TestClient, runs: None) -> None:
    by_day = compare(client, "R:20250819", "R:2025-08-20", panel="p").json()
    by_id = compare(client, "R-20250819-abc", "R-20250820-abc", panel="p").json()
    assert by_day["figures"] == by_id["figures"]
    assert by_id["a"]["dates"] == [str(day(1))]
    assert figures(by_id)["composite", "all"]["difference"] == 0.25


def test_panel_of_both_runs_is_the_default_for_checkpoints(client: TestClient, runs: None) -> None:
    assert compare(client, "R:base", "S:20250819").json()["panel"] == "p"
    refused = compare(client, "R:base", "T:base")
    assert refused.status_code == 422
    assert "R is scored on p, T is scored on none" in refused.json()["detail"]


def test_notes_name_look_ahead_and_differing_settings(client: TestClient, runs: None) -> None:
    answer = compare(client, "R:base", "S", panel="p").json()
    # The checkpoints have learned until 09:01; of four headlines, a minute apart from 09:00 on, one is older.
    assert (answer["a"]["look_ahead"], answer["b"]["look_ahead"]) == (0, 2)
    assert answer["b"]["trained_until"] == "2025-08-18T09:01:00Z"
    assert any("B looks ahead: 2 of its 8 lines" in note for note in answer["notes"])
    assert any("max_tokens (160, 80)" in note for note in answer["notes"])
    assert any("its own run's base model" in note for note in answer["notes"])


def test_same_seed_gives_the_same_intervals(client: TestClient, runs: None) -> None:
    first, second = (compare(client, "R:base", "R", panel="p", seed=5).json() for _ in range(2))
    assert first == second
    assert (first["seed"], first["resamples"], first["level"]) == (5, 200, 0.95)


REFUSED: list[tuple[str, str, str | None, int, str]] = [
    ("R:base", "T", "p", 409, "b: run 'T' is scored on no panel, not on 'p'"),
    ("R:base", "R", "q", 409, "is scored on panel 'p', not on 'q'"),
    ("none", "R", "p", 404, "a: there is neither a run nor a checkpoint 'none'"),
    ("none:base", "R", "p", 404, "there is no run 'none'"),
    ("R:20250821", "R", "p", 404, "run 'R' has no day 2025-08-21"),
    ("R:best", "R", "p", 422, "write R:YYYYMMDD or R:base"),
    ("R", "S", None, 409, "nothing can be compared: R has no scored line on these days"),
    ("R", "T", None, 409, "no date is scored in both runs; R has 2, from 2025-08-19 to 2025-08-20, T has scored none"),
]


def test_operands_that_cannot_be_compared_are_refused_with_the_reason(client: TestClient, runs: None) -> None:
    for a, b, panel, status, reason in REFUSED:
        refused = compare(client, a, b, **({"panel": panel} if panel else {}))
        assert (refused.status_code, reason in refused.json()["detail"]) == (status, True), refused.text


def test_unscored_checkpoint_is_refused_with_the_names_of_the_scored_ones(
    client: TestClient, sessions: Sessions, runs: None
) -> None:
    with sessions.begin() as session:
        last = session.scalars(select(Day).where(Day.role == "panel", Day.date == day(2)).order_by(Day.id)).first()
        assert last is not None
        last.state = "evaluating"
    assert compare(client, "R:base", "R", panel="p").json()["b"]["policy"] == "R-20250819-abc"
    refused = compare(client, "R:base", "R:20250820", panel="p")
    assert refused.status_code == 409
    assert "has scores of base, 20250819 so far, 1 more are planned" in refused.json()["detail"]


def test_day_without_a_checkpoint_cannot_be_compared(client: TestClient, sessions: Sessions, runs: None) -> None:
    with sessions.begin() as session:
        run = session.scalars(select(Run).where(Run.name == "T")).one()
        add_day(session, run, day(1), state="generating")
    refused = compare(client, "T:20250819", "R", panel="p")
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "day 2025-08-19 of run 'T' is generating and has no checkpoint to compare",
    )


def test_panels_of_different_corpora_cannot_be_compared(client: TestClient, sessions: Sessions, runs: None) -> None:
    make_corpus(sessions, "other", dates=2)
    with sessions.begin() as session:
        make_run(session, "O", "other", panel="p")
    refused = compare(client, "R", "O", panel="p")
    assert refused.status_code == 409
    assert "over different corpora" in refused.json()["detail"]


def test_runs_are_compared_on_their_common_dates_and_headlines(
    client: TestClient, sessions: Sessions, runs: None
) -> None:
    with sessions.begin() as session:
        for name, numbers, line in (("R", (1, 2), LINE), ("S", (2,), LINE | {"arm": "ladder", "raw_strict": False})):
            run = session.scalars(select(Run).where(Run.name == name)).one()
            for number in numbers:
                query = select(Day).where(Day.run_id == run.id, Day.role == "chain", Day.date == day(number))
                on = headlines(session, number)
                add_lines(session, session.scalars(query).one(), on[:3] if name == "S" else on, [line, BROKEN])
        session.scalars(
            select(Day).where(Day.run_id == run.id, Day.role == "chain", Day.date == day(1))
        ).one().state = "failed"
    answer = compare(client, "R", "S").json()
    assert (answer["panel"], answer["paired"], answer["headlines"]) == (None, True, 3)
    assert answer["a"]["dates"] == answer["b"]["dates"] == [str(day(2))]
    found = figures(answer)
    assert (found["raw_validity", "all"]["a"], found["raw_validity", "all"]["b"]) == (0.5, 0.0)
    # R has no ladder arm, so all of its lines are delivered; of S only the ladder's are.
    assert (found["final_validity", "delivered"]["a"], found["final_validity", "delivered"]["b"]) == (0.5, 1.0)
    assert any("left out: 1 of A, 0 of B" in note for note in answer["notes"])
    assert any("Ranks average to .5" in note for note in answer["notes"])


def test_imported_run_is_matched_by_date_and_text(client: TestClient, sessions: Sessions, runs: None) -> None:
    with sessions.begin() as session:
        imported = make_run(session, "I", None, preset="legacy", ranker="recorded")
        mine = session.scalars(select(Run).where(Run.name == "R")).one()
        chain = session.scalars(select(Day).where(Day.run_id == mine.id, Day.role == "chain", Day.date == day(1)))
        add_lines(session, chain.one(), headlines(session, 1), [LINE])
        scored = add_day(session, imported, day(1), state="scored")
        add_lines(session, scored, headlines(session, 1), [BROKEN], "imported", linked=False)
    answer = compare(client, "R", "I").json()
    assert (answer["paired"], answer["headlines"]) == (True, 4)
    assert (answer["b"]["look_ahead"], answer["b"]["policy"]) == (None, None)
    assert any("B is an imported run" in note for note in answer["notes"])


def test_run_created_by_the_scheduler_is_compared_with_its_base(
    client: TestClient, sessions: Sessions, worker: FakeWorker
) -> None:
    make_corpus(sessions, dates=5, per_day=3)
    panel = {"name": "held", "headlines": 3, "from": str(day(3))}
    assert client.post("/v1/corpora/sample/panels", json=panel).status_code == 201
    config = {"panel": "held", "rollouts": 2, "panel_rollouts": 2}
    run = {"name": "W", "corpus": "sample", "to": str(day(1)), "config": config}
    assert client.post("/v1/backfills", json=run).status_code == 201
    worker.do_all("W")
    answer = compare(client, "W:base", "W", panel="held").json()
    assert (answer["a"]["policy"], answer["b"]["dates"]) == ("base", [str(day(1))])
    assert (answer["headlines"], answer["a"]["lines"], answer["b"]["lines"]) == (3, 6, 6)
    assert answer["b"]["look_ahead"] == 0
    form = figures(answer)["form_score", "all"]
    assert (form["a"], form["b"], form["low"], form["excludes_zero"]) == (0.5, 0.5, 0.0, False)
    assert client.get("/v1/corpora/sample/panels/held").json()["runs"] == ["W"]
