"""Importing headlines over REST."""

from __future__ import annotations

import datetime as dt
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import select

from services.coordinator.database import Sessions
from services.coordinator.models import Corpus, Headline

Row = dict[str, Any]


def row(number: int, text: str, date: str = "20250806", published: str = "2025-08-06T19:00:00+00:00") -> Row:
    return {"origin": f"h.jsonl:{number}", "text": text, "date": date, "published_at": published, "source": "Wire"}


ROWS = [row(1, "Rates held"), row(2, "Oil rises"), row(3, "RATES  held"), row(4, "Rates held", "2025-08-07")]


def post(client: TestClient, rows: list[Row], name: str = "real", **options: Any) -> Any:
    return client.post(f"/v1/corpora/{name}/imports", json={"rows": rows, **options})


def test_an_import_folds_duplicates_within_a_day_and_keeps_the_order(client: TestClient, sessions: Sessions) -> None:
    answer = post(client, ROWS).json()
    assert (answer["added"], answer["duplicates"], answer["unchanged"], answer["bad"]) == (3, 1, 0, [])
    assert [day["headlines"] for day in answer["days"]] == [2, 1]
    with sessions.begin() as session:
        stored = session.scalars(select(Headline).order_by(Headline.date, Headline.position)).all()
    assert [(h.text, h.position, h.origin) for h in stored] == [
        ("Rates held", 0, "h.jsonl:1"),
        ("Oil rises", 1, "h.jsonl:2"),
        ("Rates held", 0, "h.jsonl:4"),
    ]


def test_the_same_rows_again_add_nothing(client: TestClient) -> None:
    first = post(client, ROWS).json()
    again = post(client, ROWS).json()
    assert (again["added"], again["unchanged"], again["duplicates"]) == (0, 3, 1)
    assert again["days"] == first["days"]


def test_new_rows_are_appended_to_their_day(client: TestClient, sessions: Sessions) -> None:
    post(client, ROWS)
    assert post(client, [row(9, "Gold falls")]).json()["added"] == 1
    with sessions.begin() as session:
        assert session.scalars(select(Headline.position).where(Headline.text == "Gold falls")).one() == 2


def test_a_stored_headline_with_another_time_is_folded_into_the_stored_one(client: TestClient) -> None:
    post(client, ROWS)
    moved = post(client, [row(1, "Rates held", published="2025-08-06T20:00:00Z")]).json()
    assert (moved["added"], moved["unchanged"], moved["duplicates"]) == (0, 0, 1)


def test_one_bad_row_refuses_the_whole_import_and_is_named(client: TestClient) -> None:
    bad = row(7, "No zone", published="2025-08-06T19:00:00")
    answer = post(client, [*ROWS, bad])
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "h.jsonl:7"
    assert "no time zone" in answer.json()["errors"][0]["message"]
    assert client.get("/v1/corpora/real").status_code == 404


def test_bad_rows_can_be_skipped_and_are_reported(client: TestClient) -> None:
    unread = {"origin": "h.jsonl:7", "problem": "line 7 is not JSON"}
    answer = post(client, [*ROWS, unread], skip_bad=True).json()
    assert answer["added"] == 3
    assert answer["bad"] == [{"origin": "h.jsonl:7", "reason": "line 7 is not JSON"}]


def test_an_import_without_a_single_headline_is_refused(client: TestClient) -> None:
    assert "no headline to import" in post(client, []).json()["detail"]
    unread = {"origin": "h.jsonl:7", "problem": "line 7 is not JSON"}
    assert post(client, [unread], skip_bad=True).status_code == 422


def test_false_dates_are_flagged_counted_and_advised_on(client: TestClient) -> None:
    rows = [row(1, "A", "20250802"), row(2, "B", "20250802"), row(3, "C", "20250806"), row(4, "D", "20250820")]
    answer = post(client, rows, timezone="America/Los_Angeles").json()
    assert answer["days"] == [
        {"date": "2025-08-02", "headlines": 2, "late": 2, "stale": 0},
        {"date": "2025-08-06", "headlines": 1, "late": 0, "stale": 0},
        {"date": "2025-08-20", "headlines": 1, "late": 0, "stale": 1},
    ]
    assert answer["advice"][0] == "2025-08-02: all 2 headlines were published after their day."
    assert "regroup" in answer["advice"][-1]
    assert client.get("/v1/corpora/real").json()["flagged"] == {"late": 2, "stale": 1}


def test_regrouped_headlines_have_no_flag(client: TestClient) -> None:
    rows = [row(1, "A", "20250802"), row(2, "A", "20250806"), row(3, "B", "20250803")]
    answer = post(client, rows, dates="regroup").json()
    assert answer["days"] == [{"date": "2025-08-06", "headlines": 2, "late": 0, "stale": 0}]
    assert (answer["added"], answer["duplicates"], answer["advice"]) == (2, 1, [])


def test_a_corpus_refuses_the_other_way_of_filing(client: TestClient) -> None:
    post(client, [row(1, "A", "20250802")])
    answer = post(client, [row(1, "A", "20250802")], dates="regroup")
    assert answer.status_code == 409
    assert "another name" in answer.json()["detail"]


def test_another_time_zone_needs_another_name(client: TestClient) -> None:
    post(client, ROWS)
    answer = post(client, ROWS, timezone="Europe/Zurich")
    assert answer.status_code == 409
    assert "corpus 'real' has UTC, not Europe/Zurich" in answer.json()["detail"]


def test_a_used_corpus_takes_stored_headlines_and_new_ones_of_later_days(
    client: TestClient, sessions: Sessions
) -> None:
    post(client, ROWS)
    with sessions.begin() as session:
        session.scalars(select(Corpus)).one().used_at = dt.datetime.now(dt.UTC)
    refused = post(client, [*ROWS, row(9, "Gold falls")])
    assert refused.status_code == 409
    assert "under another name" in refused.json()["detail"]
    assert post(client, ROWS).json()["unchanged"] == 3
    assert client.get("/v1/corpora/real").json()["used"] is True


def test_corpora_and_their_days_are_listed_in_pages(client: TestClient) -> None:
    for name in ("a", "b", "c"):
        post(client, ROWS, name)
    first = client.get("/v1/corpora?limit=2").json()
    assert ([c["name"] for c in first["items"]], first["next"]) == (["a", "b"], "b")
    rest = client.get("/v1/corpora?limit=2&cursor=b").json()
    assert ([c["name"] for c in rest["items"]], rest["next"]) == (["c"], None)
    days = client.get("/v1/corpora/a/days?limit=1").json()
    assert (days["items"][0]["date"], days["next"]) == ("2025-08-06", "2025-08-06")
    assert client.get("/v1/corpora/a/days?cursor=2025-08-06").json()["items"][0]["date"] == "2025-08-07"


def test_a_corpus_is_shown_with_its_counts(client: TestClient) -> None:
    post(client, ROWS)
    shown = client.get("/v1/corpora/real").json()
    assert (shown["days"], shown["headlines"], shown["first"], shown["last"]) == (2, 3, "2025-08-06", "2025-08-07")
    assert (shown["timezone"], shown["stale_after_days"], shown["used"]) == ("UTC", 3.0, False)


def test_a_name_that_could_not_be_a_folder_is_refused(client: TestClient) -> None:
    assert post(client, ROWS, "..%2Fx").status_code in {404, 422}
    assert post(client, ROWS, "a b").status_code == 422


def test_an_unknown_corpus_is_not_found(client: TestClient) -> None:
    assert client.get("/v1/corpora/none").status_code == 404
    assert client.get("/v1/corpora/none/days").status_code == 404
