from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.coordinator.prices.rules import CheckedPrice, Names, RawPrice, check_price, check_prices, merge_names
from shared.errors import InvalidInputError

DAY = dt.date(2025, 8, 18)


def raw(number: int = 1, **changes: Any) -> RawPrice:
    values: dict[str, Any] = {"symbol": "SPX", "date": "2025-08-18", "close": "6449.8"}
    return RawPrice(origin=f"p.csv:{number}", **values | changes)


def price(symbol: str = "SPX", *aliases: str) -> CheckedPrice:
    return CheckedPrice("p.csv:1", symbol, DAY, 1.0, aliases)


def test_a_row_becomes_a_close_with_its_other_names() -> None:
    checked = check_price(raw(symbol=" SPX ", aliases="S&P 500| sp500 ||"))
    assert checked == CheckedPrice("p.csv:1", "SPX", DAY, 6449.8, ("S&P 500", "sp500"))


@pytest.mark.parametrize("date", ["20250818", "2025-08-18", "2025-08-18 00:00:00", "2025-08-18T16:00:00-04:00"])
def test_a_time_of_day_after_the_date_is_ignored(date: str) -> None:
    assert check_price(raw(date=date)).date == DAY


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"symbol": None}, "symbol is missing"),
        ({"symbol": "x" * 65}, "symbol has 65 characters"),
        ({"symbol": "S\x00X"}, "control character"),
        ({"date": " "}, "date is missing"),
        ({"date": "18.8.2025"}, "is not a date: write it as"),
        ({"close": ""}, "close is missing"),
        ({"close": "1,000"}, "is not a number: write it like"),
        ({"close": "nan"}, "is not above 0"),
        ({"close": "-37.63"}, "is not above 0"),
        ({"close": "0"}, "is not above 0"),
        ({"aliases": "ok|" + "y" * 65}, "aliases has 65 characters"),
        ({"problem": "the line is not CSV"}, "the line is not CSV"),
    ],
)
def test_a_bad_row_names_the_field_and_the_cure(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        check_price(raw(**changes))


def test_a_repeated_row_is_folded_and_a_contradicting_one_is_bad() -> None:
    rows = [raw(1), raw(2, symbol="spx"), raw(3, close="6450"), raw(4, date="2025-08-19")]
    good, bad, repeated = check_prices(rows)
    assert ([row.origin for row in good], repeated) == (["p.csv:1", "p.csv:4"], 1)
    assert [row.origin for row in bad] == ["p.csv:3"]
    assert "close 6450.0 of SPX on 2025-08-18 contradicts 6449.8 at p.csv:1" in bad[0].reason


def test_an_instrument_keeps_its_spelling_and_collects_aliases() -> None:
    stored = [Names("SPX", ("S&P 500",))]
    rows = [price("spx", "s&p  500", "sp500"), price("SPX", "SPX", "US500"), price("DAX")]
    assert merge_names(stored, rows) == [Names("SPX", ("S&P 500", "sp500", "US500")), Names("DAX")]


@pytest.mark.parametrize("rows", [[price("DAX", "spx")], [price("DAX", "index"), price("CAC", "Index")]])
def test_a_name_of_two_instruments_is_refused(rows: list[CheckedPrice]) -> None:
    with pytest.raises(InvalidInputError, match=r"is a name of .* and of .*; take it from one of them"):
        merge_names([Names("SPX")], rows)


@given(st.text(max_size=80), st.text(max_size=20), st.text(max_size=20), st.text(max_size=80))
def test_any_text_is_a_close_or_a_bad_row(symbol: str, date: str, close: str, aliases: str) -> None:
    good, bad, repeated = check_prices([RawPrice("p.csv:1", symbol, date, close, aliases)])
    assert (len(good) + len(bad), repeated) == (1, 0)
