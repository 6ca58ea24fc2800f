"""The configuration and the headlines of panel days and warm starts."""

from __future__ import annotations

import datetime as dt

import pytest

from services.coordinator.corpora.rules.headlines import DatedHeadline
from services.coordinator.scheduling.rules.roles import config_of, scored_places, warm_start_ids
from shared.errors import InvalidInputError
from shared.run_config import RunConfig

DATE = dt.date(2025, 8, 18)
NOON = dt.datetime(2025, 8, 18, 12, tzinfo=dt.UTC)


def test_panel_rollouts_are_all_free() -> None:
    run = RunConfig(rollouts=8, panel_rollouts=4, free_share=0.25, profile="tight", panel_profile="loose", ab_share=0.5)
    panel = config_of("panel", run)
    assert (panel.rollouts, panel.free_rollouts, panel.profile, panel.ab_share) == (4, 4, "loose", 0.0)


def test_warm_start_uses_the_ladder_for_all_rollouts_and_the_semantic_ranker() -> None:
    run = RunConfig(ranker="resolved", reward_base="resolved", prices="closes", warm_start=10)
    warm = config_of("warm_start", run)
    assert (warm.free_rollouts, warm.ranker, warm.reward_base) == (0, "semantic", "composite")


def test_chain_days_use_the_run_configuration() -> None:
    run = RunConfig(ab_share=0.5)
    assert config_of("chain", run) is run


@pytest.mark.parametrize(
    ("days", "every", "expected"),
    [(5, 1, [0, 1, 2, 3, 4]), (5, 2, [1, 3, 4]), (6, 3, [2, 5]), (2, 10, [1]), (0, 1, [])],
)
def test_every_nth_checkpoint_and_the_last_are_scored(days: int, every: int, expected: list[int]) -> None:
    assert scored_places(days, every) == expected


def earlier(*flags: str | None, first: int = 0) -> list[DatedHeadline]:
    return [DatedHeadline(first + number, flag, NOON) for number, flag in enumerate(flags)]


DAYS = {DATE: earlier(None, "late", None), DATE - dt.timedelta(days=1): earlier(None, None, first=10)}


def test_warm_start_takes_usable_headlines_in_order() -> None:
    assert warm_start_ids(DAYS, RunConfig(warm_start=100), {2}) == [10, 11, 0]
    assert warm_start_ids(DAYS, RunConfig(warm_start=100, dates="warn"), set()) == [10, 11, 0, 1, 2]


def test_warm_start_samples_its_headlines_by_the_seed() -> None:
    chosen = [tuple(warm_start_ids(DAYS, RunConfig(warm_start=2, seed=seed), set())) for seed in range(20)]
    assert {len(found) for found in chosen} == {2}
    assert len(set(chosen)) > 1


def test_a_warm_start_without_earlier_headlines_is_refused_with_the_cure() -> None:
    with pytest.raises(InvalidInputError, match=r"config\.warm_start: .* let the run begin later"):
        warm_start_ids({DATE: earlier("late")}, RunConfig(warm_start=5), set())
