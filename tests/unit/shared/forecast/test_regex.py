"""The decoder's expression against the strict verdict, in both directions, on thousands of lines.

The expression is narrower than strict on purpose. Its bounds are written here once more, without an expression:
within them both accept the same lines, but for what no expression can know.
"""

from __future__ import annotations

import re
import string
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.forecast import HORIZONS, KEYS, Slots, format_named, formats, judge, line_regex, render, slot_regex
from shared.run_config import Horizon
from tests.unit.shared.forecast.samples import ALPHANUMERIC, JOINTS, damaged_line, line_slots, sample

UNKNOWABLE = ("repeats its own key", "repeats the words of the template")
PATTERN = re.compile(line_regex())
seeds = st.integers(0, 2**32).map(Random)


def plain(text: str, minimum: int, maximum: int, characters: str = ALPHANUMERIC) -> bool:
    return minimum <= len(text) <= maximum and set(text) <= set(characters)


def is_name(word: str) -> bool:
    for joint in JOINTS:
        word = word.replace(joint, "\n")
    head, *tails = word.split("\n")
    parts = len(tails) <= 2 and all(plain(tail, 1, len(word)) for tail in tails)
    return parts and plain(head, 1, len(word)) and head[0] in string.ascii_letters


def is_number(word: str) -> bool:
    word = word[1:] if word[:1] in ("$", "+", "-") else word
    digits = word.rstrip("%" + string.ascii_letters + "-")
    unit = word[len(digits) :]
    fits = unit in ("", "%") or plain(unit, 1, len(unit), string.ascii_letters)
    fits = fits or (unit[0] == "-" and plain(unit[1:], 1, len(unit), string.ascii_lowercase))
    whole, point, decimals = digits.partition(".")
    first, *thousands = whole.split(",")
    numeric = plain(first, 1, 4, string.digits) and all(plain(group, 3, 3, string.digits) for group in thousands)
    return fits and numeric and len(thousands) <= 2 and (not point or plain(decimals, 1, 4, string.digits))


def is_phrase(text: str, minimum: int, maximum: int) -> bool:
    first, *rest = text.split(" ")
    words = [word.removesuffix(",") for word in rest[:-1]] + rest[-1:]
    return is_name(first) and minimum <= len(words) + 1 <= maximum and all(is_name(w) or is_number(w) for w in words)


def within_bounds(slots: Slots) -> bool:
    first, *more = slots["Proxy"].split(" ")
    return (
        is_name(first)
        and first[0] in string.ascii_uppercase
        and (first[0] != "P" or (plain(first[1:2], 1, 1, string.ascii_letters) and first[1] not in "Rr"))
        and len(more) <= 3
        and all(is_name(word) or is_number(word) for word in more)
        and is_phrase(slots["Claim"], 5, 16)
        and is_phrase(slots["Rationale"], 4, 16)
        and is_phrase(slots["Risk"], 2, 6)
    )


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_every_line_within_the_bounds_is_accepted_by_both(random: Random) -> None:
    for _ in range(40):
        slots = line_slots(random)
        line = render(slots)
        judgement = judge(line)
        assert (judgement.verdict, judgement.slots) == ("strict", slots), judgement.failure
        assert within_bounds(slots)
        assert PATTERN.fullmatch(line)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_of_damaged_lines_the_expression_accepts_exactly_the_strict_ones_within_its_bounds(random: Random) -> None:
    for _ in range(80):
        line = damaged_line(random)
        judgement = judge(line)
        if judgement.failure and judgement.failure.endswith(UNKNOWABLE):
            continue
        expected = judgement.verdict == "strict" and within_bounds(judgement.slots)
        assert bool(PATTERN.fullmatch(line)) == expected, (line, judgement)


@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("horizon", [*HORIZONS, None])
@given(random=seeds)
def test_whatever_the_expression_generates_is_strict_and_of_its_horizon(horizon: str | None, random: Random) -> None:
    for _ in range(20):
        line = sample(line_regex(horizon), random)
        judgement = judge(line)
        assert judgement.verdict == "strict", (line, judgement.failure)
        assert horizon in (None, judgement.slots["Horizon"])


@pytest.mark.parametrize("name", formats())
@settings(max_examples=25, deadline=None)
@given(random=seeds, horizon=st.sampled_from(HORIZONS))
def test_whatever_a_formats_expression_generates_is_strict(name: str, random: Random, horizon: Horizon) -> None:
    form = format_named(name)
    for _ in range(20):
        text = sample(form.regex(horizon), random)
        judgement = form.judge(text)
        assert judgement.verdict == "strict", (text, judgement.failure)
        assert form.form_score(text) == 1.0


def test_placeholders_in_plain_words_are_what_the_expression_cannot_refuse() -> None:
    slots = line_slots(Random(1))  # noqa: S311 - sample data
    for key, value in (("Proxy", "Instrument or measure"), ("Claim", "my claim is this text"), ("Risk", "the risk")):
        line = render(slots | {key: value})
        failure = judge(line).failure
        assert failure is not None
        assert failure.endswith(UNKNOWABLE)
        assert PATTERN.fullmatch(line)


def test_the_line_is_its_slots() -> None:
    assert line_regex("1w") == "; ".join(f"{key}={slot_regex(key, '1w')}" for key in KEYS)
    with pytest.raises(KeyError):
        slot_regex("Asset")


@pytest.mark.parametrize("name", formats())
def test_an_expression_is_one_that_constrained_decoders_take(name: str) -> None:
    for horizon in HORIZONS:
        regex = format_named(name).regex(horizon)
        assert not re.search(r"\(\?|\)[*+]|\{\d+,\}", regex)
        assert regex.isascii()
        assert len(regex) < 20_000
