"""Files of headlines are read into rows; unreadable lines are reported by line."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from services.cli.files.headlines import read_headlines
from shared.errors import InvalidInputError

TIME = "2025-08-02T17:00:00+00:00"


def write(path: Path, content: str) -> Path:
    path.write_text(content, "utf8")
    return path


def daily(folder: Path, date: str, headlines: object, inside: str | None = None) -> Path:
    document = {"date": inside or date, "total_headlines": 1, "headlines": headlines}
    return write(folder / f"{date}_headlines.json", json.dumps(document, indent=2))


def test_folder_of_daily_files_is_read_in_order_of_name_with_lines(tmp_path: Path) -> None:
    headline = {"text": "Rates held", "link": "https://a.example/1", "source": "Wire", "timestamp": TIME, "url": "feed"}
    daily(tmp_path, "20250803", [headline])
    daily(tmp_path, "20250802", [headline, {"text": "Oil rises", "timestamp": TIME}])
    rows = read_headlines(tmp_path)
    assert rows[0] == {
        "origin": "20250802_headlines.json:5",
        "text": "Rates held",
        "published_at": TIME,
        "date": "20250802",
        "source": "Wire",
        "link": "https://a.example/1",
    }
    assert [row["origin"] for row in rows[1:]] == ["20250802_headlines.json:12", "20250803_headlines.json:5"]


def test_item_that_is_not_a_headline_is_a_bad_row_in_its_place(tmp_path: Path) -> None:
    rows = read_headlines(daily(tmp_path, "20250802", ["just text", {"text": 5}, {"text": "Oil", "timestamp": TIME}]))
    assert rows[0]["problem"] == "an object with fields is required, not str"
    assert rows[1]["problem"] == "text must be text, not int"
    assert rows[2]["text"] == "Oil"


def test_truncated_daily_file_is_one_bad_row_with_its_line(tmp_path: Path) -> None:
    rows = read_headlines(write(tmp_path / "20250802_headlines.json", '{"date": "20250802",\n "headlines": ['))
    assert rows[0]["origin"] == "20250802_headlines.json:2"
    assert rows[0]["problem"].startswith("the file is not JSON")


def test_daily_file_with_another_date_than_its_name_is_a_bad_row(tmp_path: Path) -> None:
    rows = read_headlines(daily(tmp_path, "20250802", [{"text": "Oil", "timestamp": TIME}], inside="20250803"))
    assert rows[0]["problem"] == "the file's date is 20250803, but its name says 20250802"


def test_daily_file_without_headlines_is_invalid_input(tmp_path: Path) -> None:
    write(tmp_path / "20250802_headlines.json", "[]")
    with pytest.raises(InvalidInputError, match="a list `headlines` is required"):
        read_headlines(tmp_path)


def test_malformed_jsonl_line_is_a_bad_row_beside_the_others(tmp_path: Path) -> None:
    good = json.dumps({"text": "A\u2028B", "published_at": TIME}, ensure_ascii=False)
    file = write(tmp_path / "h.jsonl", f'{good}\n\n{{"text": \n[1]\n"\\ud800"\n{{"text": "\\ud800"}}\n')
    rows = read_headlines(file)
    assert rows[0] == {"origin": "h.jsonl:1", "text": "A\u2028B", "published_at": TIME}
    assert [row["origin"] for row in rows[1:]] == ["h.jsonl:3", "h.jsonl:4", "h.jsonl:5", "h.jsonl:6"]
    assert rows[1]["problem"].startswith("the line is not JSON")
    assert rows[2]["problem"] == "an object with fields is required, not list"
    assert rows[4]["problem"] == "text is not valid UTF-8"


def test_invalid_utf8_makes_only_its_own_row_bad(tmp_path: Path) -> None:
    file = tmp_path / "h.csv"
    file.write_bytes(b"text,published_at\nZ\xfcrich,x\nOil,y\n")
    rows = read_headlines(file)
    assert rows[0] == {"origin": "h.csv:2", "problem": "text is not valid UTF-8"}
    assert rows[1]["text"] == "Oil"


def test_csv_is_read_by_its_header_and_a_ragged_line_is_a_bad_row(tmp_path: Path) -> None:
    content = f'\ufeffdate,headline,timestamp\n20250802,"Rates, held\nsteady",{TIME}\n20250802,Oil\n\n,Gold,{TIME}\n'
    rows = read_headlines(write(tmp_path / "h.csv", content))
    assert rows == [
        {"origin": "h.csv:3", "date": "20250802", "text": "Rates, held\nsteady", "published_at": TIME},
        {"origin": "h.csv:4", "problem": "the line has 2 fields, the header has 3"},
        {"origin": "h.csv:6", "text": "Gold", "published_at": TIME},
    ]


def test_unclosed_csv_quote_is_a_bad_row(tmp_path: Path) -> None:
    rows = read_headlines(write(tmp_path / "h.csv", f'text,published_at\nOil,{TIME}\n"Gold,{TIME}\n'))
    assert rows[0]["text"] == "Oil"
    assert rows[1]["problem"].startswith("the line is not CSV")


def test_missing_columns_are_invalid_input_listing_the_present_ones(tmp_path: Path) -> None:
    file = write(tmp_path / "h.csv", "when,what\n1,2\n")
    with pytest.raises(
        InvalidInputError, match="column text or headline or title is required; its columns are when, what"
    ):
        read_headlines(file)
    empty = write(tmp_path / "empty.csv", "")
    with pytest.raises(InvalidInputError, match="its columns are none"):
        read_headlines(empty)


def test_parquet_times_keep_their_zone_and_dates_their_day(tmp_path: Path) -> None:
    moment = dt.datetime(2025, 8, 2, 17, tzinfo=dt.UTC)
    table = pyarrow.table(
        {
            "text": ["Rates held", None],
            "published_at": pyarrow.array([moment, moment], pyarrow.timestamp("ns", "UTC")),
            "date": pyarrow.array([dt.date(2025, 8, 2), None], pyarrow.date32()),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "h.parquet")
    rows = read_headlines(tmp_path / "h.parquet")
    assert rows[0] == {"origin": "h.parquet:1", "text": "Rates held", "published_at": TIME, "date": "2025-08-02"}
    assert rows[1] == {"origin": "h.parquet:2", "published_at": TIME}


def test_malformed_parquet_file_is_invalid_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="not a Parquet file"):
        read_headlines(write(tmp_path / "h.parquet", "no"))


def test_missing_path_and_ambiguous_format_are_invalid_input_with_the_choices(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="does not exist"):
        read_headlines(tmp_path / "none")
    with pytest.raises(InvalidInputError, match="choose one of daily-json, jsonl, csv, parquet"):
        read_headlines(tmp_path)
    with pytest.raises(InvalidInputError, match="'xml' is unknown; choose one of daily-json"):
        read_headlines(tmp_path, "xml")
    with pytest.raises(InvalidInputError, match=r"has no file that ends in _headlines\.json"):
        read_headlines(tmp_path, "daily-json")
    write(tmp_path / "a.csv", "")
    write(tmp_path / "a.jsonl", "")
    with pytest.raises(InvalidInputError, match="has files of jsonl and csv; choose one"):
        read_headlines(tmp_path)


def test_folder_with_a_format_is_read_in_order_of_name(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write(tmp_path / f"{name}.jsonl", json.dumps({"text": name}))
    assert [row["text"] for row in read_headlines(tmp_path, "jsonl")] == ["a", "b"]
