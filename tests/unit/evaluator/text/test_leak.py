"""Echoed instructions are found; ordinary forecasts are not taken for them."""

from __future__ import annotations

import pytest

from services.evaluator.text.leak import LEAK_LIST_VERSION, LEGACY_LEAK_LIST_VERSION, leak_list, leaked_stems
from shared.forecast import TEMPLATE
from tests.unit.evaluator.group_texts import FIRST_EXAMPLE, OWN, SECOND_EXAMPLE


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("Write one line in the form below", "order to write"),
        ("Rationale=at most 18 words", "word limit"),
        ("Rationale=≤18 words", "word limit"),
        ("eight keys, in this order", "in this order"),
        ("Horizon=1d|1w|1m|1q", "choices"),
        ("Prob=0–100%", "choices"),
        ("Claim=<your claim>", "placeholder"),
        ("Claim=x<|im_end|>", "chat markup"),
        ("Headline: Gold slips", "headline label"),
        ("Final answer: up", "answer:"),
        ("The following is a forecast", "the following"),
        ("First, the user wants one line", "the user"),
        ("You must keep the format", "you must"),
        ("As an AI I cannot say", "as a model"),
    ],
)
def test_an_echoed_instruction_is_a_leak(text: str, stem: str) -> None:
    assert stem in leaked_stems(text)


def test_the_bare_template_leaks() -> None:
    assert leaked_stems(TEMPLATE)


@pytest.mark.parametrize("text", ["", OWN, FIRST_EXAMPLE, SECOND_EXAMPLE, "Funds avoid duration; yields < 4% and > 3%"])
def test_a_forecast_does_not_leak(text: str) -> None:
    assert leaked_stems(text) == []


def test_legacy_leak_list_is_used_by_the_legacy_preset_only() -> None:
    assert (leak_list("default"), leak_list("legacy")) == (LEAK_LIST_VERSION, LEGACY_LEAK_LIST_VERSION)
    assert leaked_stems("Avoid bonds", LEGACY_LEAK_LIST_VERSION) == ["avoid"]
    assert leaked_stems("Keep it short. Final answer: buy", "legacy") == ["keep it/to", "answer:", "final answer"]


def test_an_unknown_list_is_an_error() -> None:
    with pytest.raises(KeyError):
        leaked_stems("text", "another")
