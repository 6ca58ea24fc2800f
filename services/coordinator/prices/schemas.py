"""Price sets as the API takes and returns them."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from services.coordinator.api.imports import BadRow
from services.coordinator.prices.rules import RawPrice
from shared.wire import Message

MAX_ROWS = 500_000


class PriceRow(Message):
    """A row of an import, all fields as text, see `RawPrice`."""

    origin: str = Field(max_length=500, description="Place of the row in its file, such as closes.csv:12.")
    symbol: str | None = None
    date: str | None = Field(None, description="YYYYMMDD or YYYY-MM-DD, in the time zone of the exchange.")
    close: str | None = Field(None, description="A number above 0.")
    aliases: str | None = Field(None, description="Other names of the instrument, separated by |.")
    problem: str | None = Field(None, description="Why the client could not parse it.")

    def raw(self) -> RawPrice:
        """The row for the rules."""
        return RawPrice(**self.model_dump())


class PricesImport(Message):
    """An import: all or nothing unless `skip_bad`."""

    skip_bad: bool = Field(False, description="Import the sound rows and report the bad ones.")
    replace: bool = Field(False, description="Replace stored closes that differ.")
    rows: list[PriceRow] = Field(max_length=MAX_ROWS)


class InstrumentView(Message):
    """An instrument: its names, and the number, first and last date of its closes."""

    symbol: str
    aliases: list[str]
    closes: int
    first: dt.date | None
    last: dt.date | None


class PricesImported(Message):
    """Result of an import. `duplicates` repeat a row of the import, `unchanged` rows were stored before."""

    name: str
    added: int
    replaced: int
    unchanged: int
    duplicates: int
    bad: list[BadRow]
    covered_until: dt.date | None
    instruments: list[InstrumentView]


class PriceSetView(Message):
    """A price set. Claims about any of its instruments can be settled up to `covered_until`."""

    name: str
    instruments: int
    closes: int
    first: dt.date | None
    last: dt.date | None
    covered_until: dt.date | None
    created_at: dt.datetime


class PriceSetDetail(Message):
    """A price set with its instruments."""

    name: str
    covered_until: dt.date | None
    created_at: dt.datetime
    instruments: list[InstrumentView]
