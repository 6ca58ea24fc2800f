"""Corpora as the API takes and returns them."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from services.coordinator.api.imports import BadRow
from services.coordinator.corpora.rules.headlines import Filing, RawRow
from shared.wire import Message

MAX_ROWS = 200_000


class ImportRow(Message):
    """A row of an import, see `RawRow`. Times have a zone; dates are YYYYMMDD or YYYY-MM-DD."""

    origin: str = Field(max_length=500, description="Place of the row in its file, such as headlines.jsonl:12.")
    text: str | None = None
    published_at: str | None = Field(None, description="Publication time: ISO 8601 with an offset or Z.")
    date: str | None = Field(None, description="The day it is filed under; by default its day of publication.")
    source: str | None = None
    link: str | None = None
    problem: str | None = Field(None, description="Why the client could not parse it.")

    def raw(self) -> RawRow:
        """The row for the rules."""
        return RawRow(**self.model_dump())


class CorpusImport(Message):
    """An import: all or nothing unless `skip_bad`."""

    timezone: str = Field("UTC", description="IANA time zone of the corpus' days.")
    stale_after_days: float = Field(
        3.0,
        ge=0,
        le=3650,
        description="A headline published more days than this before its day began is flagged stale.",
    )
    dates: Filing = Field("keep", description="`regroup` files each headline under its day of publication.")
    skip_bad: bool = Field(False, description="Import the sound rows and report the bad ones.")
    rows: list[ImportRow] = Field(max_length=MAX_ROWS)


class CorpusDay(Message):
    """A day of a corpus: numbers of its headlines, of the late and of the stale ones."""

    date: dt.date
    headlines: int
    late: int
    stale: int


class CorpusImported(Message):
    """Result of an import. `days` are those of the rows; `unchanged` rows were stored before, word for word."""

    corpus: str
    added: int
    duplicates: int
    unchanged: int
    bad: list[BadRow]
    days: list[CorpusDay]
    advice: list[str]


class Flagged(Message):
    """Numbers of headlines with a false date."""

    late: int
    stale: int


class CorpusView(Message):
    """A corpus. `used`: a run was made over it, so it takes only headlines of days after those in use."""

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
