"""Trade-thinking is earned by a forecast's own words and never by copying."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluator.text.originality import Evidence, Source, cleaned, form
from services.evaluator.trade_thinking.rubric import trade_thinking
from shared.forecast import DOMAINS, KEYS, TEMPLATE
from tests.unit.evaluator.group_texts import FIRST_EXAMPLE, HEADLINE, OWN, PROMPT, SECOND_EXAMPLE, unhurried

SPEC_TEMPLATE = "Domain=…; Proxy=…; Horizon=1d|1w|1m|1q; Prob=0–100%; Claim=…; Rationale=…; Risk=…; Confidence=0–3"
VOCABULARY = (
    "buy sell XLE KHC TLT gold tomorrow Thursday by above below 91 93 3% 12 bps drop Fed earnings OPEC "  # noqa: SIM905
    "unless hawkish surprise guidance shoppers cuts down pipeline yields as long rate cut closes the supply".split()
)
TEMPLATE_WORDS = [*KEYS, *(f"{key}=" for key in KEYS), *(f"{key}:" for key in KEYS), *DOMAINS, "Prob=60%", "Horizon=1w",
                  "falsifiable", "instrument", "<measure>", TEMPLATE, SPEC_TEMPLATE]  # fmt: skip
texts = st.lists(st.sampled_from([*VOCABULARY, ";", ".", "Claim=", "Risk="]), max_size=14).map(" ".join)


def score(text: str) -> float:
    return trade_thinking(text, HEADLINE, PROMPT).total


def earned(text: str, prompt: str = "") -> set[str]:
    return {name for name, share in trade_thinking(text, HEADLINE, prompt).parts.items() if share}


@pytest.mark.parametrize(
    "text",
    ["", "  \n", TEMPLATE, SPEC_TEMPLATE, HEADLINE, HEADLINE.upper(), FIRST_EXAMPLE, SECOND_EXAMPLE, PROMPT,
     f"{FIRST_EXAMPLE}\n{SECOND_EXAMPLE}", "Risk=; Prob=", "Risk=Risk; Prob=100%", FIRST_EXAMPLE.casefold(),
     FIRST_EXAMPLE.replace(";", ","), FIRST_EXAMPLE.replace("; ", "\n"), SECOND_EXAMPLE.replace("=", " = ")],
)  # fmt: skip
def test_empty_text_and_verbatim_copies_score_zero(text: str) -> None:
    assert score(text) == 0.0


def test_the_template_earns_nothing_even_where_no_prompt_is_known() -> None:
    assert trade_thinking(TEMPLATE).total == trade_thinking(SPEC_TEMPLATE).total == 0.0


def test_a_forecast_of_all_six_parts_in_its_own_words_earns_one() -> None:
    rubric = trade_thinking(OWN, HEADLINE, PROMPT)
    assert rubric.total == 1.0
    assert rubric.parts == {
        "instrument": 0.2,
        "direction": 0.2,
        "time_frame": 0.1,
        "level": 0.2,
        "catalyst": 0.2,
        "risk": 0.1,
    }


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("KHC", {"instrument"}),
        ("S&P 500 futures", {"instrument"}),
        ("the ten-year Treasury", {"instrument"}),
        ("shares slump", {"direction"}),
        ("a long-term view", set()),
        ("within two weeks", {"time_frame"}),
        ("by the end of August", {"time_frame"}),
        ("on Friday", {"time_frame"}),
        ("Horizon=1w", set()),
        ("in 24-48h", {"time_frame"}),
        ("near $41.50", {"level"}),
        ("climbs 2.5%", {"direction", "level"}),
        ("up at least 40 bps", {"direction", "level"}),
        ("stop 38", {"level", "risk"}),
        ("at 60% probability", set()),
        ("at 10 am", set()),
        ("near 2025", set()),
        ("under 18 words", set()),
        ("Prob=85%", set()),
        ("70%", set()),
        ("FOMC statement", {"catalyst"}),
        ("a surprise", {"risk"}),
        ("CEO of the US unit", set()),
        ("BUY THE NEXT BIG THING", {"direction"}),
    ],
)
def test_each_part_has_its_words(text: str, parts: set[str]) -> None:
    assert earned(text) == parts


@pytest.mark.parametrize(
    ("text", "speaks"),
    [("Rationale≤18 words; Proxy=<metric|event>; Horizon=<1w|1m>", False), ("The KHC", True), ("12 of 40%", False)],
)
def test_text_has_own_words_if_a_word_of_letters_is_its_own(text: str, speaks: bool) -> None:
    assert Evidence(text, Source.of("", HEADLINE)).has_own_words is speaks


def test_a_common_word_of_an_example_can_be_earned_in_a_phrase_of_ones_own() -> None:
    assert "buy" in PROMPT.casefold()
    assert earned("Buy into weakness", PROMPT) == {"direction"}
    assert earned("KHC sinks by Thursday on payrolls", PROMPT) == {"instrument", "time_frame", "catalyst"}


def test_three_words_in_a_row_from_the_prompt_earn_nothing() -> None:
    assert earned("odds of a rate cut", PROMPT) == set()
    assert earned("Pipeline outage; tightens, supply: before (the) OPEC", PROMPT) == set()


def test_names_and_numbers_of_the_prompt_earn_nothing_wherever_they_stand() -> None:
    assert earned("KHC above 93", PROMPT) == {"instrument", "direction", "level"}
    assert earned("XLE above 93", PROMPT) == {"direction", "level"}
    assert earned("KHC above $91", PROMPT) == {"instrument", "direction"}


def test_a_short_slot_of_an_example_is_a_copy_though_it_is_under_three_words() -> None:
    assert earned("Risk=hawkish surprise", PROMPT) == set()
    assert earned("Risk=hawkish surprise again", PROMPT) == set()
    assert earned("Risk=hawkish tone", PROMPT) == {"risk"}


def test_words_of_the_headline_earn_nothing_in_any_number_or_case() -> None:
    assert earned("GUIDANCE drifts downward") == set()
    assert earned("the next cut goes down") == set()
    assert earned("it goes up") == {"direction"}


def test_full_width_and_invisible_characters_do_not_hide_a_copy() -> None:
    assert cleaned("ＸＬＥ gui\u200bdance") == "XLE guidance"
    assert earned("ＸＬＥ gui\u200bdance", PROMPT) == set()


def test_words_are_compared_without_case_sign_and_ending() -> None:
    assert [form(word) for word in ("Falls", "$1,250", "Fed's", "loss", "Rallies", "gas")] == [
        "fall", "1250", "fed", "loss", "rally", "gas"]  # fmt: skip


def test_source_without_prompt_still_has_headline_and_template() -> None:
    source = Source.of("", HEADLINE)
    assert "guidance" in source.headline
    assert "as" not in source.headline
    assert source.runs < Source.of(PROMPT, HEADLINE).runs


@unhurried
@given(st.text(max_size=200))
def test_any_text_scores_a_share_and_its_parts_add_up_to_it(text: str) -> None:
    rubric = trade_thinking(text, HEADLINE, PROMPT)
    assert 0 <= rubric.total <= 1
    assert rubric.total == pytest.approx(sum(rubric.parts.values()))


@unhurried
@given(texts, st.lists(st.sampled_from(TEMPLATE_WORDS), max_size=4), st.booleans())
def test_adding_the_templates_words_never_raises_the_score(text: str, added: list[str], before: bool) -> None:
    more = " ".join([*added, text] if before else [text, *added])
    assert score(more) <= score(text)


@unhurried
@given(texts)
def test_copying_the_headline_or_an_example_beside_a_text_never_raises_the_score(text: str) -> None:
    assert all(score(f"{text}\n{copied}") <= score(text) for copied in (HEADLINE, FIRST_EXAMPLE, SECOND_EXAMPLE))


@unhurried
@given(st.lists(st.sampled_from(HEADLINE.split()), max_size=12).map(" ".join))
def test_the_headlines_words_in_any_order_earn_nothing(text: str) -> None:
    assert score(text) == 0.0


@pytest.mark.parametrize("example", [FIRST_EXAMPLE, SECOND_EXAMPLE])
@unhurried
@given(
    start=st.integers(0, 8), length=st.integers(3, 12), separator=st.sampled_from([" ", ", ", "; ", "\n", " Claim="])
)
def test_any_three_words_in_a_row_of_an_example_earn_nothing(
    example: str, start: int, length: int, separator: str
) -> None:
    prose = re.sub(r"\w+=", "", example.split("Claim=")[1]).replace(";", "").split()
    assert score(separator.join(prose[start : start + length])) == 0.0


def test_hostile_text_is_scored_quickly() -> None:
    for text in ("above " * 1300, "at 9 " * 1600, "AB " * 2600, "XLE above 91 " * 600, "~" * 8000, "a&" * 4000):
        assert score(text[:8000]) <= 1
