"""Warnings on suspicious recorded runs, and ranks from rewards."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from services.coordinator.imports.rules import import_config, ranks, warnings_of
from services.coordinator.imports.schemas import RecordedDay, RecordedGroup, RecordedRollout, RunImport

PACIFIC = ZoneInfo("America/Los_Angeles")
DAY = dt.date(2025, 8, 2)
SOUND = dt.datetime(2025, 8, 2, 17, tzinfo=dt.UTC)


def group(order: tuple[float | None, ...], texts: str = "abc", **overrides: Any) -> RecordedGroup:
    rollouts = [
        RecordedRollout(
            rollout_id=i,
            text=text,
            rank=rank,
            reward=None if rank is None else min((3 - rank) / 2, 1) if rank < 4 else 0,
        )
        for i, (rank, text) in enumerate(zip(order, texts, strict=True))
    ]
    return RecordedGroup(**{"headline": "h", "published_at": SOUND, "rollouts": rollouts} | overrides)


def warnings_on(*groups: RecordedGroup) -> list[str]:
    return warnings_of([RecordedDay(date=DAY, groups=list(groups))], PACIFIC)


def test_sound_run_has_no_warning() -> None:
    assert warnings_on(group((1, 2, 3)), group((3, 1, 2)), group((2, 3, 1))) == []


def test_equal_rank_vectors_are_reported_as_constant() -> None:
    (of_all,) = warnings_on(group((2, 3, 1)), group((2, 3, 1)))
    assert of_all.startswith("All 2 groups have the same ranks by position (2, 3, 1)")
    (of_some,) = warnings_on(group((2, 3, 1)), group((2, 3, 1)), group((1, 2, 3)))
    assert of_some.startswith("2 of 3 groups have the same ranks")


def test_single_group_is_not_reported_as_constant() -> None:
    assert warnings_on(group((2, 3, 1))) == []


def test_identical_texts_with_different_rewards_are_counted_in_pairs() -> None:
    assert warnings_on(group((1, 2, 3), "aab"), group((3, 1, 2), "bbb")) == [
        "4 of 4 pairs of identical texts within a group have different rewards."
    ]


def test_shared_prediction_ids_are_counted_with_their_share() -> None:
    shared = group(
        (1, 2, 3),
        rollouts=[RecordedRollout(rollout_id=i, text=str(i), rank=i + 1, prediction_id=p) for i, p in enumerate("xxy")],
    )
    assert warnings_on(shared)[0].startswith("2 of 3 rollouts (66.7 %) share their prediction_id")


def test_texts_other_than_the_predicted_ones_are_counted_with_their_dates() -> None:
    other = group(
        (1, 2),
        "ab",
        rollouts=[
            RecordedRollout(rollout_id=0, text="a", prediction="a", rank=1, reward=1),
            RecordedRollout(rollout_id=1, text="b", prediction="z", rank=2, reward=0),
        ],
    )
    assert warnings_on(other) == ["1 of 2 rollouts were scored on another text than was predicted (2025-08-02)."]


def test_headlines_published_off_their_day_are_counted_in_the_files_zone() -> None:
    evening = dt.datetime(2025, 8, 3, 5, tzinfo=dt.UTC)
    late = dt.datetime(2025, 8, 8, 17, tzinfo=dt.UTC)
    old = dt.datetime(2025, 7, 1, tzinfo=dt.UTC)
    days = [
        group((1, 2, 3), published_at=evening),
        group((2, 1, 3), published_at=late),
        group((3, 2, 1), published_at=old),
    ]
    assert warnings_on(*days) == [
        "2 of 3 headlines were not published on their day in America/Los_Angeles "
        "(1 after it, 1 more than 3 days before it): 2025-08-02."
    ]


def test_ranks_outside_the_group_size_and_missing_ranks_and_times_are_counted() -> None:
    warnings = warnings_on(group((0, 2, 4)), group((None, 1, 2)), group((1, 3, 2), published_at=None))
    assert "2 rollouts have a rank outside 1 to the size of their group." in warnings
    assert "1 of 3 groups have no recorded ranks and are left out." in warnings
    assert any(line.startswith("1 of 3 groups have no publication time") for line in warnings)


def test_missing_ranks_are_the_average_ranks_of_the_rewards() -> None:
    rewarded = [RecordedRollout(rollout_id=i, text="t", reward=r) for i, r in enumerate((0.5, 1.0, 0.5, 0.0))]
    assert ranks(RecordedGroup(headline="h", rollouts=rewarded)) == [2.5, 1.0, 2.5, 4.0]


def test_configuration_takes_the_most_frequent_group_size_and_trains_nothing() -> None:
    groups = [group((1, 2), "ab"), group((1, 2, 3)), group((3, 2, 1))]
    config = import_config(RunImport(name="OLD", days=[RecordedDay(date=DAY, groups=groups)]))
    assert (config.preset, config.ranker, config.rollouts, config.train) == ("legacy", "recorded", 3, False)
