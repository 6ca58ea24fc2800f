"""What the prices routes take and answer."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from services.coordinator.corpora.rules.headlines import BadRow
from services.coordinator.prices.rules import RawPrice
from shared.wire import Message

MOST_CLOSES = 500_000


class PriceRow(Message):
    """A row of an import as it stands in a file: text, whatever it should be."""

    origin: str = Field(max_length=500, description="Where the row stands, such as closes.csv:12.")
    symbol: str | None = None
    date: str | None = Field(None, description="YYYYMMDD or YYYY-MM-DD, in the time zone of the exchange.")
    close: str | None = Field(None, description="A number above 0.")
    aliases: str | None = Field(None, description="Other names of the instrument, separated by |.")
    problem: str | None = Field(None, description="Why a reader could not make a row of it.")

    def raw(self) -> RawPrice:
        """The row as pure code takes it."""
        return RawPrice(**self.model_dump())


class PricesImport(Message):
    """An import: all or nothing unless `skip_bad`."""

    skip_bad: bool = Field(False, description="Import the sound rows and report the bad ones.")
    replace: bool = Field(False, description="Let a close replace another one of the same symbol and date.")
    rows: list[PriceRow] = Field(max_length=MOST_CLOSES)


class InstrumentView(Message):
    """An instrument: its names, how many closes it has, the first and the last of them."""

    symbol: str
    aliases: list[str]
    closes: int
    first: dt.date | None
    last: dt.date | None


class PricesImported(Message):
    """What an import did. `duplicates` repeat a row of the import, `unchanged` rows were there before."""

    name: str
    added: int
    replaced: int
    unchanged: int
    duplicates: int
    bad: list[BadRow]
    covered_until: dt.date | None
    instruments: list[InstrumentView]


class PriceSetView(Message):
    """A price set. Up to `covered_until` claims about every one of its instruments can be settled."""

    name: str
    instruments: int
    closes: int
    first: dt.date | None
    last: dt.date | None
    covered_until: dt.date | None
    created_at: dt.datetime


class PriceSetDetail(Message):
    """A price set, instrument by instrument."""

    name: str
    covered_until: dt.date | None
    created_at: dt.datetime
    instruments: list[InstrumentView]
