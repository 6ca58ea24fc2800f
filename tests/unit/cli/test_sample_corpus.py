"""The corpus that ships with Morrow is sound under its own dates check."""

from __future__ import annotations

import datetime as dt
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "services" / "cli" / "sample_corpus"
FILES = sorted(FOLDER.glob("*_headlines.json"))


def _day(path: Path) -> tuple[dt.date, dict[str, Any]]:
    document: dict[str, Any] = json.loads(path.read_text("utf8"))
    date = dt.datetime.strptime(path.name[:8], "%Y%m%d").replace(tzinfo=dt.UTC).date()
    return date, document


def test_the_sample_covers_eleven_consecutive_days() -> None:
    dates = [_day(path)[0] for path in FILES]
    assert len(dates) == 11
    assert all(later - earlier == dt.timedelta(days=1) for earlier, later in pairwise(dates))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_sample_day_holds_about_ten_headlines_published_in_order_on_that_day(path: Path) -> None:
    date, document = _day(path)
    headlines = document["headlines"]
    times = [dt.datetime.fromisoformat(item["timestamp"]) for item in headlines]
    assert document["date"] == f"{date:%Y%m%d}"
    assert 8 <= len(headlines) <= 12
    assert document["total_headlines"] == len(headlines)
    assert all(time.utcoffset() == dt.timedelta(0) and time.date() == date for time in times)
    assert times == sorted(times)


def test_no_sample_headline_appears_twice_or_carries_an_invented_link() -> None:
    headlines = [item for path in FILES for item in _day(path)[1]["headlines"]]
    texts = [item["text"].casefold() for item in headlines]
    assert len(set(texts)) == len(texts)
    assert all(item["link"] is None and item["source"] == "Morrow sample" for item in headlines)
