"""The predecessor's rubric, part by part, on raw text."""

from __future__ import annotations

import pytest

from services.evaluator.trade_thinking.legacy import legacy_trade_thinking


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("nothing of note", {}),
        ("AAPL", {"instrument": 0.2}),
        ("nasdaq", {}),
        ("Nasdaq", {"instrument": 0.2}),
        ("S&P", {"instrument": 0.2}),
        ("its treasury", {}),
        ("ABCDEF", {}),
        ("go Long", {"direction": 0.2}),
        ("longer", {}),
        ("within 24 – 48 h", {"time_frame": 0.1}),
        ("in 1-2 days", {"time_frame": 0.1}),
        ("Next Day", {"time_frame": 0.1}),
        ("stop 41.5", {"level": 0.2, "risk": 0.1}),
        ("that 5", {"level": 0.2}),
        ("at ~$12%", {"level": 0.2}),
        ("98.6%x", {"level": 0.2}),
        ("98.65%", {}),
        ("98.65%x", {"level": 0.2}),
        ("around 98.65%", {"level": 0.2}),
        ("Prob=3.%2", {"level": 0.2}),
        ("3.% 2", {}),
        ("3 %x", {"level": 0.2}),
        ("3 % x", {}),
        ("1234%x", {"level": 0.2}),
        ("12345%x", {}),
        ("%x", {}),
        ("rate cut", {"catalyst": 0.2}),
        ("rate cuts", {}),
        ("the headlines", {"catalyst": 0.2}),
        ("Risk=low", {"risk": 0.1}),
        ("guide down", {"risk": 0.1}),
    ],
)
def test_each_part_counts_its_words_once(text: str, expected: dict[str, float]) -> None:
    assert {name: share for name, share in legacy_trade_thinking(text).parts.items() if share} == expected


def test_all_parts_together_are_one() -> None:
    rubric = legacy_trade_thinking("Buy SPY tomorrow at 500 on CPI unless it fails")
    assert rubric.total == 1.0


def test_legacy_rubric_scores_copied_words() -> None:
    assert legacy_trade_thinking("Prob=60%; Risk=low").total == 0.1
    assert legacy_trade_thinking("Domain=headline; Prob=0-100%; Risk=<risk>").total == 0.3
