"""Files of headlines as rows of a corpus import: daily-json, jsonl, csv and parquet.

A row is a dictionary of strings with `origin` (file:line) and any of text, published_at, date, source, link; what
could not be read has `problem` instead. Whether a row makes a sound headline is for the coordinator to say.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from services.cli.files import tables as table_files
from services.cli.files.tables import CheckColumns, Record, csv_records, files_at, is_utf8, matching, parquet_records
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
    **table_files.SUFFIXES,
}
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
    return [row for file in files_at(path, SUFFIXES[chosen]) for row in READERS[chosen](file)]


def _guess(path: Path) -> str:
    if path.is_file():
        found = [name for name, endings in SUFFIXES.items() if path.name.lower().endswith(endings)]
        found += ["daily-json"] if path.suffix.lower() == ".json" else []
    else:
        found = [name for name in SUFFIXES if matching(path, SUFFIXES[name])]
        # An exported run's folder holds tables beside its headlines.
        found = ["daily-json"] if "daily-json" in found else found
    if not found:
        raise InvalidInputError(f"format: cannot be told from {path}; give one of {', '.join(READERS)}")
    if len(set(found)) > 1:
        raise InvalidInputError(f"format: {path} holds {' and '.join(found)}; say which one is meant")
    return found[0]


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
        if not is_utf8(value):
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


def _table(file: Path, records: Callable[[Path, CheckColumns], Iterator[Record]]) -> Iterator[Row]:
    for origin, cells in records(file, _need_columns):
        yield _bad(origin, cells) if isinstance(cells, str) else _row(origin, cells)


READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "daily-json": _daily_json,
    "jsonl": _jsonl,
    "csv": partial(_table, records=csv_records),
    "parquet": partial(_table, records=parquet_records),
}
"""One reader per format: another format is another entry."""
