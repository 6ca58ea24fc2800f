"""Folders in the legacy layout are read into the body of a run import, from JSON or CSV."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.cli.files.legacy_layout import read_legacy_run
from shared.errors import InvalidInputError
from tests.legacy_folder import HEADLINES, RANKS, REWARDS, TEXTS, write, write_day


def edit(path: Path, change: Any) -> None:
    document = json.loads(path.read_text("utf8"))
    change(document)
    write(path, document)


def test_day_has_its_texts_ranks_rewards_and_times(tmp_path: Path) -> None:
    write_day(tmp_path)
    body = read_legacy_run(tmp_path, "old")
    assert (body["name"], body["notes"]) == ("old", [])
    (day,) = body["days"]
    assert (day["date"], day["profile"]) == ("2025-08-06", "tight")
    group = day["groups"][0]
    assert (group["headline"], group["published_at"]) == (HEADLINES[0], "2025-08-06T19:00:00+00:00")
    assert tuple(rollout["text"] for rollout in group["rollouts"]) == TEXTS
    assert tuple(rollout["rank"] for rollout in group["rollouts"]) == RANKS
    assert tuple(rollout["reward"] for rollout in group["rollouts"]) == REWARDS


def test_evaluations_csv_is_read_where_the_json_is_missing(tmp_path: Path) -> None:
    for kind in ("json", "csv"):
        write_day(tmp_path / kind, evaluations=kind)
    assert read_legacy_run(tmp_path / "csv", "old") == read_legacy_run(tmp_path / "json", "old")


def test_parent_folder_is_accepted_if_it_has_one_run(tmp_path: Path) -> None:
    write_day(tmp_path / "timestamped_storage_A")
    assert len(read_legacy_run(tmp_path, "old")["days"]) == 1
    write_day(tmp_path / "timestamped_storage_B")
    with pytest.raises(InvalidInputError, match="several runs"):
        read_legacy_run(tmp_path, "old")


def test_rollouts_with_equal_prediction_ids_are_distinguished_by_key(tmp_path: Path) -> None:
    alike = ("Oil rises, gold falls", "Oil rises, gold climbs")
    write_day(tmp_path, headlines=alike)
    groups = read_legacy_run(tmp_path, "old")["days"][0]["groups"]
    ids = [[rollout["prediction_id"] for rollout in group["rollouts"]] for group in groups]
    assert ids[0] == ids[1]
    assert [group["headline"] for group in groups] == list(alike)


def test_each_horizon_is_a_group(tmp_path: Path) -> None:
    write_day(tmp_path, headlines=HEADLINES[:1])

    def add_week(document: Any) -> None:
        for name in ("outcomes", "evaluations"):
            rows = document.get(name, [])
            rows += [row | {"horizon": "1w", "original_prediction": "week"} for row in rows]

    for kind in ("outcome_tracking", "evaluations"):
        edit(tmp_path / f"20250806_{kind}.json", add_week)
    groups = read_legacy_run(tmp_path, "old")["days"][0]["groups"]
    assert [(group["horizon"], group["rollouts"][0]["text"]) for group in groups] == [(None, TEXTS[0]), ("1w", "week")]


def test_missing_tracking_falls_back_to_evaluated_then_predicted_texts(tmp_path: Path) -> None:
    write_day(tmp_path)
    tracked = read_legacy_run(tmp_path, "old")["days"][0]["groups"]
    (tmp_path / "20250806_outcome_tracking.json").unlink()
    assert read_legacy_run(tmp_path, "old")["days"][0]["groups"] == tracked
    (tmp_path / "20250806_evaluations.json").unlink()
    predicted = read_legacy_run(tmp_path, "old")["days"][0]["groups"]
    assert tuple(rollout["text"] for rollout in predicted[0]["rollouts"]) == TEXTS
    assert predicted[0]["rollouts"][0]["rank"] is None


def test_unmatched_and_repeated_rows_are_counted_in_notes(tmp_path: Path) -> None:
    write_day(tmp_path)
    edit(tmp_path / "20250806_outcome_tracking.json", lambda d: d["outcomes"].pop())
    edit(tmp_path / "20250806_outcome_tracking.json", lambda d: d["outcomes"].append(d["outcomes"][0]))
    assert read_legacy_run(tmp_path, "old")["notes"] == [
        "2025-08-06: 1 rows repeat the headline, horizon and rollout_id of another; the first one counts.",
        "2025-08-06: 1 predicted rollouts have no outcome and are left out.",
        "2025-08-06: 1 evaluations belong to no rollout and are left out.",
    ]


def test_headline_times_without_a_zone_are_utc_and_unreadable_ones_none(tmp_path: Path) -> None:
    write_day(tmp_path / "a", published="2025-08-06T19:00:00")
    write_day(tmp_path / "b", published="long ago")
    assert read_legacy_run(tmp_path / "a", "old")["days"][0]["groups"][0]["published_at"] == "2025-08-06T19:00:00+00:00"
    assert read_legacy_run(tmp_path / "b", "old")["days"][0]["groups"][0]["published_at"] is None


def test_normalized_score_takes_precedence_over_the_training_reward(tmp_path: Path) -> None:
    write_day(tmp_path)
    edit(tmp_path / "20250806_evaluations.json", lambda d: d["evaluations"][0].update(normalized_score=0.25))
    assert read_legacy_run(tmp_path, "old")["days"][0]["groups"][0]["rollouts"][0]["reward"] == 0.25


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"outcomes": [', "20250806_outcome_tracking.json:1: not JSON"),
        ("[]", "an object is required, not list"),
        ('{"outcomes": [{"headline": "a", "rollout_id": "x"}]}', "no integer rollout_id"),
        ('{"outcomes": [{"rollout_id": 1}]}', "a row has no headline"),
    ],
)
def test_malformed_file_is_invalid_input_naming_it(tmp_path: Path, content: str, message: str) -> None:
    write_day(tmp_path)
    (tmp_path / "20250806_outcome_tracking.json").write_text(content, "utf8")
    with pytest.raises(InvalidInputError, match=message):
        read_legacy_run(tmp_path, "old")


def test_rank_that_is_not_a_number_is_invalid_input(tmp_path: Path) -> None:
    write_day(tmp_path)
    edit(tmp_path / "20250806_evaluations.json", lambda d: d["evaluations"][0].update(ranking="first"))
    with pytest.raises(InvalidInputError, match="ranking is 'first', not a number"):
        read_legacy_run(tmp_path, "old")


def test_folder_without_legacy_files_is_invalid_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="has no YYYYMMDD_predictions"):
        read_legacy_run(tmp_path, "old")
    with pytest.raises(InvalidInputError, match="does not exist"):
        read_legacy_run(tmp_path / "none", "old")
    write(tmp_path / "20251399_predictions.json", {})
    with pytest.raises(InvalidInputError, match="20251399, which is not a date"):
        read_legacy_run(tmp_path, "old")
