"""Dates and `--set key=value` assignments on the command line."""

from __future__ import annotations

import pytest

from services.cli.arguments import UsageError, iso_date, parse_assignments


@pytest.mark.parametrize("text", ["20250818", "2025-08-18", " 20250818 "])
def test_date_is_accepted_with_and_without_hyphens(text: str) -> None:
    assert iso_date(text) == "2025-08-18"


@pytest.mark.parametrize("text", ["2025081", "2025-0818", "18.08.2025", "20250230", "", "tomorrow"])
def test_malformed_date_is_a_usage_error_with_the_accepted_forms(text: str) -> None:
    with pytest.raises(UsageError, match="is not a date: write it as YYYYMMDD or YYYY-MM-DD"):
        iso_date(text)


def test_missing_date_stays_missing() -> None:
    assert iso_date(None) is None


def test_values_are_parsed_by_the_type_of_their_field() -> None:
    texts = ["rollouts=4", "free_share=0.25", "train=false", "dates=warn", "headlines=null", "learning_rate=1e-4"]
    assert parse_assignments(texts) == {
        "rollouts": 4,
        "free_share": 0.25,
        "train": False,
        "dates": "warn",
        "headlines": None,
        "learning_rate": 1e-4,
    }


def test_quoted_value_is_literal_text() -> None:
    assert parse_assignments(['base_model="null"']) == {"base_model": "null"}
    assert parse_assignments(["base_model='a=b'"]) == {"base_model": "a=b"}


def test_weights_are_parsed_from_a_json_object() -> None:
    weights = {"reward_base": "mix", "reward_weights": {"composite": 0.7, "semantic": 0.3}}
    assert parse_assignments(["reward_base=mix", 'reward_weights={"composite": 0.7, "semantic": 0.3}']) == weights


def test_unset_fields_are_left_to_the_preset() -> None:
    assert parse_assignments(["preset=legacy"]) == {"preset": "legacy"}


def test_unknown_field_is_a_usage_error_with_the_closest_names() -> None:
    with pytest.raises(UsageError, match=r"--set rollots: .*did you mean rollouts or panel_rollouts or promote\?"):
        parse_assignments(["rollots=3"])


def test_hyphenated_field_suggests_its_underscored_name() -> None:
    with pytest.raises(UsageError, match="did you mean max_tokens"):
        parse_assignments(["max-tokens=3"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rollouts=65", "--set rollouts=65: .*less than or equal to 64"),
        ("rollouts=many", "--set rollouts=many: .*integer"),
        ("rollouts=null", "--set rollouts=None: "),
        ("dates=maybe", "--set dates=maybe: .*'enforce' or 'warn'"),
        ("rollouts", "write key=value"),
        ("ranker=best", "--set ranker=best: .*'semantic', 'judge', 'resolved' or 'recorded'"),
        ("ranker=resolved", "^--set prices: settling claims needs a price set"),
        ("reward_weights={composite: 1}", "not a JSON object"),
        ('base_model="a"b"', "not a quoted string"),
    ],
)
def test_invalid_value_is_a_usage_error_naming_its_field(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_assignments([text])


def test_repeated_field_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="repeated"):
        parse_assignments(["rollouts=2", "rollouts=3"])
