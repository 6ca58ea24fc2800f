"""Files of headlines as rows of a corpus import: daily-json, jsonl, csv and parquet.

A row is a dictionary of strings with `origin` (file:line) and any of text, published_at, date, source, link; what
could not be read has `problem` instead. Whether a row makes a sound headline is for the coordinator to say.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from shared.errors import InvalidInputError

Row = dict[str, str]
FIELDS: dict[str, tuple[str, ...]] = {
    "text": ("text", "headline", "title"),
    "published_at": ("published_at", "timestamp"),
    "date": ("date",),
    "source": ("source",),
    "link": ("link", "url"),
}
"""What a row's fields may be called in a file; the first name that is there counts."""
SUFFIXES = {
    "daily-json": ("_headlines.json",),
    "jsonl": (".jsonl", ".ndjson"),
    "csv": (".csv",),
    "parquet": (".parquet", ".pq"),
}
_SURROGATE = re.compile("[\ud800-\udfff]")
_HEADLINES = re.compile(r'"headlines"\s*:\s*\[')


def read_rows(path: Path, format: str | None = None) -> list[Row]:  # noqa: A002 - the option's name
    """All rows of a file, or of the folder's files of that format in order of name; the format is guessed if not given.

    Raises InvalidInputError for a path, format or set of columns that cannot be meant.
    """
    if not path.exists():
        raise InvalidInputError(f"path: there is nothing at {path}")
    chosen = format or _guess(path)
    if chosen not in READERS:
        raise InvalidInputError(f"format: {chosen!r} is unknown; choose one of {', '.join(READERS)}")
    return [row for file in _files(path, chosen) for row in READERS[chosen](file)]


def _guess(path: Path) -> str:
    if path.is_file():
        found = [name for name, endings in SUFFIXES.items() if path.name.lower().endswith(endings)]
        found += ["daily-json"] if path.suffix.lower() == ".json" else []
    else:
        found = [name for name in SUFFIXES if _matching(path, name)]
        # An exported run's folder holds tables beside its headlines.
        found = ["daily-json"] if "daily-json" in found else found
    if not found:
        raise InvalidInputError(f"format: cannot be told from {path}; give one of {', '.join(READERS)}")
    if len(set(found)) > 1:
        raise InvalidInputError(f"format: {path} holds {' and '.join(found)}; say which one is meant")
    return found[0]


def _matching(folder: Path, format_name: str) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_file() and p.name.lower().endswith(SUFFIXES[format_name]))


def _files(path: Path, format_name: str) -> Sequence[Path]:
    files = [path] if path.is_file() else _matching(path, format_name)
    if not files:
        raise InvalidInputError(f"path: {path} holds no file that ends in {' or '.join(SUFFIXES[format_name])}")
    return files


def _bad(origin: str, problem: str) -> Row:
    return {"origin": origin, "problem": problem}


def _row(origin: str, record: object) -> Row:
    if not isinstance(record, Mapping):
        return _bad(origin, f"it is not an object with fields but {type(record).__name__}")
    row = {"origin": origin}
    for field, names in FIELDS.items():
        value = next((record[name] for name in names if record.get(name) is not None), None)
        if isinstance(value, dt.date):
            value = value.isoformat()
        if value is None:
            continue
        if not isinstance(value, str):
            return _bad(origin, f"{field} is not text but {type(value).__name__}")
        if _SURROGATE.search(value):
            return _bad(origin, f"{field} is not valid UTF-8")
        row[field] = value
    return row


def _text(file: Path) -> str:
    """The file's text; bytes that are not UTF-8 become lone surrogates, so that their row can be named."""
    return file.read_text("utf-8-sig", errors="surrogateescape")


def _daily_json(file: Path) -> Iterator[Row]:
    text = _text(file)
    try:
        day = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        yield _bad(f"{file.name}:{line}", f"the file is not JSON: {error}")
        return
    headlines = day.get("headlines") if isinstance(day, dict) else None
    if not isinstance(headlines, list):
        raise InvalidInputError(f"{file}: there is no list `headlines` in it; is it a file of daily headlines?")
    for line, headline in zip(_lines(text, headlines), headlines, strict=True):
        yield _dated(_row(f"{file.name}:{line}", headline), file, day.get("date"))


def _dated(row: Row, file: Path, given: object) -> Row:
    """The row under the date of its file: the one written inside, which must not contradict the file's name."""
    named = re.match(r"\d{8}(?=_)", file.name)
    inside = given.replace("-", "") if isinstance(given, str) and given else None
    if named and inside and named[0] != inside:
        return _bad(row["origin"], f"the file says date {given} but is named for {named[0]}")
    date = inside or (named[0] if named else None)
    return row if "problem" in row or date is None else row | {"date": date}


def _lines(text: str, headlines: Sequence[object]) -> list[int]:
    """The line on which each headline begins; their numbers in the list where that cannot be told."""
    start, decoder = _HEADLINES.search(text), json.JSONDecoder()
    position = start.end() if start else 0
    line, lines = text.count("\n", 0, position) + 1, []
    try:
        for headline in headlines:
            while text[position] in " \t\r\n,":
                line += text[position] == "\n"
                position += 1
            found, end = decoder.raw_decode(text, position)
            if found != headline:
                raise ValueError
            lines.append(line)
            line += text.count("\n", position, end)
            position = end
    except (ValueError, IndexError):
        return list(range(1, len(headlines) + 1))
    return lines


def _jsonl(file: Path) -> Iterator[Row]:
    for number, line in enumerate(_text(file).split("\n"), 1):
        if not line.strip():
            continue
        origin = f"{file.name}:{number}"
        try:
            yield _row(origin, json.loads(line))
        except (json.JSONDecodeError, RecursionError) as error:
            yield _bad(origin, f"the line is not JSON: {error}")


def _need_columns(file: Path, columns: Sequence[str]) -> None:
    for field in ("text", "published_at"):
        if not set(FIELDS[field]) & set(columns):
            wanted, there = " or ".join(FIELDS[field]), ", ".join(columns) or "none"
            raise InvalidInputError(f"{file}: a column {wanted} is needed; its columns are {there}")


def _csv(file: Path) -> Iterator[Row]:
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        columns = next(reader, [])
        _need_columns(file, columns)
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield _bad(f"{file.name}:{reader.line_num}", f"the line is not CSV: {error}")
                continue
            if cells is None:
                return
            if cells:
                yield _csv_row(f"{file.name}:{reader.line_num}", columns, cells)


def _csv_row(origin: str, columns: Sequence[str], cells: Sequence[str]) -> Row:
    if len(cells) != len(columns):
        return _bad(origin, f"the line has {len(cells)} fields, the header has {len(columns)}")
    return _row(origin, {column: cell or None for column, cell in zip(columns, cells, strict=True)})


def _parquet(file: Path) -> Iterator[Row]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InvalidInputError("format: parquet needs the package pyarrow; install morrow[local]") from error
    try:
        table = pyarrow.parquet.read_table(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise InvalidInputError(f"{file}: not a Parquet file: {error}") from error
    _need_columns(file, table.column_names)
    for index, column in enumerate(table.schema):
        if pyarrow.types.is_timestamp(column.type) and column.type.unit == "ns":
            micros = table.column(index).cast(pyarrow.timestamp("us", column.type.tz), safe=False)
            table = table.set_column(index, column.name, micros)
    for number, record in enumerate(table.to_pylist(), 1):
        yield _row(f"{file.name}:{number}", record)


READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "daily-json": _daily_json,
    "jsonl": _jsonl,
    "csv": _csv,
    "parquet": _parquet,
}
"""One reader per format: another format is another entry."""
