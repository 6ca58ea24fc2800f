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


def test_a_token_is_forced_where_nothing_else_was_allowed(forcing: XgrammarForcing) -> None:
    assert forcing.forced("d(b|c)a", [D, B, A, END]) == [True, False, True, True]


def test_several_tokens_of_one_forced_text_are_a_choice(forcing: XgrammarForcing) -> None:
    assert forcing.forced("abc", [A, B, C, END]) == [False, True, True, True]
    assert forcing.forced("abc", [AB, C, END]) == [False, True, True]


def test_an_end_that_was_not_the_only_way_on_is_a_choice(forcing: XgrammarForcing) -> None:
    assert forcing.forced("da?", [D, END]) == [True, False]
    assert forcing.forced("da?", [D, A, END]) == [True, False, True]


def test_an_answer_that_was_cut_has_an_entry_per_token(forcing: XgrammarForcing) -> None:
    assert forcing.forced("dabc", [D, AB]) == [True, False]
    assert forcing.forced("dabc", []) == []


def test_what_follows_a_token_outside_the_grammar_is_not_forced(forcing: XgrammarForcing) -> None:
    assert forcing.forced("dab", [D, C, B, END]) == [True, False, False, False]
    assert forcing.forced("dab", [D, 99]) == [True, False]


def test_each_answer_is_replayed_from_the_beginning(forcing: XgrammarForcing) -> None:
    assert [forcing.forced("d", [D, END]) for _ in range(3)] == [[True, True]] * 3
