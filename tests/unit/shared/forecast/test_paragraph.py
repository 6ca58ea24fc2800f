"""The rubric of a paragraph, and what is put right in one."""

from __future__ import annotations

import pytest

from shared.forecast import format_named

FORM = format_named("paragraph")
MOVE = "Brent futures should fall by about 2% by Friday."
WHY = "The move is driven by OPEC adding supply."
RISK = "The main risk is a truce that fails."
TEXT = f"{MOVE} {WHY} {RISK}"


def test_three_sentences_with_all_five_parts_are_strict() -> None:
    judgement = FORM.judge(TEXT, "Oil slips as OPEC meets")
    assert (judgement.verdict, judgement.normalized_text) == ("strict", TEXT)
    assert judgement.slots == {
        "direction": "fall",
        "size": "2%",
        "asset": "Brent",
        "time frame": "by friday",
        "driver": "driven by opec",
    }
    assert FORM.form_score(TEXT) == 1.0


@pytest.mark.parametrize(
    ("without", "part"),
    [
        (TEXT.replace("fall", "move"), "direction"),
        (TEXT.replace("about 2%", "a lot"), "size"),
        (TEXT.replace("Brent futures", "Things"), "asset"),
        (TEXT.replace(" by Friday", ""), "time frame"),
        (TEXT.replace("driven by", "seen with"), "driver"),
    ],
)
def test_each_part_is_worth_a_fifth(without: str, part: str) -> None:
    judgement = FORM.judge(without)
    assert (judgement.verdict, judgement.failed_slot) == ("malformed", part)
    assert judgement.failure == f"{part} is missing"
    assert FORM.form_score(without) == 0.8


@pytest.mark.parametrize(
    ("phrase", "size"),
    [
        ("8 basis points", "8 basis points"),
        ("0.5 percent", "0.5 percent"),
        ("$3", "$3"),
        ("25bps", "25bps"),
        ("1,200 points", "1,200 points"),
        ("a 60% chance", None),
        ("2025", None),
    ],
)
def test_a_size_is_a_number_with_a_unit_and_not_a_chance(phrase: str, size: str | None) -> None:
    assert FORM.judge(TEXT.replace("about 2%", phrase)).slots.get("size") == size


@pytest.mark.parametrize(
    ("phrase", "found"),
    [
        ("within two weeks", True),
        ("over the next quarter", True),
        ("this week", True),
        ("by the end of the month", True),
        ("by late September", True),
        ("tomorrow", True),
        ("in 2-year notes", False),
        ("some day", False),
        ("may", False),
    ],
)
def test_a_time_frame_says_by_when(phrase: str, found: bool) -> None:
    assert ("time frame" in FORM.judge(TEXT.replace("by Friday", phrase)).slots) is found


@pytest.mark.parametrize(
    ("asset", "found"),
    [
        ("NVDA", "NVDA"),
        ("Gold", "Gold"),
        ("The S&P", "S&P"),
        ("The CEO", None),
        ("The US", None),
        ("Apple's stock", "stock"),
    ],
)
def test_an_asset_is_a_ticker_or_a_word_of_the_trade(asset: str, found: str | None) -> None:
    assert FORM.judge(TEXT.replace("Brent futures", asset)).slots.get("asset") == found


def test_in_a_text_of_capitals_no_word_is_a_ticker() -> None:
    assert "asset" not in FORM.judge("WILL THEY BUY THIS. SURE.").slots


@pytest.mark.parametrize(
    ("text", "normalized", "changes"),
    [
        (f" {MOVE}\n{WHY}  {RISK}", TEXT, ("spaces",)),
        (TEXT[:-1], TEXT, ("final period",)),
        (TEXT[:-1] + " -", TEXT, ("final period",)),
        (f"{TEXT} And then the", TEXT, ("unfinished sentence dropped",)),
        (f"{TEXT} One two. Two three. Three four.", f"{TEXT} One two. Two three.", ("cut from 6 to 5 sentences",)),
    ],
)
def test_a_near_miss_is_put_right_and_says_what_changed(text: str, normalized: str, changes: tuple[str, ...]) -> None:
    judgement = FORM.judge(text)
    assert (judgement.verdict, judgement.normalized_text, judgement.changes) == ("normalized", normalized, changes)


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        (f"{MOVE} {WHY}", "the text has 2 sentences where 3 to 5 are asked for"),
        (f"{TEXT} One two. Two one. Three. Four. Five.", "the text has 8 sentences where 3 to 5 are asked for"),
        (TEXT.replace("OPEC", "<driver>"), "the text holds a placeholder in angle brackets"),
        (TEXT.replace("OPEC", "OPEC..."), "the text holds an ellipsis where text should stand"),
        (TEXT.replace("OPEC", "OP\x00EC"), "the text holds characters that cannot be printed"),
        (f"{TEXT} {MOVE}", "a sentence is said twice"),
        (" ", "the text is empty"),
        ("No forecast:", "an abstention gives its reason: No forecast: <reason>"),
    ],
)
def test_a_malformed_paragraph_says_why(text: str, failure: str) -> None:
    judgement = FORM.judge(text)
    assert (judgement.verdict, judgement.failure) == ("malformed", failure)


def test_a_sentence_may_not_be_the_headline_nor_earn_anything_by_it() -> None:
    judgement = FORM.judge(TEXT, MOVE.upper())
    assert judgement.failure == "a sentence repeats the headline"
    assert set(judgement.slots) == {"driver"}
    assert FORM.form_score(TEXT, MOVE) == 0.2


@pytest.mark.parametrize("middle", ["Mr. Powell and the U.S. Treasury agree.", "It is 3.5 percent, approx. the mean."])
def test_an_abbreviation_does_not_end_a_sentence(middle: str) -> None:
    judgement = FORM.judge(f"{MOVE} It falls because demand fades. {middle}")
    assert judgement.verdict == "strict"


def test_a_quotation_mark_may_follow_the_period() -> None:
    assert FORM.judge(f'{MOVE} {WHY} They said "no truce."').verdict == "strict"
