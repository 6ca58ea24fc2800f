"""Files of headlines as rows of a corpus import: daily-json, jsonl, csv and parquet.

A row is a dictionary of strings with `origin` (file:line) and any of text, published_at, date, source, link; an
unreadable line has `problem` instead. The coordinator validates the rows.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from services.cli.files.tables import Reader, Row, bad_row, is_utf8, read, table_readers
from shared.errors import InvalidInputError

FIELDS: dict[str, tuple[str, ...]] = {
    "text": ("text", "headline", "title"),
    "published_at": ("published_at", "timestamp"),
    "date": ("date",),
    "source": ("source",),
    "link": ("link", "url"),
}
"""The names that a row's field may have in a file; the first one present counts."""
_HEADLINES = re.compile(r'"headlines"\s*:\s*\[')


def _row(origin: str, record: object) -> Row:
    if not isinstance(record, Mapping):
        return bad_row(origin, f"an object with fields is required, not {type(record).__name__}")
    row = {"origin": origin}
    for field, names in FIELDS.items():
        value = next((record[name] for name in names if record.get(name) is not None), None)
        if isinstance(value, dt.date):
            value = value.isoformat()
        if value is None:
            continue
        if not isinstance(value, str):
            return bad_row(origin, f"{field} must be text, not {type(value).__name__}")
        if not is_utf8(value):
            return bad_row(origin, f"{field} is not valid UTF-8")
        row[field] = value
    return row


def _text(file: Path) -> str:
    """The file's text; bytes that are not UTF-8 become lone surrogates, so that their row can be named."""
    return file.read_text("utf-8-sig", errors="surrogateescape")


def _daily_json(file: Path) -> Iterator[Row]:
    text = _text(file)
    try:
        day = json.loads(text)
    # Deep nesting exceeds the parser's recursion limit.
    except (json.JSONDecodeError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        yield bad_row(f"{file.name}:{line}", f"the file is not JSON: {error}")
        return
    headlines = day.get("headlines") if isinstance(day, dict) else None
    if not isinstance(headlines, list):
        raise InvalidInputError(f"{file}: a list `headlines` is required; is it a file of daily headlines?")
    for line, headline in zip(_lines(text, headlines), headlines, strict=True):
        yield _dated(_row(f"{file.name}:{line}", headline), file, day.get("date"))


def _dated(row: Row, file: Path, date_field: object) -> Row:
    """The row with its file's date: the field `date`, which must equal the date in the file's name."""
    in_name = re.match(r"\d{8}(?=_)", file.name)
    inside = date_field.replace("-", "") if isinstance(date_field, str) and date_field else None
    if in_name and inside and in_name[0] != inside:
        return bad_row(row["origin"], f"the file's date is {date_field}, but its name says {in_name[0]}")
    date = inside or (in_name[0] if in_name else None)
    return row if "problem" in row or date is None else row | {"date": date}


def _lines(text: str, headlines: Sequence[object]) -> list[int]:
    """The line on which each headline begins; its number in the list where the text does not show the line."""
    start, decoder = _HEADLINES.search(text), json.JSONDecoder()
    position = start.end() if start else 0
    line, lines = text.count("\n", 0, position) + 1, []
    try:
        for headline in headlines:
            # raw_decode accepts no white space before a value.
            while text[position] in " \t\r\n,":
                line += text[position] == "\n"
                position += 1
            item, end = decoder.raw_decode(text, position)
            # An earlier `headlines` in the text was found: the lines would be wrong.
            if item != headline:
                raise ValueError
            lines.append(line)
            line += text.count("\n", position, end)
            position = end
    except (ValueError, IndexError):
        return list(range(1, len(headlines) + 1))
    return lines


def _jsonl(file: Path) -> Iterator[Row]:
    # Not splitlines(): JSON strings may contain U+2028 and its like.
    for number, line in enumerate(_text(file).split("\n"), 1):
        if not line.strip():
            continue
        origin = f"{file.name}:{number}"
        try:
            yield _row(origin, json.loads(line))
        except (json.JSONDecodeError, RecursionError) as error:
            yield bad_row(origin, f"the line is not JSON: {error}")


def _check_columns(file: Path, columns: Sequence[str]) -> None:
    for field in ("text", "published_at"):
        if not set(FIELDS[field]) & set(columns):
            accepted, present = " or ".join(FIELDS[field]), ", ".join(columns) or "none"
            raise InvalidInputError(f"{file}: a column {accepted} is required; its columns are {present}")


READERS = {
    # An exported run's folder has tables beside its headlines.
    "daily-json": Reader(("_headlines.json",), _daily_json, lone_suffixes=(".json",), wins=True),
    "jsonl": Reader((".jsonl", ".ndjson"), _jsonl),
    **table_readers(_check_columns, _row),
}
"""One reader per format: another format is another entry."""


def read_headlines(path: Path, format: str | None = None) -> list[Row]:  # noqa: A002 - the option's name
    """All rows of a file or folder of headlines, in order of file name; without a format it is guessed.

    Raises InvalidInputError for a missing path, an unknown or ambiguous format, and a file without a required column
    or, in daily-json, without headlines.
    """
    return read(path, format, READERS)
