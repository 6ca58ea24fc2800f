"""Price sets over REST, and what the scheduler asks of them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.coordinator.database import Sessions
from services.coordinator.prices.queries import covered_until, price_set, series
from shared.errors import NotFoundError

Row = dict[str, Any]


def row(number: int, symbol: str, day: int, close: float, aliases: str | None = None) -> Row:
    date = str(dt.date(2025, 8, day))
    return {"origin": f"p.csv:{number}", "symbol": symbol, "date": date, "close": str(close), "aliases": aliases}


ROWS = [row(2, "SPX", 18, 100.0, "S&P 500"), row(3, "SPX", 19, 102.0), row(4, "OIL", 18, 60.0), row(5, "SPX", 20, 99.5)]


def post(client: TestClient, rows: list[Row], name: str = "closes", **options: Any) -> Any:
    return client.post(f"/v1/prices/{name}", json={"rows": rows, **options})


def test_an_imported_set_is_covered_until_the_end_of_its_shortest_series(client: TestClient) -> None:
    answer = post(client, [*ROWS, row(6, "SPX", 18, 100.0)]).json()
    counts = {name: answer[name] for name in ("added", "replaced", "unchanged", "duplicates", "bad")}
    assert counts == {"added": 4, "replaced": 0, "unchanged": 0, "duplicates": 1, "bad": []}
    assert answer["covered_until"] == "2025-08-18"
    assert answer["instruments"] == [
        {"symbol": "OIL", "aliases": [], "closes": 1, "first": "2025-08-18", "last": "2025-08-18"},
        {"symbol": "SPX", "aliases": ["S&P 500"], "closes": 3, "first": "2025-08-18", "last": "2025-08-20"},
    ]


def test_the_same_rows_again_change_nothing(client: TestClient) -> None:
    post(client, ROWS)
    again = post(client, ROWS).json()
    assert (again["added"], again["unchanged"], again["replaced"]) == (0, 4, 0)


def test_a_set_grows_and_collects_aliases(client: TestClient) -> None:
    post(client, ROWS)
    grown = post(client, [row(2, "oil", 21, 61.5, "Brent|crude oil")]).json()
    assert (grown["added"], grown["covered_until"]) == (1, "2025-08-20")
    assert [i["symbol"] for i in grown["instruments"]] == ["OIL"]
    shown = client.get("/v1/prices/closes").json()
    assert [(i["symbol"], i["aliases"]) for i in shown["instruments"]] == [
        ("OIL", ["Brent", "crude oil"]),
        ("SPX", ["S&P 500"]),
    ]


def test_another_close_of_the_same_day_is_refused_and_named(client: TestClient, sessions: Sessions) -> None:
    post(client, ROWS)
    refused = post(client, [row(9, "SPX", 19, 103.0), row(10, "SPX", 21, 104.0)])
    assert refused.status_code == 409
    assert "import with replace" in refused.json()["detail"]
    assert refused.json()["errors"] == [{"field": "p.csv:9", "message": "SPX on 2025-08-19 is 102.0, not 103.0"}]
    with sessions.begin() as session:
        assert series(session, "closes", dt.date(2025, 8, 19), dt.date(2025, 8, 31))[1].closes == [102.0, 99.5]


def test_a_stored_close_is_replaced_with_replace(client: TestClient, sessions: Sessions) -> None:
    post(client, ROWS)
    answer = post(client, [row(9, "SPX", 19, 103.0), row(10, "SPX", 20, 99.5)], replace=True).json()
    assert (answer["added"], answer["replaced"], answer["unchanged"]) == (0, 1, 1)
    with sessions.begin() as session:
        assert series(session, "closes", dt.date(2025, 8, 19), dt.date(2025, 8, 19))[1].closes == [103.0]


def test_one_bad_row_refuses_the_whole_import_unless_it_is_skipped(client: TestClient) -> None:
    rows = [*ROWS, row(8, "SPX", 22, -1.0)]
    refused = post(client, rows)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "p.csv:8"
    assert client.get("/v1/prices/closes").status_code == 404
    answer = post(client, rows, skip_bad=True).json()
    assert (answer["added"], [bad["origin"] for bad in answer["bad"]]) == (4, ["p.csv:8"])


def test_an_import_without_a_single_close_is_refused(client: TestClient) -> None:
    assert "no close to import" in post(client, []).json()["detail"]
    unread = {"origin": "p.csv:7", "problem": "line 7 is not CSV"}
    assert post(client, [unread], skip_bad=True).status_code == 422


def test_a_name_of_two_stored_instruments_is_refused(client: TestClient) -> None:
    post(client, ROWS)
    refused = post(client, [row(2, "ES", 18, 100.0, "s&p 500")])
    assert refused.status_code == 422
    assert "'s&p 500' is a name of SPX and of ES" in refused.json()["detail"]


def test_series_have_the_closes_of_a_range_in_order(client: TestClient, sessions: Sessions) -> None:
    post(client, list(reversed(ROWS)))
    with sessions.begin() as session:
        oil, spx = series(session, "closes", dt.date(2025, 8, 19), dt.date(2025, 8, 20))
    assert (oil.symbol, oil.dates) == ("OIL", [])
    assert (spx.aliases, spx.closes) == (["S&P 500"], [102.0, 99.5])
    assert spx.dates == [dt.date(2025, 8, 19), dt.date(2025, 8, 20)]


def test_an_unknown_set_is_not_found_and_the_cure_is_named(client: TestClient, sessions: Sessions) -> None:
    assert client.get("/v1/prices/none").status_code == 404
    with sessions.begin() as session:
        for ask in (price_set, covered_until):
            with pytest.raises(NotFoundError, match="morrow prices import PATH --name none"):
                ask(session, "none")


def test_sets_are_listed_in_pages(client: TestClient) -> None:
    for name in ("a", "b", "c"):
        post(client, ROWS, name)
    first = client.get("/v1/prices?limit=2").json()
    assert ([s["name"] for s in first["items"]], first["next"]) == (["a", "b"], "b")
    rest = client.get("/v1/prices?limit=2&cursor=b").json()
    del rest["items"][0]["created_at"]
    assert rest == {
        "items": [
            {
                "name": "c",
                "instruments": 2,
                "closes": 4,
                "first": "2025-08-18",
                "last": "2025-08-20",
                "covered_until": "2025-08-18",
            }
        ],
        "next": None,
    }
