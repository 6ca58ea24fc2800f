"""What a corpus accepts, and when its days begin and end."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from services.coordinator.corpora.rules.headlines import (
    CheckedRow,
    RawRow,
    check_row,
    check_rows,
    day_begin,
    flag_of,
    fold,
    parse_time,
    parse_zone,
    text_key,
)
from shared.dates import parse_date
from shared.errors import InvalidInputError

PACIFIC = ZoneInfo("America/Los_Angeles")
UTC = ZoneInfo("UTC")
DAY = dt.date(2025, 8, 2)
THREE_DAYS = dt.timedelta(days=3)


def row(
    text: str | None = "Rates held", published_at: str | None = "2025-08-02T17:00:00Z", date: str | None = None
) -> RawRow:
    return RawRow("file.jsonl:1", text=text, published_at=published_at, date=date)


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(text=None), "text is empty"),
        (row(text=" \n "), "text is empty"),
        (row(text="x" * 2001), "2001 characters, the maximum is 2000"),
        (row(text="a\x00b"), "control character U+0000"),
        (row(published_at=None), "published_at is missing"),
        (row(published_at="  "), "published_at is missing"),
        (row(published_at="yesterday"), "not a time"),
        (row(published_at="2025-08-02T17:00:00"), "no time zone"),
        (row(published_at="2025-08-02"), "no time zone"),
        (row(published_at="0001-01-01T00:00:00+14:00"), "outside the years"),
        (row(date="2025-8-2"), "is not a date"),
        (row(date="20250230"), "is not a date"),
        (RawRow("f:3", problem="line 3 is not JSON"), "line 3 is not JSON"),
    ],
)
def test_bad_row_gets_a_reason(bad: RawRow, reason: str) -> None:
    good, refused = check_rows([bad, row()], UTC, "keep")
    assert len(good) == 1
    assert refused[0].origin == bad.origin
    assert reason in refused[0].reason


def test_invalid_source_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidInputError, match="source contains the control character"):
        check_row(RawRow("f:1", "Rates held", "2025-08-02T17:00:00Z", source="a\x07"), UTC, "keep")


@pytest.mark.parametrize(
    "written",
    ["2025-08-02T17:00:00Z", "2025-08-02T10:00:00-07:00", "Sat, 02 Aug 2025 17:00:00 GMT", "20250802T170000+0000"],
)
def test_times_parse_in_iso_and_mail_form(written: str) -> None:
    assert parse_time(written) == utc("2025-08-02T17:00:00")


@pytest.mark.parametrize("written", ["20250802", "2025-08-02", " 2025-08-02 "])
def test_dates_parse_in_both_forms(written: str) -> None:
    assert parse_date(written) == DAY


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "America"])
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="timezone: there is no time zone"):
        parse_zone(name)


def test_without_a_date_a_headline_belongs_to_its_day_of_publication_in_the_corpus_zone() -> None:
    late_evening = row(published_at="2025-08-03T05:00:00Z")
    assert check_row(late_evening, PACIFIC, "keep").date == DAY
    assert check_row(late_evening, UTC, "keep").date == dt.date(2025, 8, 3)


def test_regrouping_files_by_day_of_publication_and_keeps_the_date_in_the_file() -> None:
    checked = check_row(row(published_at="2025-08-08T17:45:03Z", date="20250802"), PACIFIC, "regroup")
    assert (checked.date, checked.filed_under) == (dt.date(2025, 8, 8), DAY)


def test_text_becomes_one_line() -> None:
    assert check_row(row(text=" Rates\n held\u00a0steady "), UTC, "keep").text == "Rates held steady"


def test_headlines_are_the_same_whatever_their_case_width_and_spacing() -> None:
    assert text_key("STRASSE  Ａ\t1") == text_key("straße a 1")


def _checked(text: str, date: dt.date = DAY) -> CheckedRow:
    return CheckedRow("f:1", text, text_key(text), utc("2025-08-02T17:00:00"), date, date, None, None)


def test_only_repetitions_within_a_day_are_folded_and_the_first_stays() -> None:
    first, again, other_day = (
        _checked("Rates held"),
        _checked("RATES held"),
        _checked("Rates held", dt.date(2025, 8, 3)),
    )
    assert fold([first, again, other_day]) == ([first, other_day], 1)


def test_a_day_ends_with_the_first_moment_of_the_next_in_the_corpus_zone() -> None:
    last, next_day = utc("2025-08-03T06:59:59"), utc("2025-08-03T07:00:00")
    assert flag_of(last, DAY, PACIFIC, THREE_DAYS) is None
    assert flag_of(next_day, DAY, PACIFIC, THREE_DAYS) == "late"
    assert flag_of(last, DAY, UTC, THREE_DAYS) == "late"


def test_a_headline_is_stale_from_the_first_moment_beyond_the_limit() -> None:
    limit = utc("2025-07-30T07:00:00")
    assert flag_of(limit, DAY, PACIFIC, THREE_DAYS) is None
    assert flag_of(limit - dt.timedelta(seconds=1), DAY, PACIFIC, THREE_DAYS) == "stale"


def test_days_of_the_change_to_and_from_summer_time_have_23_and_25_hours() -> None:
    def hours(date: dt.date) -> float:
        return (day_begin(date + dt.timedelta(days=1), PACIFIC) - day_begin(date, PACIFIC)).total_seconds() / 3600

    assert hours(dt.date(2025, 3, 9)) == 23
    assert hours(dt.date(2025, 11, 2)) == 25
    assert flag_of(utc("2025-11-03T07:30:00"), dt.date(2025, 11, 2), PACIFIC, THREE_DAYS) is None
    assert flag_of(utc("2025-03-10T07:30:00"), dt.date(2025, 3, 9), PACIFIC, THREE_DAYS) == "late"


def test_a_day_whose_midnight_does_not_exist_begins_when_the_clock_jumps() -> None:
    assert day_begin(dt.date(2018, 11, 4), ZoneInfo("America/Sao_Paulo")) == utc("2018-11-04T03:00:00")
