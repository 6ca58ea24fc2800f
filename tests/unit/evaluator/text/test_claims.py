"""What a claim says of a price is read, and only if it says exactly one thing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluator.text.claims import Claimed, parse_claim
from tests.unit.evaluator.group_texts import unhurried

PIECES = ["XLE", "rises", "falls", "2", "%", "2%", "above", "180", "by", "not", "to", "1,000.5", "$", "."]


@pytest.mark.parametrize(
    ("claim", "up", "share"),
    [
        ("XLE falls by 2 %", False, 0.02),
        ("XLE rises more than 1.5 %", True, 0.015),
        ("KHC falls at least 3% by Monday", False, 0.03),
        ("The index will have gained 2 percent in a week", True, 0.02),
        ("Gold closes 1.2% higher", True, 0.012),
        ("Gold ends at least 0.5% lower by tomorrow", False, 0.005),
        ("Shares close up 4% on Friday", True, 0.04),
        ("Oil drops 5% or more as OPEC meets", False, 0.05),
        ("A rise of at least 3% over the next week", True, 0.03),
        ("NVDA rises over 2% by tomorrow", True, 0.02),
        ("ＮＶＤＡ rises ２％ by tomorrow", True, 0.02),
    ],
)
def test_percentage_move_is_parsed(claim: str, up: bool, share: float) -> None:
    claimed = parse_claim(claim)
    assert claimed is not None
    assert (claimed.up, claimed.kind) == (up, "share")
    assert claimed.amount == pytest.approx(share)


@pytest.mark.parametrize(
    ("claim", "up", "level"),
    [
        ("US 2-year yield falls below 3.70% by tomorrow", False, 3.7),
        ("NVDA rises above 180 by tomorrow", True, 180.0),
        ("Gold closes above $3,350.50", True, 3350.5),
        ("Oil falls to $60 by Friday", False, 60.0),
        ("The S&P 500 breaks below 6,400 in a week", False, 6400.0),
        ("NVDA climbs past 185", True, 185.0),
        ("Bitcoin rises over 120,000 by tomorrow", True, 120_000.0),
        ("Stock trades under 12", False, 12.0),
    ],
)
def test_price_level_is_parsed(claim: str, up: bool, level: float) -> None:
    claimed = parse_claim(claim)
    assert claimed is not None
    assert (claimed.up, claimed.kind, claimed.amount) == (up, "level", level)


@pytest.mark.parametrize(
    "claim",
    [
        "",
        "XLE falls",
        "Yields drop 12 bps",
        "XLE will not fall 2%",
        "XLE doesn't rise 2%",
        "XLE falls less than 2%",
        "XLE rises up to 2%",
        "XLE could rise 2%",
        "XLE may rise 2%",
        "XLE rises 2% if the Fed cuts",
        "XLE rises 2% or falls 3%",
        "XLE rises 2% and TLT falls 3%",
        "XLE rises 2% more than TLT",
        "XLE rises 2% to 185",
        "XLE rises above 180 but closes below 190",
        "XLE falls above 180",
        "XLE falls about 2%",
        "XLE stays between 170 and 180",
        "XLE rises 2k% by tomorrow",
        "XLE rises above 180k",
        "XLE rises 1,5 % by tomorrow",
        "Sales rose 5% last year",
    ],
)
def test_any_other_claim_is_not_parsed(claim: str) -> None:
    assert parse_claim(claim) is None


def test_subject_is_the_text_before_the_move() -> None:
    claimed = parse_claim("The energy fund XLE falls 2%")
    assert claimed is not None
    assert claimed.subject == "The energy fund XLE"


@pytest.mark.parametrize(
    ("claimed", "start", "threshold"),
    [
        (Claimed(False, 0.02, "share", ""), 50.0, -0.02),
        (Claimed(True, 0.015, "share", ""), 50.0, 0.015),
        (Claimed(True, 180.0, "level", ""), 160.0, 0.125),
        (Claimed(False, 3.7, "level", ""), 4.0, -0.075),
    ],
)
def test_a_threshold_is_a_signed_fraction_of_the_start(claimed: Claimed, start: float, threshold: float) -> None:
    assert claimed.threshold(start) == threshold


@pytest.mark.parametrize(
    "claimed",
    [
        Claimed(True, 1.0, "level", ""),
        Claimed(False, 200.0, "level", ""),
        Claimed(True, 100.0, "level", ""),
        Claimed(True, 0.0, "share", ""),
    ],
)
def test_level_that_is_passed_already_has_no_threshold(claimed: Claimed) -> None:
    assert claimed.threshold(100.0) is None


@unhurried
@given(st.text(max_size=200) | st.lists(st.sampled_from(PIECES)).map(" ".join))
def test_any_text_is_parsed_without_an_error(claim: str) -> None:
    claimed = parse_claim(claim)
    assert claimed is None or claimed.amount >= 0


def test_hostile_claim_is_parsed_quickly() -> None:
    for claim in ("rises " * 1500, "1," * 4000, "falls by at least " * 500, "closes up 2% " * 700, "9" * 8000):
        assert parse_claim(claim[:8000]) is None
