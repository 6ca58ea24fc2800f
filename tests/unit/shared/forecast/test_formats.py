"""The registry, and what holds for every format and every text."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import InvalidInputError
from shared.forecast import HORIZONS, Asked, Format, Kept, format_named, formats, judge
from shared.run_config import Horizon, RunConfig
from tests.unit.shared.forecast.samples import damaged, damaged_line, sample

FORMATS = list(formats().values())
every_format = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
seeds = st.integers(0, 2**32).map(Random)
anything = st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("utf8", "surrogateescape")))

LIMERICK = """
from dataclasses import replace
from shared.forecast.formats.one_line import FORMAT
FORMAT = replace(FORMAT, name="limerick", stop=("\\n\\n",))
"""


def test_the_formats_are_one_line_and_paragraph_and_the_first_is_the_default() -> None:
    assert [form.name for form in FORMATS] == ["one_line", "paragraph"]
    assert format_named(RunConfig().format).judge is judge


def test_a_format_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(InvalidInputError, match=r"config.format: 'haiku' .* choose one of one_line, paragraph"):
        format_named("haiku")


def test_a_third_format_is_a_module_of_its_own_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = sys.modules["shared.forecast.formats"]
    (tmp_path / "limerick.py").write_text(LIMERICK)
    monkeypatch.setattr(registry, "__path__", [*registry.__path__, str(tmp_path)])
    try:
        assert list(formats()) == ["limerick", "one_line", "paragraph"]
        assert format_named("limerick").stop == ("\n\n",)
    finally:
        sys.modules.pop("shared.forecast.formats.limerick", None)


@every_format
@pytest.mark.parametrize("horizon", HORIZONS)
def test_a_worked_example_is_what_is_asked_for(form: Format, horizon: Horizon) -> None:
    found = form.examples(horizon)
    assert len(found) == 2
    assert {form.judge(example.answer, example.headline).verdict for example in found} == {"strict"}
    assert len({example.answer for h in HORIZONS for example in form.examples(h)}) == 2 * len(HORIZONS)


@every_format
def test_neither_nothing_nor_the_bare_template_keeps_any_of_the_form(form: Format) -> None:
    assert [form.form_score(text) for text in ("", " \n", form.template)] == [0.0] * 3
    assert form.judge(form.template).verdict == "malformed"


@every_format
def test_an_abstention_is_one_in_every_format(form: Format) -> None:
    assert form.judge("No forecast: the headline names no market").verdict == "abstained"
    assert form.judge("No forecast: <reason>").verdict == "malformed"
    assert form.form_score("No forecast: the headline names no market") == 0.0


def check(form: Format, text: str) -> None:
    """What holds for every text."""
    form.judge(text, headline=text)
    judgement = form.judge(text)
    if judgement.valid:
        assert judgement.normalized_text is not None
        again = form.judge(judgement.normalized_text)
        assert (again.verdict, again.slots) == ("strict", judgement.slots)
        assert again.normalized_text == judgement.normalized_text
        assert form.form_score(text) == 1.0
    assert (judgement.normalized_text == text) == (judgement.verdict == "strict")
    assert bool(judgement.changes) == (judgement.verdict == "normalized")
    assert bool(judgement.failure) == (judgement.verdict == "malformed")
    assert 0.0 <= form.form_score(text) <= 1.0


@every_format
@given(text=anything)
def test_every_text_gets_a_verdict(form: Format, text: str) -> None:
    check(form, text)


@every_format
@settings(max_examples=60, deadline=None)
@given(random=seeds)
def test_every_damaged_text_gets_a_verdict_and_normalising_twice_is_normalising_once(
    form: Format, random: Random
) -> None:
    for _ in range(20):
        check(form, damaged(sample(form.regex("1d"), random), random))
        check(form, damaged(random.choice(form.examples("1w")).answer, random))


@settings(max_examples=60, deadline=None)
@given(random=seeds, horizon=st.sampled_from(HORIZONS))
def test_whatever_fills_the_gaps_of_a_repair_makes_it_strict_and_keeps_what_was_sound(
    random: Random, horizon: Horizon
) -> None:
    form = format_named("one_line")
    for _ in range(20):
        judgement = judge(damaged_line(random))
        plan = form.repair(judgement, horizon)
        if judgement.verdict == "abstained" or plan is None:
            assert len(judgement.slots) < 2
            continue
        kinds = [type(piece) for piece in plan]
        assert not any(pair == (Asked, Asked) for pair in pairwise(kinds))
        text = "".join(piece.text if isinstance(piece, Kept) else sample(piece.regex, random) for piece in plan)
        repaired = judge(text)
        assert repaired.verdict == "strict", (text, repaired.failure)
        kept = {key: value for key, value in judgement.slots.items() if len(value) <= 160}
        assert {key: repaired.slots[key] for key in kept} == kept


UNITS = (
    "<",
    ";",
    "Domain=",
    "Claim =",
    " ",
    "..",
    "No forecast:",
    "\u2028",
    "1",
    "U.",
    "Oil falls. ",
    "because ",
    "the ",
)


def calls(act: Callable[[], Any]) -> int:
    """How many functions, built-in ones included, are called."""
    count = 0

    def note(_: object, event: str, __: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


@every_format
@pytest.mark.parametrize("unit", UNITS)
def test_twice_the_text_is_judged_with_at_most_twice_the_calls(form: Format, unit: str) -> None:
    once, twice = (calls(lambda n=n: form.judge(unit * n, "x" * n)) for n in (1000, 2000))  # type: ignore[misc]
    assert twice <= 2 * once + 10


@every_format
def test_long_hostile_texts_get_a_verdict(form: Format) -> None:
    for unit in UNITS:
        assert form.judge(unit * 20_000, "x" * 1000).verdict in ("malformed", "abstained")


def repeats(nodes: Any, inside: bool = False) -> bool:
    """Whether an expression repeats without bound what already repeats without bound."""
    for kind, argument in nodes:
        endless = "REPEAT" in str(kind) and int(argument[1]) > 10_000
        bodies = argument[1] if str(kind) == "BRANCH" else [argument[-1]] if isinstance(argument, tuple) else []
        if (endless and inside) or any(
            repeats(body, inside or endless) for body in bodies if isinstance(body, type(nodes))
        ):
            return True
    return False


def test_no_expression_of_a_parser_can_backtrack_without_end() -> None:
    patterns = [
        value
        for name, module in list(sys.modules.items())
        if name.startswith("shared.forecast")
        for value in vars(module).values()
        if isinstance(value, re.Pattern)
    ]
    assert len(patterns) >= 10
    assert not [p.pattern for p in patterns if repeats(re._parser.parse(p.pattern))]  # type: ignore[attr-defined]
    assert [repeats(re._parser.parse(p)) for p in ("(a+)+", "(a|b*c)*", "a+b+", "(a+)?")] == [  # type: ignore[attr-defined]
        True,
        True,
        False,
        False,
    ]
