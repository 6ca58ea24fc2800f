"""Fill a price set: all rows or none, and the same rows again change nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.coordinator.api.imports import MAX_ERRORS, refuse_bad_rows
from services.coordinator.models import Close, Instrument, PriceSet
from services.coordinator.prices.queries import covered_until, instrument_views
from services.coordinator.prices.rules import CheckedPrice, Names, check_prices, merge_names, name_key
from services.coordinator.prices.schemas import PricesImport, PricesImported
from shared.errors import ConflictError, InvalidInputError

INSERT_SIZE = 10_000
"""Rows of one insert statement: three parameters each, and Postgres takes 65,535."""

Key = tuple[int, dt.date]


def import_prices(session: Session, name: str, request: PricesImport) -> PricesImported:
    """Add closes to a set, creating it if it is new. The same rows again add nothing.

    Raises InvalidInputError for bad rows unless `skip_bad`, ConflictError for closes that differ from stored ones
    unless `replace`.
    """
    checked, bad, duplicates = check_prices(row.raw() for row in request.rows)
    refuse_bad_rows(bad, request.skip_bad)
    if not checked:
        raise InvalidInputError("rows: there is no close to import; check the path and the format")
    # Locked before the stored closes are read, so that imports at the same time see those of one another.
    price_set = _locked_set(session, name)
    ids = _store_names(session, price_set, checked)
    imported = {(ids[name_key(row.symbol)], row.date): row for row in checked}
    stored = _stored(session, price_set, imported)
    others = {key: row for key, row in imported.items() if stored.get(key, row.close) != row.close}
    if others and not request.replace:
        raise _contradiction(name, [(row, stored[key]) for key, row in others.items()])
    fresh = {key: row for key, row in imported.items() if key not in stored}
    _store(session, fresh | others)
    touched = {instrument_id for instrument_id, _ in imported}
    return PricesImported(
        name=name,
        added=len(fresh),
        replaced=len(others),
        unchanged=len(imported) - len(fresh) - len(others),
        duplicates=duplicates,
        bad=bad,
        covered_until=covered_until(session, name),
        instruments=instrument_views(session, price_set.id, touched),
    )


def _contradiction(name: str, rows: Sequence[tuple[CheckedPrice, float]]) -> ConflictError:
    errors = [
        {"field": row.origin, "message": f"{row.symbol} on {row.date} is {close}, not {row.close}"}
        for row, close in rows
    ]
    return ConflictError(
        f"{len(rows)} closes differ from those of price set {name!r}, and nothing was imported; mend them or "
        f"import with replace. The first is {errors[0]['field']}: {errors[0]['message']}",
        errors=errors[:MAX_ERRORS],
    )


def _locked_set(session: Session, name: str) -> PriceSet:
    session.execute(insert(PriceSet).values(name=name).on_conflict_do_nothing())
    return session.scalars(select(PriceSet).where(PriceSet.name == name).with_for_update()).one()


def _store_names(session: Session, price_set: PriceSet, rows: Sequence[CheckedPrice]) -> dict[str, int]:
    """Store the instruments with their aliases; their ids by the key of their symbol."""
    by_key = {
        name_key(i.symbol): i for i in session.scalars(select(Instrument).where(Instrument.set_id == price_set.id))
    }
    before = [Names(instrument.symbol, tuple(instrument.aliases)) for instrument in by_key.values()]
    for names in merge_names(before, rows):
        key = name_key(names.symbol)
        if key not in by_key:
            by_key[key] = Instrument(set_id=price_set.id, symbol=names.symbol)
            session.add(by_key[key])
        by_key[key].aliases = list(names.aliases)
    session.flush()
    return {key: instrument.id for key, instrument in by_key.items()}


def _stored(session: Session, price_set: PriceSet, imported: dict[Key, CheckedPrice]) -> dict[Key, float]:
    """The closes that the set has on the dates of the rows."""
    dates = [date for _, date in imported]
    query = select(Close).join(Instrument).where(Instrument.set_id == price_set.id)
    rows = session.scalars(query.where(Close.date.between(min(dates), max(dates))))
    return {(row.instrument_id, row.date): row.close for row in rows}


def _store(session: Session, rows: dict[Key, CheckedPrice]) -> None:
    values = [
        {"instrument_id": instrument_id, "date": date, "close": row.close}
        for (instrument_id, date), row in rows.items()
    ]
    for start in range(0, len(values), INSERT_SIZE):
        statement = insert(Close).values(values[start : start + INSERT_SIZE])
        session.execute(
            statement.on_conflict_do_update(
                index_elements=[Close.instrument_id, Close.date], set_={"close": statement.excluded.close}
            )
        )
