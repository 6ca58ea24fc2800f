"""Degenerate texts show their signs on the day they appear."""

from __future__ import annotations

import pytest

from services.evaluator.text.degeneration import degeneration_signs, echoes, restates
from shared.forecast import TEMPLATE
from tests.unit.evaluator.group_texts import HEADLINE, OWN

SPEC_TEMPLATE = "Domain=…; Proxy=…; Horizon=1d|1w|1m|1q; Prob=0–100%; Claim=…; Rationale=…; Risk=…; Confidence=0–3"


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("", ["empty"]),
        (" \n", ["empty"]),
        ("; ; .", ["empty"]),
        ("12 of 40%", ["empty"]),
        ("Domain=; Proxy=; Claim=", ["empty"]),
        (TEMPLATE, ["placeholder"]),
        (SPEC_TEMPLATE, ["placeholder"]),
        ("Claim=<your claim>", ["placeholder"]),
        ("Risk=Risk; Claim=KHC falls", ["placeholder"]),
        (OWN, []),
        ("Yields < 4% and > 3%", []),
        ("KHC drops... then recovers", []),
    ],
)
def test_empty_text_and_echoed_form_have_different_signs(text: str, signs: list[str]) -> None:
    assert degeneration_signs(text, "", HEADLINE, []) == signs


@pytest.mark.parametrize(
    "claim",
    [
        HEADLINE,
        "Harbor Foods cuts guidance as shoppers trade down by tomorrow",
        "Shoppers trade down as Harbor Foods cut guidance",
        "HARBOR FOODS' GUIDANCE WILL BE CUT",
        "Harbor Foods cuts its guidance again",  # 4 of 5 words
    ],
)
def test_a_claim_of_the_headlines_words_restates_it(claim: str) -> None:
    assert restates(claim, HEADLINE)


@pytest.mark.parametrize(
    "claim", ["", "tomorrow", "Harbor Foods falls 5% by tomorrow", "KHC cuts its guidance in a week", "Rivals gain 2%"]
)
def test_claim_with_more_than_a_fifth_of_new_words_does_not_restate(claim: str) -> None:
    assert not restates(claim, HEADLINE)


def test_repeated_text_is_a_duplicate_whatever_its_spaces() -> None:
    assert degeneration_signs(OWN, "KHC falls", HEADLINE, ["other", f" {OWN} "]) == ["duplicate"]
    assert degeneration_signs(OWN, "KHC falls", HEADLINE, ["other"]) == []


def test_empty_text_is_no_duplicate() -> None:
    assert degeneration_signs("", "", HEADLINE, [""]) == ["empty"]


def test_signs_add_up() -> None:
    text = f"Claim={HEADLINE}; Risk=<risk>"
    assert degeneration_signs(text, HEADLINE, HEADLINE, [text]) == ["placeholder", "restated", "duplicate"]


def test_a_bracketed_word_is_an_echo_and_a_comparison_is_not() -> None:
    assert echoes("the <instrument or measure> rises")
    assert not echoes("3 < 4 > 2")
