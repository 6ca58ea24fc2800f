"""Files of daily closes as rows of an import: CSV and Parquet with the columns symbol, date, close and aliases.

The column aliases is optional. A row is a dictionary of strings with `origin` (file:line); an unreadable line has
`problem` instead. The coordinator validates the rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from services.cli.files.tables import Row, bad_row, is_utf8, read, table_readers
from shared.errors import InvalidInputError

REQUIRED = ("symbol", "date", "close")
FIELDS = (*REQUIRED, "aliases")


def _check_columns(file: Path, columns: Sequence[str]) -> None:
    missing = [name for name in REQUIRED if name not in {_column(column) for column in columns}]
    if missing:
        raise InvalidInputError(
            f"{file}: the columns {', '.join(missing)} are missing; symbol, date and close are required, aliases is "
            f"optional, and its columns are {', '.join(columns) or 'none'}"
        )


def _column(name: str) -> str:
    return name.strip().lower()


def _row(origin: str, cells: Mapping[str, object]) -> Row:
    row = {"origin": origin}
    for column, value in cells.items():
        field = _column(column)
        if field not in FIELDS or value is None:
            continue
        text = _text(value)
        if text is None:
            return bad_row(origin, f"{field} must be text, a number or a date, not {type(value).__name__}")
        if not is_utf8(text):
            return bad_row(origin, f"{field} is not valid UTF-8")
        row[field] = text
    return row


def _text(value: object) -> str | None:
    if isinstance(value, dt.date):
        return value.isoformat()
    # In Python a bool is an int, but it is no price.
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return str(value) if is_number or isinstance(value, str) else None


READERS = table_readers(_check_columns, _row)


def read_closes(path: Path, format: str | None = None) -> list[Row]:  # noqa: A002 - the option's name
    """All rows of a file or folder of closes, in order of file name; without a format it is guessed.

    Raises InvalidInputError for a missing path, an unknown or ambiguous format, and a file without a required column.
    """
    return read(path, format, READERS)
