"""One grammar, four verdicts, and what is put right."""

from __future__ import annotations

import pytest

from shared.forecast import DOMAINS, TEMPLATE, judge, render

SLOTS = {
    "Domain": "MarketMove",
    "Proxy": "S&P 500",
    "Horizon": "1d",
    "Prob": "60%",
    "Claim": "S&P 500 closes above 6,450 on Tuesday",
    "Rationale": "Softer CPI lifts rate cut odds",
    "Risk": "Hot PPI print",
    "Confidence": "2",
}
LINE = render(SLOTS)


def with_slots(**changed: str) -> str:
    return render(SLOTS | changed)


def test_a_line_as_asked_for_is_strict() -> None:
    judgement = judge(LINE, "Stocks rise as inflation cools")
    assert (judgement.verdict, judgement.slots, judgement.normalized_text) == ("strict", SLOTS, LINE)
    assert judgement.valid
    assert judgement.changes == ()


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (LINE.replace("; ", ";"), ("spaces",)),
        (LINE.replace("Claim=", "Claim =  "), ("spaces",)),
        (f" {LINE} \n", ("spaces",)),
        (LINE.replace("60%", "60"), ("Prob missing %",)),
        (LINE.replace("60%", "60 %"), ("Prob form",)),
        (LINE.replace("60%", "60 percent"), ("Prob form",)),
        (LINE.replace("60%", "060%"), ("Prob form",)),
        (LINE + ".", ("final period",)),
        (LINE + ";", ("final semicolon",)),
        (LINE.replace("Proxy", "proxy").replace("Risk", "RISK"), ("key case",)),
        (LINE.replace("=1d", "=1D"), ("Horizon 1D became 1d",)),
        (LINE.replace("=1d", "=1–day"), ("Horizon 1–day became 1d",)),
        (LINE.replace("MarketMove", "Market move"), ("Domain Market move became MarketMove",)),
        (LINE.replace("; ", ";").replace("60%", "60") + ".", ("spaces", "final period", "Prob missing %")),
    ],
)
def test_a_near_miss_becomes_the_strict_line_and_says_what_changed(text: str, changes: tuple[str, ...]) -> None:
    judgement = judge(text)
    assert (judgement.verdict, judgement.normalized_text, judgement.changes) == ("normalized", LINE, changes)
    assert judgement.valid


@pytest.mark.parametrize(
    ("given", "listed"),
    [
        ("Macro", "MacroIndicator"),
        ("Central Bank", "PolicyOutcome"),
        ("Company Earnings", "CompanyEvent"),
        ("AI", "Technology"),
        ("Airlines", "MarketMove"),
        ("CompanyEvents", "CompanyEvent"),
        ("company_event", "CompanyEvent"),
        ("Trade war", "PolicyOutcome"),
        ("Health Care", "PublicHealth"),
        ("Xylophones", "MarketMove"),
    ],
)
def test_a_domain_outside_the_list_becomes_the_nearest_listed_one(given: str, listed: str) -> None:
    judgement = judge(with_slots(Domain=given))
    assert (judgement.verdict, judgement.slots["Domain"]) == ("normalized", listed)
    assert listed in DOMAINS


def test_a_sentence_is_no_domain() -> None:
    judgement = judge(with_slots(Domain="The market will fall tomorrow"))
    assert (judgement.verdict, judgement.failed_slot) == ("malformed", "Domain")


def test_word_limits_may_be_exceeded_by_half_and_are_then_cut() -> None:
    words = [f"word{n}" for n in range(1, 29)]
    assert judge(with_slots(Rationale=" ".join(words[:18]))).verdict == "strict"
    cut = judge(with_slots(Rationale=" ".join(words[:17]) + " w18, " + " ".join(words[:9])))
    assert cut.verdict == "normalized"
    assert cut.slots["Rationale"] == " ".join(words[:17]) + " w18"
    assert cut.changes == ("Rationale cut from 27 to 18 words",)
    assert judge(with_slots(Rationale=" ".join(words))).failure == "Rationale has 28 words where 18 are allowed"
    assert judge(with_slots(Risk="a b c d e f g h i")).verdict == "normalized"
    assert judge(with_slots(Risk="a b c d e f g h i j")).verdict == "malformed"


