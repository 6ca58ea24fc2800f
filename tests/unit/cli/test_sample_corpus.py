"""The sample corpus: its days, dates and headlines are valid."""

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


def test_sample_corpus_has_eleven_consecutive_days() -> None:
    dates = [_day(path)[0] for path in FILES]
    assert len(dates) == 11
    assert all(later - earlier == dt.timedelta(days=1) for earlier, later in pairwise(dates))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_day_has_8_to_12_headlines_published_on_that_day_in_order(path: Path) -> None:
    date, document = _day(path)
    headlines = document["headlines"]
    times = [dt.datetime.fromisoformat(item["timestamp"]) for item in headlines]
    assert document["date"] == f"{date:%Y%m%d}"
    assert 8 <= len(headlines) <= 12
    assert document["total_headlines"] == len(headlines)
    assert all(time.utcoffset() == dt.timedelta(0) and time.date() == date for time in times)
    assert times == sorted(times)


def test_headlines_are_unique_and_have_no_link() -> None:
    headlines = [item for path in FILES for item in _day(path)[1]["headlines"]]
    texts = [item["text"].casefold() for item in headlines]
    assert len(set(texts)) == len(texts)
    assert all(item["link"] is None and item["source"] == "Morrow sample" for item in headlines)
