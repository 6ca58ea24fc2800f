from __future__ import annotations

import datetime as dt

import pytest

from services.cli.arguments import UsageError, parse_assignments, parse_date


@pytest.mark.parametrize("text", ["20250818", "2025-08-18", " 20250818 "])
def test_a_date_is_written_either_way(text: str) -> None:
    assert parse_date(text) == dt.date(2025, 8, 18)


@pytest.mark.parametrize("text", ["2025081", "2025-0818", "18.08.2025", "20250230", "", "tomorrow"])
def test_anything_else_is_no_date(text: str) -> None:
    with pytest.raises(UsageError, match="is no date"):
        parse_date(text)


def test_values_take_the_type_of_their_field() -> None:
    texts = ["rollouts=4", "free_share=0.25", "train=false", "dates=warn", "headlines=null", "learning_rate=1e-4"]
    assert parse_assignments(texts) == {
        "rollouts": 4,
        "free_share": 0.25,
        "train": False,
        "dates": "warn",
        "headlines": None,
        "learning_rate": 1e-4,
    }


def test_a_quoted_value_is_text_as_it_stands() -> None:
    assert parse_assignments(['base_model="null"']) == {"base_model": "null"}
    assert parse_assignments(["base_model='a=b'"]) == {"base_model": "a=b"}


def test_weights_are_given_as_a_json_object() -> None:
    weights = {"reward_base": "mix", "reward_weights": {"composite": 0.7, "semantic": 0.3}}
    assert parse_assignments(["reward_base=mix", 'reward_weights={"composite": 0.7, "semantic": 0.3}']) == weights


def test_only_what_was_given_is_sent_so_that_a_preset_still_fills_the_rest() -> None:
    assert parse_assignments(["preset=legacy"]) == {"preset": "legacy"}


def test_an_unknown_key_is_named_with_the_closest_one() -> None:
    with pytest.raises(UsageError, match=r"--set rollots: .*did you mean rollouts or panel_rollouts or promote\?"):
        parse_assignments(["rollots=3"])


def test_a_key_with_a_hyphen_finds_its_field() -> None:
    with pytest.raises(UsageError, match="did you mean max_tokens"):
        parse_assignments(["max-tokens=3"])


@pytest.mark.parametrize(
    ("text", "complaint"),
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
def test_a_bad_value_is_named_with_its_key(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        parse_assignments([text])


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="given twice"):
        parse_assignments(["rollouts=2", "rollouts=3"])
