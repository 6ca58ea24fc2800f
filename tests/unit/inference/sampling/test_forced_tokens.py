"""Which tokens of a guided answer were no choice."""

from __future__ import annotations

from typing import Any

import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from services.inference.sampling.forced_tokens import XgrammarForcing

PIECES = ["<end>", "a", "b", "c", "ab", "d"]
END, A, B, C, AB, D = range(6)


@pytest.fixture(scope="module")
def forcing() -> XgrammarForcing:
    """Over a vocabulary of six pieces."""
    inner = Tokenizer(models.WordLevel({piece: n for n, piece in enumerate(PIECES)}, unk_token="d"))
    tokenizer: Any = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>")
    return XgrammarForcing(tokenizer)


def forced(forcing: XgrammarForcing, regex: str, ids: list[int], *, sampled: int = 0) -> list[bool]:
    """What is forced of an answer whose first `sampled` tokens were not certain."""
    return forcing.forced(regex, ids, [-0.7] * sampled + [0.0] * (len(ids) - sampled))


def test_a_token_is_forced_where_nothing_else_was_allowed(forcing: XgrammarForcing) -> None:
    assert forced(forcing, "d(b|c)a", [D, B, A, END]) == [True, False, True, True]


def test_a_forced_text_that_was_sampled_in_one_of_several_ways_to_cut_it_is_a_choice(forcing: XgrammarForcing) -> None:
    assert forced(forcing, "abc", [A, B, C, END], sampled=1) == [False, True, True, True]
    assert forced(forcing, "abc", [AB, C, END], sampled=1) == [False, True, True]


def test_a_forced_text_that_the_engine_fed_is_none(forcing: XgrammarForcing) -> None:
    assert forced(forcing, "abc", [AB, C, END]) == [True, True, True]
    assert forced(forcing, "d(ab|c)a", [D, AB, A, END], sampled=2) == [False, False, True, True]


def test_a_certain_token_with_alternatives_in_the_grammar_is_a_choice(forcing: XgrammarForcing) -> None:
    assert forced(forcing, "(a|b)c", [A, C, END]) == [False, True, True]


def test_an_end_that_was_not_the_only_way_on_is_a_choice(forcing: XgrammarForcing) -> None:
    assert forced(forcing, "da?", [D, END]) == [True, False]
    assert forced(forcing, "da?", [D, A, END]) == [True, False, True]


def test_an_answer_that_was_cut_has_an_entry_per_token(forcing: XgrammarForcing) -> None:
    assert forced(forcing, "dabc", [D, AB]) == [True, True]
    assert forced(forcing, "dabc", []) == []


def test_what_follows_a_token_outside_the_grammar_is_not_forced(forcing: XgrammarForcing) -> None:
    assert forced(forcing, "dab", [D, C, B, END]) == [True, False, False, False]
    assert forced(forcing, "dab", [D, 99]) == [True, False]


def test_each_answer_is_replayed_from_the_beginning(forcing: XgrammarForcing) -> None:
    assert [forced(forcing, "d", [D, END]) for _ in range(3)] == [[True, True]] * 3
