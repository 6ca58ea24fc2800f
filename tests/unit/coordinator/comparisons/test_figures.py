"""Figures and notes of a comparison, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from services.coordinator.comparisons.rules.figures import Matched, ScoredLine, figures, match
from services.coordinator.comparisons.rules.notes import left_out_notes, notes
from services.coordinator.comparisons.schemas import Figure, SideView


def line(headline: str = "h1", **changes: Any) -> ScoredLine:
    values: dict[str, Any] = {
        "headline": headline,
        "group": int(headline[1:]),
        "delivered": True,
        "raw_strict": True,
        "text": "gold rises",
        "tokens": 20,
        "verdict": "strict",
        "valid": True,
        "composite": 0.5,
        "trade_thinking": 0.25,
        "normalized_score": 0.5,
        "semantic": 0.125,
        "leak": False,
        "form_score": 1.0,
    }
    return ScoredLine(**values | changes)


def broken(headline: str = "h1", **changes: Any) -> ScoredLine:
    values = {"raw_strict": False, "valid": False, "verdict": "malformed", "composite": 0.0, "form_score": 0.5}
    return line(headline, **values | changes)


def compared(a: list[ScoredLine], b: list[ScoredLine], *, on_panel: bool = True) -> dict[tuple[str, str], Figure]:
    return by_name(figures(match(a, b), seed=1, resamples=200, on_panel=on_panel))


def by_name(compared: list[Figure]) -> dict[tuple[str, str], Figure]:
    return {(figure.name, figure.among): figure for figure in compared}


def test_shares_count_all_lines_and_scores_also_the_valid_ones() -> None:
    a = [line("h1"), broken("h1"), broken("h2"), broken("h2")]
    b = [line("h1", composite=0.75), line("h1", composite=1.0), line("h2"), broken("h2")]
    found = compared(a, b)
    raw = found["raw_validity", "all"]
    assert (raw.a, raw.b, raw.difference) == (0.25, 0.75, 0.5)
    assert (raw.low, raw.high, raw.excludes_zero) == (0.5, 0.5, True)
    assert (found["composite", "valid"].a, found["composite", "valid"].b) == (0.5, 0.75)
    assert (found["composite", "all"].a, found["composite", "all"].b) == (0.125, 0.5625)


def test_resamples_without_a_valid_line_are_counted() -> None:
    found = compared([line("h1"), broken("h2")], [line("h1", composite=0.75), line("h2", composite=0.75)])
    composite = found["composite", "valid"]
    assert (composite.a, composite.b, composite.low, composite.high) == (0.5, 0.75, 0.25, 0.25)
    assert 20 < composite.left_out < 80, "a quarter of 200, more or less"
    assert left_out_notes([composite], 200) == [
        f"composite (valid): {composite.left_out} of 200 resamples had no such line on one side and are left out of "
        "its interval."
    ]


def test_figure_without_a_counted_line_is_none_and_has_no_interval() -> None:
    found = compared([broken("h1"), broken("h2")], [line("h1", semantic=None), line("h2", semantic=None)])
    composite = found["composite", "valid"]
    assert (composite.a, composite.b, composite.difference, composite.low, composite.excludes_zero) == (
        None,
        0.5,
        None,
        None,
        None,
    )
    assert found["semantic", "valid"].b is None


def test_final_validity_counts_delivered_lines_and_is_not_a_figure_of_a_panel() -> None:
    a = [broken("h1", delivered=False), line("h1"), broken("h2", delivered=False), broken("h2", verdict="abstained")]
    off = compared(a, a, on_panel=False)
    assert off["final_validity", "delivered"].a == 0.5
    assert off["abstained", "delivered"].a == 0.5
    assert off["validity", "all"].a == 0.25
    assert ("final_validity", "delivered") not in compared(a, a)


def test_signs_are_shares_of_all_lines_and_two_of_them_also_of_valid_lines() -> None:
    a = [line("h1", signs=["duplicate", "restated"]), broken("h1", signs=["empty"]), line("h2"), line("h2")]
    found = compared(a, a)
    shares = {name: found[name, "all"].a for name in ("empty", "placeholder", "restated", "duplicate")}
    assert shares == {"empty": 0.25, "placeholder": 0.0, "restated": 0.25, "duplicate": 0.25}
    assert found["duplicate", "valid"].a == pytest.approx(1 / 3)


def test_distinct_n_is_the_mean_over_groups_with_two_valid_lines() -> None:
    # h1: equal lines, so half of their words are different; h2: no common word. h3 has one valid line only.
    a = [line("h1"), line("h1"), line("h2"), line("h2", text="oil falls"), line("h3"), broken("h3")]
    found = compared(a, a)
    assert found["distinct_1", "groups"].a == 0.75
    assert found["distinct_2", "groups"].a == 0.75


def test_only_common_headlines_are_compared() -> None:
    matched = match([line("h1"), line("h2")], [line("h2"), line("h3")])
    assert (matched.paired, list(matched.a), list(matched.b)) == (True, ["h2"], ["h2"])


def test_sides_without_a_common_headline_are_resampled_separately() -> None:
    a = [line("h1", tokens=10), line("h2", tokens=10)]
    b = [line("h3", tokens=12), line("h4", tokens=18), line("h5", tokens=15)]
    tokens = compared(a, b)["tokens", "all"]
    assert (tokens.a, tokens.b, tokens.difference) == (10.0, 15.0, 5.0)
    assert tokens.low is not None
    assert tokens.high is not None
    assert 2.0 <= tokens.low < 5.0 < tokens.high <= 8.0


def test_one_headline_has_no_interval() -> None:
    raw = compared([line("h1")], [broken("h1")])["raw_validity", "all"]
    assert (raw.difference, raw.low, raw.high, raw.excludes_zero) == (-1.0, None, None, None)


def test_interval_depends_on_the_seed_and_not_on_the_order_of_lines() -> None:
    a = [line(f"h{n}", composite=n / 10) for n in range(1, 9)]
    b = [line(f"h{n}", composite=n * n / 100) for n in range(1, 9)]
    assert compared(a, b) == compared(a[::-1], b[::-1])
    other = figures(match(a, b), seed=2, resamples=200, on_panel=True)
    assert compared(a, b)["composite", "all"] != by_name(other)["composite", "all"]


def side(**changes: Any) -> SideView:
    values: dict[str, Any] = {
        "operand": "R",
        "run": "R",
        "policy": "R-20250818-abc",
        "dates": ["2025-08-18"],
        "headlines": 12,
        "lines": 48,
        "valid": 40,
        "look_ahead": 0,
        "trained_until": None,
    }
    return SideView(**values | changes)


TWELVE = {f"h{n}": [line(f"h{n}")] for n in range(12)}
PAIRED = Matched(TWELVE, TWELVE, paired=True)


def test_two_sound_sides_of_one_run_have_no_notes() -> None:
    assert notes([side(), side()], [{"format": "one_line"}] * 2, PAIRED, on_panel=True) == []


@pytest.mark.parametrize(
    ("sides", "configs", "matched", "on_panel", "text"),
    [
        ([side(), side(look_ahead=4)], [{}, {}], PAIRED, True, "B looks ahead: 4 of its 48 lines"),
        ([side(look_ahead=None), side()], [{}, {}], PAIRED, True, "A is an imported run"),
        ([side(), side()], [{"ranker": "judge"}, {"ranker": "semantic"}], PAIRED, True, "ranker (judge, semantic)"),
        ([side(), side(run="S")], [{}, {}], PAIRED, True, "its own run's base model"),
        ([side(), side()], [{}, {}], PAIRED, False, "Ranks average to .5 within each group"),
        ([side(headlines=14), side()], [{}, {}], PAIRED, True, "left out: 2 of A, 0 of B"),
        ([side(), side()], [{}, {}], Matched(TWELVE, TWELVE, paired=False), True, "no headline in common"),
        ([side(), side()], [{}, {}], match([line()], [line()]), True, "Headlines compared: 1. Intervals from so few"),
    ],
)
def test_notes_name_look_ahead_differing_settings_and_weak_intervals(
    sides: list[SideView], configs: list[dict[str, Any]], matched: Matched, on_panel: bool, text: str
) -> None:
    assert any(text in note for note in notes(sides, configs, matched, on_panel))
