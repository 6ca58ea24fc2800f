"""Which headlines of a day a run uses."""

from __future__ import annotations

import datetime as dt

import pytest

from services.coordinator.corpora.rules.headlines import DatedHeadline
from services.coordinator.scheduling.rules.selection import choose
from shared.run_config import RunConfig


def headlines(*flags: str | None) -> list[DatedHeadline]:
    noon = dt.datetime(2025, 8, 1, 12, tzinfo=dt.UTC)
    return [DatedHeadline(number, flag, noon + dt.timedelta(hours=number)) for number, flag in enumerate(flags)]


def test_flagged_headlines_are_left_out_before_the_first_are_taken() -> None:
    choice = choose(headlines("late", None, "stale", None, None), RunConfig(headlines=2))
    assert choice.ids == [1, 3]
    assert choice.left_out == {"0": "late", "2": "stale"}
    assert choice.counts == {"late": 1, "stale": 1}


def test_headlines_that_the_policy_has_learned_past_are_left_out() -> None:
    found = headlines(None, None, None)
    choice = choose(found, RunConfig(), found[1].published_at)
    assert (choice.ids, choice.left_out) == ([1, 2], {"0": "look_ahead"})


@pytest.mark.parametrize("config", [RunConfig(lag=0), RunConfig(dates="warn")])
def test_look_ahead_is_kept_where_the_run_asks_for_it(config: RunConfig) -> None:
    found = headlines(None, None)
    assert choose(found, config, found[1].published_at).ids == [0, 1]


def test_warn_keeps_flagged_headlines() -> None:
    assert choose(headlines("late", None), RunConfig(dates="warn", headlines=1)).ids == [0]


@pytest.mark.parametrize("dates", ["enforce", "warn"])
def test_what_the_panel_holds_out_is_left_out_before_the_first_are_taken(dates: str) -> None:
    config = RunConfig.model_validate({"dates": dates, "headlines": 1})
    choice = choose(headlines(None, None, None), config, held_out={0, 2})
    assert (choice.ids, choice.left_out) == ([1], {"0": "panel", "2": "panel"})
