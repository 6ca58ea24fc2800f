"""The seeded sample of the B arm, and the chunks that keep the arms apart."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.coordinator.scheduling.rules.selection import ab_split, arm_chunks, seeded_sample, share_of, step_profile
from shared.run_config import RunConfig

DATE = dt.date(2025, 8, 18)
ids = st.lists(st.integers(1, 10_000), unique=True, max_size=30)


@pytest.mark.parametrize(
    ("count", "share", "expected"), [(8, 0.25, 2), (10, 0.25, 3), (3, 0.1, 0), (5, 1.0, 5), (0, 0.5, 0), (1, 0.5, 1)]
)
def test_a_share_is_rounded_to_the_nearest_ties_up(count: int, share: float, expected: int) -> None:
    assert share_of(count, share) == expected


@given(ids, st.floats(0, 1))
def test_arm_has_its_share_in_the_days_order(found: list[int], share: float) -> None:
    arm = ab_split(found, DATE, RunConfig(ab_share=share))
    assert len(arm) == share_of(len(found), share)
    assert arm == [headline for headline in found if headline in arm]


@given(ids.filter(lambda found: len(found) > 1))
def test_sample_depends_on_the_ids_and_not_on_their_order(found: list[int]) -> None:
    config = RunConfig(ab_share=0.5)
    assert set(ab_split(found, DATE, config)) == set(ab_split(found[::-1], DATE, config))


def test_another_seed_or_date_gives_another_sample() -> None:
    found = list(range(1, 41))
    one = ab_split(found, DATE, RunConfig(ab_share=0.5))
    assert one != ab_split(found, DATE, RunConfig(ab_share=0.5, seed=1))
    assert one != ab_split(found, DATE + dt.timedelta(days=1), RunConfig(ab_share=0.5))


def test_added_id_replaces_at_most_one_id_of_the_sample() -> None:
    few, more = seeded_sample(range(20), 5, "seed"), seeded_sample(range(21), 5, "seed")
    assert len(few - more) <= 1


def test_chunks_have_headlines_of_one_arm_only_a_first() -> None:
    assert arm_chunks([1, 2, 3, 4, 5], [2, 5], 2) == [[1, 3], [4], [2, 5]]
    assert arm_chunks([1, 2, 3], [], 2) == [[1, 2], [3]]
    assert arm_chunks([1, 2], [1, 2], 4) == [[1, 2]]


def test_a_steps_profile_is_that_of_its_arm() -> None:
    decisions = {"ab": {"profiles": ["tight", "loose"], "headlines": [2, 5]}}
    assert step_profile("tight", decisions, [2, 5]) == "loose"
    assert step_profile("tight", decisions, [1, 3]) == "tight"
    assert step_profile("tight", {}, [2]) == "tight"
