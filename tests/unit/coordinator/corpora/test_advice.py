"""What an import says about false dates."""

from __future__ import annotations

import datetime as dt

from services.coordinator.corpora.rules.advice import CURES, advice
from services.coordinator.corpora.rules.headlines import DayCount


def day(number: int, headlines: int, late: int = 0, stale: int = 0) -> DayCount:
    return DayCount(dt.date(2025, 8, number), headlines, late, stale)


def test_sound_dates_need_no_advice() -> None:
    assert advice([day(6, 27), day(7, 35)], 3.0) == []


def test_neighbouring_days_share_a_line_and_the_cures_come_last() -> None:
    days = [day(2, 32, 32), day(3, 31, 31), day(4, 32, 32), day(5, 28, 28), day(6, 27), day(9, 33, 33)]
    assert advice(days, 3.0) == [
        "2025-08-02 to 2025-08-05: all 123 headlines were published after their day.",
        "2025-08-09: all 33 headlines were published after their day.",
        CURES,
    ]


def test_a_gap_in_the_calendar_ends_a_stretch() -> None:
    lines = advice([day(2, 5, 5), day(4, 5, 5)], 3.0)
    assert [line[:10] for line in lines[:2]] == ["2025-08-02", "2025-08-04"]


def test_partly_false_days_get_numbers() -> None:
    lines = advice([day(2, 10, 2, 1), day(3, 10, 0, 1), day(5, 4, 0, 4)], 1.5)
    assert lines[0] == (
        "2025-08-02 to 2025-08-03: of 20 headlines 2 published after their day "
        "and 2 published more than 1.5 days before their day began."
    )
    assert lines[1] == "2025-08-05: all 4 headlines were published more than 1.5 days before their day began."


def test_the_cures_name_regrouping_and_warning() -> None:
    assert "--dates regroup" in CURES
    assert "dates=enforce" in CURES
    assert "dates=warn" in CURES
