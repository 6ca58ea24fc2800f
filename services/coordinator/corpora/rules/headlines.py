"""Validation and flags of headlines, and the bounds of a corpus' days. Pure."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal
from zoneinfo import ZoneInfo

from services.coordinator.api.imports import BadRow
from shared.dates import YEARS, parse_date
from shared.errors import InvalidInputError

MAX_TEXT = 2_000
"""Maximum length of a headline, its source or its link, in characters."""
Flag = Literal["late", "stale"]
Filing = Literal["keep", "regroup"]


@dataclass(frozen=True)
class RawRow:
    """A headline as imported. `origin`: its place (file:line); `problem`: why the client could not parse it."""

    origin: str
    text: str | None = None
    published_at: str | None = None
    date: str | None = None
    source: str | None = None
    link: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class CheckedRow:
    """A valid headline. `date` is the day it is filed under, `filed_under` the day in the file."""

    origin: str
    text: str
    text_key: str
    published_at: dt.datetime
    date: dt.date
    filed_under: dt.date
    source: str | None
    link: str | None


@dataclass(frozen=True)
class DayCount:
    """Numbers of a day's headlines, and of those with a false date."""

    date: dt.date
    headlines: int
    late: int
    stale: int


def parse_zone(name: str) -> ZoneInfo:
    """The IANA time zone of that name; raises InvalidInputError."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        cure = "give an IANA name such as UTC or America/Los_Angeles"
        raise InvalidInputError(f"timezone: there is no time zone {name!r}; {cure}") from error


def parse_time(text: str) -> dt.datetime:
    """A time with its zone, ISO 8601 or RFC 2822, in UTC. Raises InvalidInputError, also for one without a zone."""
    moment = _iso_time(text.strip()) or _mail_time(text.strip())
    if moment is None:
        raise InvalidInputError(
            f"published_at {text!r} is not a time: write it in ISO 8601, such as 2025-08-02T14:30:00+00:00"
        )
    if moment.tzinfo is None:
        raise InvalidInputError(
            f"published_at {text!r} has no time zone: end it with Z or an offset, such as 2025-08-02T14:30:00+00:00"
        )
    if moment.year not in YEARS:
        raise InvalidInputError(f"published_at {text!r} lies outside the years 1900 to 2200")
    return moment.astimezone(dt.UTC)


def _iso_time(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def _mail_time(text: str) -> dt.datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def text_key(text: str) -> str:
    """The key by which headlines are equal: NFKC, case folded, white space collapsed."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def clean_text(text: str) -> str:
    """One line, white space collapsed. Raises InvalidInputError for empty, overlong or unprintable text."""
    line = " ".join(text.split())
    if not line:
        raise InvalidInputError("text is empty: remove the row or give it a headline")
    if len(line) > MAX_TEXT:
        raise InvalidInputError(f"text has {len(line)} characters, the maximum is {MAX_TEXT}: shorten it")
    # Control characters and lone surrogates could not be stored, or would change what a terminal shows.
    control = next((c for c in line if unicodedata.category(c) in {"Cc", "Cs"}), None)
    if control is not None:
        raise InvalidInputError(f"text contains the control character U+{ord(control):04X}: remove it")
    return line


def _clean_extra(name: str, text: str | None) -> str | None:
    if text is None or not text.strip():
        return None
    try:
        return clean_text(text)
    except InvalidInputError as error:
        raise InvalidInputError(error.detail.replace("text", name, 1)) from error


def check_row(row: RawRow, zone: ZoneInfo, filing: Filing) -> CheckedRow:
    """A row as a headline of a corpus in `zone`; without a date it is filed under its day of publication.

    Raises InvalidInputError.
    """
    if row.problem:
        raise InvalidInputError(row.problem)
    if row.published_at is None or not row.published_at.strip():
        raise InvalidInputError("published_at is missing: a headline needs its publication time")
    text, published = clean_text(row.text or ""), parse_time(row.published_at)
    published_on = day_of(published, zone)
    filed_under = parse_date(row.date) if row.date and row.date.strip() else published_on
    return CheckedRow(
        origin=row.origin,
        text=text,
        text_key=text_key(text),
        published_at=published,
        date=published_on if filing == "regroup" else filed_under,
        filed_under=filed_under,
        source=_clean_extra("source", row.source),
        link=_clean_extra("link", row.link),
    )


def check_rows(rows: Iterable[RawRow], zone: ZoneInfo, filing: Filing) -> tuple[list[CheckedRow], list[BadRow]]:
    """The valid rows and the bad ones, each in their order."""
    good: list[CheckedRow] = []
    bad: list[BadRow] = []
    for row in rows:
        try:
            good.append(check_row(row, zone, filing))
        except InvalidInputError as error:
            bad.append(BadRow(row.origin, error.detail))
    return good, bad


def fold(rows: Sequence[CheckedRow]) -> tuple[list[CheckedRow], int]:
    """Rows without repetitions within a day (the first one stays), and the number dropped."""
    # Reversed, so that the first of equal rows is written last and stays.
    first = {(row.date, row.text_key): row for row in reversed(rows)}
    kept = [row for row in rows if first[row.date, row.text_key] is row]
    return kept, len(rows) - len(kept)


def day_of(moment: dt.datetime, zone: ZoneInfo) -> dt.date:
    """The date on the wall calendar of `zone` at that moment."""
    return moment.astimezone(zone).date()


def day_begin(date: dt.date, zone: ZoneInfo) -> dt.datetime:
    """The start of a date in `zone`, in UTC: its wall-clock midnight, with summer time."""
    return dt.datetime.combine(date, dt.time.min, zone).astimezone(dt.UTC)


def flag_of(published: dt.datetime, date: dt.date, zone: ZoneInfo, stale_after: dt.timedelta) -> Flag | None:
    """`late` if published after the date's end, `stale` if more than `stale_after` before its beginning, else None.

    Source: learning.md, "Headline dates are checked". A date ends with the first moment of the next one.
    """
    if published >= day_begin(date + dt.timedelta(days=1), zone):
        return "late"
    return "stale" if published < day_begin(date, zone) - stale_after else None


@dataclass(frozen=True)
class DatedHeadline:
    """A headline for selection. `flag`: late, stale, or None if its date is sound."""

    id: int
    flag: str | None
    published_at: dt.datetime