@pytest.mark.parametrize(
    ("text", "slot", "failure"),
    [
        (with_slots(Claim="<claim>"), "Claim", "Claim holds a placeholder in angle brackets"),
        (
            with_slots(Risk="<what would break it, at most 6 words>"),
            "Risk",
            "Risk holds a placeholder in angle brackets",
        ),
        (with_slots(Claim="Gold rises ..."), "Claim", "Claim holds an ellipsis where text should stand"),
        (with_slots(Claim="Gold rises…"), "Claim", "Claim holds an ellipsis where text should stand"),
        (with_slots(Risk="Risk"), "Risk", "Risk repeats its own key"),
        (with_slots(Rationale="Your rationale here"), "Rationale", "Rationale repeats its own key"),
        (
            with_slots(Claim="What will have happened by the horizon"),
            "Claim",
            "Claim repeats the words of the template",
        ),
        (with_slots(Claim=""), "Claim", "Claim is empty"),
        (with_slots(Claim="12 %"), "Claim", "Claim holds no word"),
        (with_slots(Claim="Oil falls, Risk=OPEC"), "Claim", "Claim holds another slot, Risk="),
        (with_slots(Claim="Oil \x00 falls"), "Claim", "Claim holds characters that cannot be printed"),
        (with_slots(Prob="101%"), "Prob", "Prob is not a whole number from 0 to 100 with %"),
        (with_slots(Prob="0.6"), "Prob", "Prob is not a whole number from 0 to 100 with %"),
        (with_slots(Prob="٦٠%"), "Prob", "Prob is not a whole number from 0 to 100 with %"),
        (with_slots(Horizon="2d"), "Horizon", "Horizon is not one of 1d, 1w, 1m, 1q"),
        (with_slots(Confidence="4"), "Confidence", "Confidence is not 0, 1, 2 or 3"),
        (with_slots(Confidence="2 (high)"), "Confidence", "Confidence is not 0, 1, 2 or 3"),
        (LINE.replace("Prob=60%; ", ""), "Prob", "Prob is missing"),
        (LINE + "; Prob=60%", "Prob", "Prob appears twice"),
        (LINE.replace("Proxy", "Asset"), "Proxy", "Proxy is missing"),
        (LINE.replace("Tuesday", "Tuesday; or so"), "Claim", "there is text that belongs to no slot"),
        ("Sure! ; " + LINE, None, "there is text that belongs to no slot"),
        (LINE + "\n" + LINE, None, "the text has more than one line"),
        (" \n", None, "the text is empty"),
        ("Gold will rise.", "Domain", "Domain is missing"),
        (TEMPLATE, "Domain", "Domain holds a placeholder in angle brackets"),
    ],
)
def test_a_malformed_line_names_the_slot_and_the_reason(text: str, slot: str | None, failure: str) -> None:
    judgement = judge(text)
    assert (judgement.verdict, judgement.failed_slot, judgement.failure) == ("malformed", slot, failure)
    assert not judgement.valid
    assert judgement.normalized_text is None


def test_slots_out_of_order_are_malformed() -> None:
    head, middle, tail = LINE.partition("Horizon=1d; Prob=60%")
    judgement = judge(f"{head}Prob=60%; Horizon=1d{tail}")
    assert middle
    assert (judgement.failed_slot, judgement.failure) == ("Prob", "Prob is out of order")


def test_a_malformed_line_keeps_the_slots_that_stand_on_their_own() -> None:
    judgement = judge("Domain=Geopolitics; Proxy=Brent; Prob=soon; Claim=...")
    assert judgement.slots == {"Domain": "Geopolitics", "Proxy": "Brent"}


def test_a_slot_may_not_be_the_headline() -> None:
    line = with_slots(Claim="Oil falls 3% on Monday")
    assert judge(line, "Oil  falls 3% on MONDAY!").failure == "Claim repeats the headline"
    assert judge(line, "Oil falls").verdict == "strict"


@pytest.mark.parametrize("text", ["No forecast: the headline names no market", "no forecast:too vague."])
def test_an_abstention_is_neither_valid_nor_malformed(text: str) -> None:
    judgement = judge(text)
    assert judgement.verdict == "abstained"
    assert not judgement.valid


@pytest.mark.parametrize(
    "text", ["No forecast", "No forecast:", "No forecast: <reason>", "No forecast: ...", "No forecast: 7"]
)
def test_an_abstention_without_a_reason_is_malformed(text: str) -> None:
    assert judge(text).verdict == "malformed"
