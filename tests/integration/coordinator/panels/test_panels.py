"""Panels over REST: chosen once, the same for good."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from services.coordinator.database import Sessions
from services.coordinator.models import Corpus, Headline, Panel
from services.coordinator.panels.queries import held_out
from tests.factories import day, make_corpus


def create(client: TestClient, name: str = "p", **request: Any) -> Any:
    return client.post("/v1/corpora/sample/panels", json={"name": name, "headlines": 4, **request})


@pytest.fixture
def corpus(sessions: Sessions) -> int:
    """Five days of three headlines each; those of the fourth are flagged late."""
    return make_corpus(sessions, dates=5, per_day=3, flags={day(3): "late"})


def test_a_panel_is_sampled_from_sound_headlines_with_an_outcome_day(client: TestClient, corpus: int) -> None:
    answer = create(client, headlines=9)
    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["headlines"], shown["first"], shown["last"]) == (9, str(day(0)), str(day(2)))
    assert [item["date"] for item in shown["items"]] == [str(day(n)) for n in (0, 0, 0, 1, 1, 1, 2, 2, 2)]
    assert [item["outcome_date"] for item in shown["items"]][::3] == [str(day(1)), str(day(2)), str(day(4))]


def test_a_range_bounds_the_sample(client: TestClient, corpus: int) -> None:
    shown = create(client, headlines=3, **{"from": "20250819", "to": str(day(1))}).json()
    assert {item["date"] for item in shown["items"]} == {str(day(1))}


def test_a_repeated_request_gets_the_same_panel_after_the_corpus_has_grown(client: TestClient, corpus: int) -> None:
    first = create(client, seed=5).json()
    rows = [{"origin": "h:1", "text": "news", "date": str(day(5)), "published_at": f"{day(5)}T09:00:00Z"}]
    assert client.post("/v1/corpora/sample/imports", json={"rows": rows}).status_code == 200
    again = create(client, seed=5)
    assert (again.status_code, again.json()) == (200, first)
    assert client.get("/v1/corpora/sample/panels/p").json() == first


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"seed": 6}, "seed 5, not 6"),
        ({"headlines": 5}, "headlines 4, not 5"),
        ({"to": "20250820"}, "to open, not 2025-08-20"),
    ],
)
def test_another_request_under_the_same_name_is_refused(
    client: TestClient, corpus: int, change: dict[str, Any], reason: str
) -> None:
    create(client, seed=5)
    refused = create(client, **{"seed": 5} | change)
    assert refused.status_code == 409
    assert reason in refused.json()["detail"]
    assert "choose another name" in refused.json()["detail"]


def test_too_few_headlines_are_counted(client: TestClient, corpus: int) -> None:
    refused = create(client, headlines=10)
    assert refused.status_code == 422
    assert "has 9 different headlines with a sound date and an outcome day" in refused.json()["detail"]
    assert client.get("/v1/corpora/sample/panels/p").status_code == 404


def test_a_range_that_ends_before_it_begins_is_refused(client: TestClient, corpus: int) -> None:
    assert "swap them" in create(client, **{"from": "20250820", "to": "20250818"}).json()["detail"]


def test_a_panel_explains_look_ahead(client: TestClient, corpus: int) -> None:
    reason = create(client, headlines=3, **{"from": str(day(1)), "to": str(day(1))}).json()["look_ahead"]
    assert f"has learned only from days before {day(1)} is scored on news it could not know" in reason
    assert "(look-ahead)" in reason


def test_headlines_with_the_text_of_a_panel_headline_are_held_out(
    client: TestClient, sessions: Sessions, corpus: int
) -> None:
    chosen = [item["id"] for item in create(client, headlines=2, to=str(day(0))).json()["items"]]
    with sessions.begin() as session:
        text = session.get_one(Headline, chosen[0]).text_key
        twin = session.scalars(select(Headline).where(Headline.date == day(2))).first()
        assert twin is not None
        twin.text_key = text
        session.flush()
        assert held_out(session, session.scalars(select(Panel)).one()) == {*chosen, twin.id}


def test_panels_are_listed_by_corpus_and_in_pages(client: TestClient, sessions: Sessions, corpus: int) -> None:
    make_corpus(sessions, "other", dates=3)
    for name in ("b", "a"):
        create(client, name)
    client.post("/v1/corpora/other/panels", json={"name": "a", "headlines": 2})
    assert [p["name"] for p in client.get("/v1/corpora/sample/panels").json()["items"]] == ["a", "b"]
    first = client.get("/v1/panels?limit=2").json()
    assert [(p["corpus"], p["name"]) for p in first["items"]] == [("other", "a"), ("sample", "a")]
    rest = client.get(f"/v1/panels?limit=2&cursor={first['next']}").json()
    assert [(p["corpus"], p["name"]) for p in rest["items"]] == [("sample", "b")]


def test_unknown_corpora_and_panels_are_not_found(client: TestClient, corpus: int) -> None:
    assert client.get("/v1/corpora/none/panels").status_code == 404
    assert "`morrow panel create sample none`" in client.get("/v1/corpora/sample/panels/none").json()["detail"]


def test_creating_a_panel_leaves_the_corpus_open(client: TestClient, sessions: Sessions, corpus: int) -> None:
    create(client)
    with sessions.begin() as session:
        assert session.get_one(Corpus, corpus).used_at is None
