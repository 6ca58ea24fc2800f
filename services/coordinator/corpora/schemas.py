"""What the corpora routes take and answer."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from services.coordinator.corpora.rules.headlines import BadRow, Filing, RawRow
from shared.wire import Message

MOST_ROWS = 200_000


class ImportRow(Message):
    """A row of an import: what `RawRow` holds. Times carry their zone; dates are YYYYMMDD or YYYY-MM-DD."""

    origin: str = Field(max_length=500, description="Where the row stands, such as headlines.jsonl:12.")
    text: str | None = None
    published_at: str | None = Field(None, description="When the headline appeared: ISO 8601 with an offset or Z.")
    date: str | None = Field(None, description="The day it is filed under; its day of publication when absent.")
    source: str | None = None
    link: str | None = None
    problem: str | None = Field(None, description="Why a reader could not make a headline of it.")

    def raw(self) -> RawRow:
        """The row as pure code takes it."""
        return RawRow(**self.model_dump())


class CorpusImport(Message):
    """An import: all or nothing unless `skip_bad`."""

    timezone: str = Field("UTC", description="IANA time zone in which the corpus' days begin and end.")
    stale_after_days: float = Field(
        3.0, ge=0, le=3650, description="A headline published longer before its day's beginning is flagged stale."
    )
    dates: Filing = Field("keep", description="`regroup` files headlines under the day of their publication.")
    skip_bad: bool = Field(False, description="Import the sound rows and report the bad ones.")
    rows: list[ImportRow] = Field(max_length=MOST_ROWS)


class CorpusDay(Message):
    """A day of a corpus: its headlines and how many of them were published late or long before."""

    date: dt.date
    headlines: int
    late: int
    stale: int


class CorpusImported(Message):
    """What an import did. `days` are those of the rows; `unchanged` rows were there before, word for word."""

    corpus: str
    added: int
    duplicates: int
    unchanged: int
    bad: list[BadRow]
    days: list[CorpusDay]
    advice: list[str]


class Flagged(Message):
    """Headlines whose date is false."""

    late: int
    stale: int


class CorpusView(Message):
    """A corpus. `used` says that a run was made over it: it takes only headlines of days after those in use."""

    name: str
    timezone: str
    stale_after_days: float
    days: int
    headlines: int
    flagged: Flagged
    first: dt.date | None
    last: dt.date | None
    used: bool
    created_at: dt.datetime
