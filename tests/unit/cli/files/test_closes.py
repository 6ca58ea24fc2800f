"""Files of closes are read into rows; unreadable lines are reported by line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from services.cli.files.closes import read_closes
from shared.errors import InvalidInputError


def test_csv_rows_have_their_line_and_no_empty_cells(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text(
        "Symbol,Date,Close,aliases,volume\nSPX,2025-08-18,6449.8,S&P 500|sp500,9\nDAX,20250818,1,,\n", "utf8"
    )
    assert read_closes(file) == [
        {
            "origin": "p.csv:2",
            "symbol": "SPX",
            "date": "2025-08-18",
            "close": "6449.8",
            "aliases": "S&P 500|sp500",
        },
        {"origin": "p.csv:3", "symbol": "DAX", "date": "20250818", "close": "1"},
    ]


def test_unreadable_lines_become_bad_rows_beside_the_others(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_bytes(b"symbol,date,close\nSPX,2025-08-18\nDAX,2025-08-18,1\n\xff,2025-08-18,1\n")
    first, second, third = read_closes(file)
    assert first == {"origin": "p.csv:2", "problem": "the line has 2 fields, the header has 3"}
    assert second["symbol"] == "DAX"
    assert third == {"origin": "p.csv:4", "problem": "symbol is not valid UTF-8"}


def test_parquet_numbers_dates_and_times_become_text(tmp_path: Path) -> None:
    moment = dt.datetime(2025, 8, 19, tzinfo=dt.UTC)
    columns = {"symbol": ["SPX"], "date": [dt.date(2025, 8, 18)], "close": [6449.8]}
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    pyarrow.parquet.write_table(pyarrow.table(columns | {"date": [moment]}), tmp_path / "b.parquet")
    rows = read_closes(tmp_path)
    assert [(row["origin"], row["date"], row["close"]) for row in rows] == [
        ("a.parquet:1", "2025-08-18", "6449.8"),
        ("b.parquet:1", "2025-08-19T00:00:00+00:00", "6449.8"),
    ]


def test_boolean_close_is_a_bad_row(tmp_path: Path) -> None:
    table = pyarrow.table({"symbol": ["SPX"], "date": ["20250818"], "close": [True]})
    pyarrow.parquet.write_table(table, tmp_path / "p.parquet")
    assert read_closes(tmp_path / "p.parquet")[0]["problem"] == "close must be text, a number or a date, not bool"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("p.csv", "symbol,price\n", "the columns date, close are missing"),
        ("p.csv", "", "its columns are none"),
        ("p.txt", "symbol,date,close\n", "cannot be guessed from"),
    ],
)
def test_missing_columns_and_unknown_formats_are_invalid_input(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidInputError, match=message):
        read_closes(tmp_path / name)


def test_folder_of_two_formats_needs_the_format_option(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("symbol,date,close\nSPX,20250818,1\n")
    pyarrow.parquet.write_table(pyarrow.table({"symbol": ["x"]}), tmp_path / "b.parquet")
    with pytest.raises(InvalidInputError, match="has files of csv and parquet; choose one"):
        read_closes(tmp_path)
    assert len(read_closes(tmp_path, "csv")) == 1
    with pytest.raises(InvalidInputError, match="does not exist"):
        read_closes(tmp_path / "none.csv")
    with pytest.raises(InvalidInputError, match="'xls' is unknown"):
        read_closes(tmp_path, "xls")
