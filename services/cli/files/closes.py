"""Files of closes as rows of an import: CSV and Parquet with the columns symbol, date, close and, if wanted, aliases.

A row is a dictionary of strings with `origin` (file:line); what could not be read has `problem` instead. Whether a row
makes a sound close is for the coordinator to say.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from services.cli.files.tables import READERS, SUFFIXES, files_at, is_utf8, matching
from shared.errors import InvalidInputError

Row = dict[str, str]
NEEDED = ("symbol", "date", "close")
FIELDS = (*NEEDED, "aliases")


def read_prices(path: Path, format: str | None = None) -> list[Row]:  # noqa: A002 - the option's name
    """All rows of a file, or of the folder's files of that format in order of name; the format is guessed if not given.

    Raises InvalidInputError for a path, format or set of columns that cannot be meant.
    """
    if not path.exists():
        raise InvalidInputError(f"path: there is nothing at {path}")
    chosen = format or _guess(path)
    if chosen not in READERS:
        raise InvalidInputError(f"format: {chosen!r} is unknown; choose one of {', '.join(READERS)}")
    return [
        {"origin": origin, "problem": cells} if isinstance(cells, str) else _row(origin, cells)
        for file in files_at(path, SUFFIXES[chosen])
        for origin, cells in READERS[chosen](file, _need_columns)
    ]


def _guess(path: Path) -> str:
    found = [
        name
        for name, endings in SUFFIXES.items()
        if (path.name.lower().endswith(endings) if path.is_file() else matching(path, endings))
    ]
    if len(found) != 1:
        held = f"{path} holds {' and '.join(found)}" if found else f"it cannot be told from {path}"
        raise InvalidInputError(f"format: {held}; give one of {', '.join(SUFFIXES)}")
    return found[0]


def _need_columns(file: Path, columns: Sequence[str]) -> None:
    missing = [name for name in NEEDED if name not in {_column(column) for column in columns}]
    if missing:
        raise InvalidInputError(
            f"{file}: the columns {', '.join(missing)} are missing; symbol, date and close are needed, aliases is "
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
            return {"origin": origin, "problem": f"{field} is neither text, number nor date but {type(value).__name__}"}
        if not is_utf8(text):
            return {"origin": origin, "problem": f"{field} is not valid UTF-8"}
        row[field] = text
    return row


def _text(value: object) -> str | None:
    if isinstance(value, dt.date):
        return value.isoformat()
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return str(value) if is_number or isinstance(value, str) else None
