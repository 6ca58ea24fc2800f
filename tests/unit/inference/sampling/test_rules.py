"""The decoding ladder, rung by rung."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest

from services.inference.sampling.rules import (
    PROFILES,
    arm,
    best,
    calls_of,
    group_seed,
    merit,
    next_rung,
    sampling_seed,
)
from shared.forecast import Asked, Kept, RepairPlan, judge
from shared.run_config import RunConfig
from shared.wire import Rung
from tests.unit.inference.fakes import BROKEN, LINE, NEAR_MISS

DAY = dt.date(2025, 8, 18)
TWO_GAPS: RepairPlan = (Kept("a"), Asked("b"), Kept("c"), Asked("d"))


def test_the_first_half_of_a_group_is_free_by_default() -> None:
    arms = [arm(index, RunConfig()) for index in range(8)]
    assert arms == ["free"] * 4 + ["ladder"] * 4


@pytest.mark.parametrize(("share", "free"), [(0.0, 0), (1.0, 5), (0.5, 3), (0.3, 2)])
def test_the_free_share_is_rounded_ties_up(share: float, free: int) -> None:
    config = RunConfig(rollouts=5, free_share=share)
    assert [arm(index, config) for index in range(5)].count("free") == free


def test_every_rollout_begins_free() -> None:
    assert next_rung("free", [], None, None, 4) == "free"
    assert next_rung("ladder", [], None, None, 1) == "free"


@pytest.mark.parametrize("text", [LINE, NEAR_MISS, "No forecast: nothing to settle"])
def test_an_answer_that_stands_is_not_asked_for_again(text: str) -> None:
    assert next_rung("ladder", ["free"], judge(text), TWO_GAPS, 3) is None


def test_a_failed_rollout_of_the_free_arm_keeps_its_failure() -> None:
    assert next_rung("free", ["free"], judge(BROKEN), TWO_GAPS, 3) is None


def climbed(plan: RepairPlan | None, retries: int) -> list[Rung]:
    """The rungs of a rollout of which nothing helps."""
    tried: list[Rung] = ["free"]
    left = retries
    while rung := next_rung("ladder", tried, judge(BROKEN), plan, left):
        left -= calls_of(plan) if rung == "repair" and plan else 1
        tried.append(rung)
    assert left >= 0
    return tried


def test_what_can_be_repaired_is_repaired_then_guided_then_the_best_of_several() -> None:
    assert climbed(TWO_GAPS, 4) == ["free", "repair", "guided", "best_of_n"]


def test_what_cannot_be_repaired_is_guided_and_the_last_rung_is_repeated_until_the_retries_are_spent() -> None:
    assert climbed(None, 3) == ["free", "guided", "best_of_n", "best_of_n"]


def test_a_repair_that_costs_more_than_is_left_is_skipped() -> None:
    assert climbed(TWO_GAPS, 3) == ["free", "repair", "guided"]
    assert climbed(TWO_GAPS, 2) == ["free", "repair"]
    assert climbed(TWO_GAPS, 1) == ["free", "guided"]


def test_without_retries_nobody_climbs_but_by_a_repair_that_asks_for_nothing() -> None:
    assert climbed(TWO_GAPS, 0) == ["free"]
    assert climbed((Kept("all of it"),), 0) == ["free", "repair"]


def test_of_several_answers_a_valid_one_goes_first_then_the_better_form_then_the_likelier() -> None:
    valid, broken = judge(LINE), judge(BROKEN)
    assert best([merit(broken, 0.875, [-0.1]), merit(valid, 1.0, [-9.0])]) == 1
    assert best([merit(broken, 0.5, [-0.1]), merit(broken, 0.875, [-9.0]), merit(broken, 0.75, [-0.1])]) == 1
    assert best([merit(valid, 1.0, [-1.0, -3.0]), merit(valid, 1.0, [-1.9] * 9), merit(valid, 1.0, [])]) == 1
    assert best([merit(valid, 1.0, [-2.0]), merit(valid, 1.0, [-2.0])]) == 0


def test_seeds_differ_by_each_of_their_arguments_and_by_nothing_else() -> None:
    seeds = {
        sampling_seed(1, DAY, "Oil climbs", 0, 0),
        sampling_seed(2, DAY, "Oil climbs", 0, 0),
        sampling_seed(1, DAY + dt.timedelta(days=1), "Oil climbs", 0, 0),
        sampling_seed(1, DAY, "Oil falls", 0, 0),
        sampling_seed(1, DAY, "Oil climbs", 1, 0),
        sampling_seed(1, DAY, "Oil climbs", 0, 1),
        sampling_seed(1, DAY, "Oil climbs", 1, 1),
    }
    assert len(seeds) == 7
    assert sampling_seed(1, DAY, "Oil climbs", 0, 0) in seeds


def test_first_answers_of_a_group_have_seeds_in_a_row_as_the_answers_of_one_request() -> None:
    first = group_seed(1, DAY, "Oil climbs")
    assert [sampling_seed(1, DAY, "Oil climbs", index, 0) for index in range(3)] == [first, first + 1, first + 2]


def test_a_seed_is_the_first_31_bits_of_a_digest() -> None:
    digest = hashlib.sha256(b"1\x1f2025-08-18\x1fOil climbs").hexdigest()
    assert group_seed(1, DAY, "Oil climbs") == int(digest[:8], 16) // 2
    digest = hashlib.sha256(b"1\x1f2025-08-18\x1fOil climbs\x1f0\x1f2").hexdigest()
    assert sampling_seed(1, DAY, "Oil climbs", 0, 2) == int(digest[:8], 16) // 2
    assert 0 <= sampling_seed(2**31 - 1, DAY, "\ud800", 63, 10) < 2**31


def test_the_profiles_are_those_that_are_documented() -> None:
    table = {name: (p.temperature, p.top_p, p.top_k) for name, p in PROFILES.items()}
    assert table == {"tight": (0.5, 0.85, 50), "default": (0.7, 0.9, 50), "loose": (0.9, 0.95, 50)}
