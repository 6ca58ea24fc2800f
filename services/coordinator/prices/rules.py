"""Validation of closes, and names of instruments. Pure."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.coordinator.api.imports import BadRow
from services.coordinator.corpora.rules.headlines import clean_text
from shared.dates import parse_date
from shared.errors import InvalidInputError

MAX_NAME = 64
"""Maximum length of a symbol or an alias, in characters."""
_TIME_OF_DAY = re.compile(r"[ T]\d{2}:\d{2}.*")


@dataclass(frozen=True)
class RawPrice:
    """A close as imported. `origin`: its place (file:line); `problem`: why the client could not parse it."""

    origin: str
    symbol: str | None = None
    date: str | None = None
    close: str | None = None
    aliases: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class CheckedPrice:
    """A valid close, above 0."""

    origin: str
    symbol: str
    date: dt.date
    close: float
    aliases: tuple[str, ...] = ()


def name_key(name: str) -> str:
    """The key by which names of instruments are equal: regardless of case and white space."""
    return " ".join(name.split()).casefold()


def _clean_name(field: str, text: str | None) -> str:
    if text is None or not text.strip():
        raise InvalidInputError(f"{field} is missing: name the instrument, such as SPX")
    try:
        name = clean_text(text)
    except InvalidInputError as error:
        raise InvalidInputError(error.detail.replace("text", field, 1)) from error
    if len(name) > MAX_NAME:
        raise InvalidInputError(f"{field} has {len(name)} characters, the maximum is {MAX_NAME}: shorten it")
    return name


def parse_close(text: str | None) -> float:
    """A close, finite and above 0; raises InvalidInputError."""
    if text is None or not text.strip():
        raise InvalidInputError("close is missing: remove the row or give the day's close")
    try:
        close = float(text)
    except ValueError as error:
        raise InvalidInputError(f"close {text!r} is not a number: write it like 6449.8") from error
    # float() also parses nan and inf.
    if not math.isfinite(close) or close <= 0:
        raise InvalidInputError(f"close {text!r} is not above 0: a change in per cent needs a close above 0")
    return close


def check_price(row: RawPrice) -> CheckedPrice:
    """A row as a close; a time of day after the date is ignored. Raises InvalidInputError."""
    if row.problem:
        raise InvalidInputError(row.problem)
    symbol = _clean_name("symbol", row.symbol)
    if row.date is None or not row.date.strip():
        raise InvalidInputError("date is missing: a close needs its day, as YYYYMMDD or YYYY-MM-DD")
    names = [part for part in (row.aliases or "").split("|") if part.strip()]
    return CheckedPrice(
        origin=row.origin,
        symbol=symbol,
        date=parse_date(_TIME_OF_DAY.sub("", row.date.strip())),
        close=parse_close(row.close),
        aliases=tuple(_clean_name("aliases", name) for name in names),
    )


def check_prices(rows: Iterable[RawPrice]) -> tuple[list[CheckedPrice], list[BadRow], int]:
    """The valid rows without repetitions, the bad ones, and the number of repetitions.

    A row that contradicts an earlier close of the same symbol and date is bad, too.
    """
    good: dict[tuple[str, dt.date], CheckedPrice] = {}
    bad: list[BadRow] = []
    repeated = 0
    for row in rows:
        try:
            checked = check_price(row)
            first = good.setdefault((name_key(checked.symbol), checked.date), checked)
            _refuse_other_close(checked, first)
        except InvalidInputError as error:
            bad.append(BadRow(row.origin, error.detail))
            continue
        repeated += first is not checked
    return list(good.values()), bad, repeated


def _refuse_other_close(row: CheckedPrice, first: CheckedPrice) -> None:
    if row.close != first.close:
        raise InvalidInputError(
            f"close {row.close} of {row.symbol} on {row.date} contradicts {first.close} at {first.origin}: "
            "keep the right one"
        )


@dataclass(frozen=True)
class Names:
    """An instrument's symbol and its aliases, in their order."""

    symbol: str
    aliases: tuple[str, ...] = ()


def merge_names(stored: Sequence[Names], rows: Sequence[CheckedPrice]) -> list[Names]:
    """All instruments after an import: the stored ones, then the new ones, each with the aliases of both.

    Raises InvalidInputError if a name would mean two instruments: a claim that uses it would be ambiguous.
    """
    merged = {name_key(names.symbol): names for names in stored}
    for row in rows:
        stored_names = merged.setdefault(name_key(row.symbol), Names(row.symbol))
        if row.aliases:
            merged[name_key(row.symbol)] = Names(stored_names.symbol, _united(stored_names, row.aliases))
    _refuse_shared(list(merged.values()))
    return list(merged.values())


def _united(instrument: Names, aliases: Sequence[str]) -> tuple[str, ...]:
    names: dict[str, str] = {}
    for name in (*instrument.aliases, *aliases):
        # The first spelling of a name stays.
        names.setdefault(name_key(name), name)
    names.pop(name_key(instrument.symbol), None)
    return tuple(names.values())


def _refuse_shared(instruments: Sequence[Names]) -> None:
    owner: dict[str, str] = {}
    for instrument in instruments:
        for name in (instrument.symbol, *instrument.aliases):
            other = owner.setdefault(name_key(name), instrument.symbol)
            if other != instrument.symbol:
                raise InvalidInputError(
                    f"aliases: {name!r} is a name of {other} and of {instrument.symbol}; take it from one of them"
                )


@dataclass(frozen=True)
class Span:
    """The dates of an instrument's first and last close."""

    symbol: str
    first: dt.date
    last: dt.date
