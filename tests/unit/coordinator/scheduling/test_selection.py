"""The selection of a day's headlines."""

from __future__ import annotations

import datetime as dt

import pytest

from services.coordinator.corpora.rules.headlines import DatedHeadline
from services.coordinator.scheduling.rules.selection import select_headlines
from shared.run_config import RunConfig


def headlines(*flags: str | None) -> list[DatedHeadline]:
    noon = dt.datetime(2025, 8, 1, 12, tzinfo=dt.UTC)
    return [DatedHeadline(number, flag, noon + dt.timedelta(hours=number)) for number, flag in enumerate(flags)]


def test_flagged_headlines_are_left_out_before_the_limit_applies() -> None:
    choice = select_headlines(headlines("late", None, "stale", None, None), RunConfig(headlines=2))
    assert choice.ids == [1, 3]
    assert choice.left_out == {"0": "late", "2": "stale"}
    assert choice.counts == {"late": 1, "stale": 1}


def test_headlines_older_than_the_policys_training_data_are_left_out() -> None:
    found = headlines(None, None, None)
    choice = select_headlines(found, RunConfig(), found[1].published_at)
    assert (choice.ids, choice.left_out) == ([1, 2], {"0": "look_ahead"})


@pytest.mark.parametrize("config", [RunConfig(lag=0), RunConfig(dates="warn")])
def test_lag_0_and_dates_warn_keep_look_ahead_headlines(config: RunConfig) -> None:
    found = headlines(None, None)
    assert select_headlines(found, config, found[1].published_at).ids == [0, 1]


def test_warn_keeps_flagged_headlines() -> None:
    assert select_headlines(headlines("late", None), RunConfig(dates="warn", headlines=1)).ids == [0]


@pytest.mark.parametrize("dates", ["enforce", "warn"])
def test_held_out_headlines_are_left_out_before_the_limit_applies(dates: str) -> None:
    config = RunConfig.model_validate({"dates": dates, "headlines": 1})
    choice = select_headlines(headlines(None, None, None), config, held_out={0, 2})
    assert (choice.ids, choice.left_out) == ([1], {"0": "panel", "2": "panel"})
