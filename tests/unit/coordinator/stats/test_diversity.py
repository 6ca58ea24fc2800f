"""Distinct-n and duplicates, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.coordinator.stats.diversity import distinct, duplicate_share, mean_distinct, words

TEXTS = st.lists(st.text("ab ", max_size=12), min_size=2, max_size=6)


def test_words_are_lower_case_without_punctuation_and_numbers_stay_whole() -> None:
    assert words("Prob=60%; Claim=S&P 500 gains 1.5% — “now”.") == (
        *("prob", "60%", "claim", "s", "p", "500", "gains", "1.5%", "now"),
    )


def test_distinct_n_of_two_texts_is_the_ordinary_one() -> None:
    # 7 words, of which oil, falls, rises, on, demand are different; of 5 pairs of neighbours all but one are.
    assert distinct(["oil falls on demand", "oil rises demand"], 1) == pytest.approx(5 / 7)
    assert distinct(["oil falls on demand", "oil falls today"], 2) == pytest.approx(4 / 5)


def test_distinct_n_of_three_texts_is_that_of_their_pairs() -> None:
    # Pairs (a b, a c), (a b, d e), (a c, d e) have 3, 4 and 4 different words, each of 4.
    assert distinct(["a b", "a c", "d e"], 1) == pytest.approx(11 / 12)


def test_equal_texts_are_half_distinct_and_one_alone_is_nothing() -> None:
    assert distinct(["oil falls", "oil falls"], 1) == 0.5
    assert distinct(["oil falls"], 1) is None
    assert distinct(["oil", "gas"], 2) is None
    assert mean_distinct([["oil falls", "oil falls"], ["gas"], ["a b", "c d"]], 1) == 0.75


@given(TEXTS)
def test_distinct_n_is_a_share_and_knows_no_order(texts: list[str]) -> None:
    found = distinct(texts, 1)
    assert found is None or 0 < found <= 1
    assert distinct(texts[::-1], 1) == found


def test_duplicates_are_texts_with_the_words_of_an_earlier_one_of_their_group() -> None:
    groups = [["Oil falls.", "oil falls", "OIL, falls", "gas"], ["oil falls"]]
    assert duplicate_share(groups) == pytest.approx(2 / 5)
    assert duplicate_share([]) is None
