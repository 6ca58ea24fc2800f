"""CSV and Parquet files as records: where each one stands, and its cells or what is wrong with it."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from shared.errors import InvalidInputError

Record = tuple[str, Mapping[str, object] | str]
"""The record's origin (file:line), and its cells by column or why it cannot be read."""
CheckColumns = Callable[[Path, Sequence[str]], None]
"""Raises InvalidInputError if a file lacks a column."""
SUFFIXES = {"csv": (".csv",), "parquet": (".parquet", ".pq")}
_SURROGATE = re.compile("[\ud800-\udfff]")


def is_utf8(text: str) -> bool:
    """Whether a text that was read with `surrogateescape` was UTF-8 in its file."""
    return not _SURROGATE.search(text)


def matching(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """The folder's files that end so, in order of name."""
    return sorted(p for p in folder.iterdir() if p.is_file() and p.name.lower().endswith(endings))


def files_at(path: Path, endings: tuple[str, ...]) -> Sequence[Path]:
    """The file, or the folder's files that end so; raises InvalidInputError if there is none."""
    files = [path] if path.is_file() else matching(path, endings)
    if not files:
        raise InvalidInputError(f"path: {path} holds no file that ends in {' or '.join(endings)}")
    return files


def csv_records(file: Path, check: CheckColumns) -> Iterator[Record]:
    """The lines of a CSV file with a header; empty cells are None."""
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


def parquet_records(file: Path, check: CheckColumns) -> Iterator[Record]:
    """The rows of a Parquet file, numbered from 1; times are cut to microseconds."""
    try:
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
        if pyarrow.types.is_timestamp(column.type) and column.type.unit == "ns":
            micros = table.column(index).cast(pyarrow.timestamp("us", column.type.tz), safe=False)
            table = table.set_column(index, column.name, micros)
    for number, record in enumerate(table.to_pylist(), 1):
        yield f"{file.name}:{number}", record


READERS: dict[str, Callable[[Path, CheckColumns], Iterator[Record]]] = {"csv": csv_records, "parquet": parquet_records}
