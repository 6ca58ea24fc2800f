"""Files of rows: which format a path has, and CSV and Parquet files as records.

A row is a dictionary of strings with `origin` (file:line); an unreadable line has `problem` in place of its fields.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shared.errors import InvalidInputError

Row = dict[str, str]
Record = tuple[str, Mapping[str, object] | str]
"""The record's origin (file:line), and its cells by column or the reason why it is unreadable."""
CheckColumns = Callable[[Path, Sequence[str]], None]
"""Raises InvalidInputError for a file without a required column."""
ParseCells = Callable[[str, Mapping[str, object]], Row]
"""A row from its origin and its cells by column."""
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Reader:
    """One format: the endings of its files' names, and their rows.

    A file that is given by itself may have other endings (`lone_suffixes`) than one that is found in a folder. A
    format that `wins` is chosen in a folder with files of several formats.
    """

    suffixes: tuple[str, ...]
    rows: Callable[[Path], Iterable[Row]]
    lone_suffixes: tuple[str, ...] = ()
    wins: bool = False


def read(path: Path, format: str | None, readers: Mapping[str, Reader]) -> list[Row]:  # noqa: A002 - the option's name
    """All rows of a file, or of a folder's files of that format in order of name; without a format it is guessed.

    Raises InvalidInputError for a missing path, an unknown or ambiguous format, and a file without a required column.
    """
    if not path.exists():
        raise InvalidInputError(f"path: {path} does not exist")
    name = format or _guess_format(path, readers)
    if name not in readers:
        raise InvalidInputError(f"format: {name!r} is unknown; choose one of {', '.join(readers)}")
    reader = readers[name]
    return [row for file in _files_at(path, reader.suffixes) for row in reader.rows(file)]


def _guess_format(path: Path, readers: Mapping[str, Reader]) -> str:
    candidates = [name for name, reader in readers.items() if _matches(path, reader)]
    if len(candidates) > 1:
        candidates = [name for name in candidates if readers[name].wins] or candidates
    if not candidates:
        raise InvalidInputError(f"format: cannot be guessed from {path}; choose one of {', '.join(readers)}")
    if len(candidates) > 1:
        raise InvalidInputError(f"format: {path} has files of {' and '.join(candidates)}; choose one")
    return candidates[0]


def _matches(path: Path, reader: Reader) -> bool:
    if path.is_file():
        return path.name.lower().endswith(reader.suffixes + reader.lone_suffixes)
    return bool(_matching_files(path, reader.suffixes))


def _matching_files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_file() and p.name.lower().endswith(suffixes))


def _files_at(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    files = [path] if path.is_file() else _matching_files(path, suffixes)
    if not files:
        raise InvalidInputError(f"path: {path} has no file that ends in {' or '.join(suffixes)}")
    return files


def table_readers(check: CheckColumns, parse: ParseCells) -> dict[str, Reader]:
    """Readers of CSV and Parquet files whose columns pass `check` and whose cells `parse` turns into a row."""

    def rows(records: Callable[[Path, CheckColumns], Iterator[Record]], file: Path) -> Iterator[Row]:
        for origin, cells in records(file, check):
            yield bad_row(origin, cells) if isinstance(cells, str) else parse(origin, cells)

    return {
        "csv": Reader((".csv",), partial(rows, _csv_records)),
        "parquet": Reader((".parquet", ".pq"), partial(rows, _parquet_records)),
    }


def bad_row(origin: str, problem: str) -> Row:
    """The row of an unreadable line."""
    return {"origin": origin, "problem": problem}


def is_utf8(text: str) -> bool:
    """Whether a text that was read with `surrogateescape` was UTF-8 in its file."""
    return not _SURROGATE.search(text)


def _csv_records(file: Path, check: CheckColumns) -> Iterator[Record]:
    """The lines of a CSV file with a header; empty cells are None."""
    # One wrong byte makes one bad row: surrogateescape reads the rest of the file.
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        columns = next(reader, [])
        check(file, columns)
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield f"{file.name}:{reader.line_num}", f"the line is not CSV: {error}"
                continue
            if cells is None:
                return
            if cells:
                yield f"{file.name}:{reader.line_num}", _cells(columns, cells)


def _cells(columns: Sequence[str], cells: Sequence[str]) -> Mapping[str, object] | str:
    if len(cells) != len(columns):
        return f"the line has {len(cells)} fields, the header has {len(columns)}"
    return {column: cell or None for column, cell in zip(columns, cells, strict=True)}


def _parquet_records(file: Path, check: CheckColumns) -> Iterator[Record]:
    """The rows of a Parquet file, numbered from 1; times are cut to microseconds."""
    try:
        # Here and not above: it is slow to import, and comes with the extra `local` only.
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InvalidInputError("format: parquet needs the package pyarrow; install morrow[local]") from error
    try:
        table = pyarrow.parquet.read_table(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise InvalidInputError(f"{file}: not a Parquet file: {error}") from error
    check(file, table.column_names)
    for index, column in enumerate(table.schema):
        # Python's datetime ends at microseconds: to_pylist refuses finer times.
        if pyarrow.types.is_timestamp(column.type) and column.type.unit == "ns":
            micros = table.column(index).cast(pyarrow.timestamp("us", column.type.tz), safe=False)
            table = table.set_column(index, column.name, micros)
    for number, record in enumerate(table.to_pylist(), 1):
        yield f"{file.name}:{number}", record
