"""The SVG of a run's trends: well-formed, to scale, and with escaped text."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

from services.cli.output.plot import trends
from services.cli.output.svg import HEIGHT, WIDTH, Chart, Series, drawing

SVG = "{http://www.w3.org/2000/svg}"


def a_day(number: int, **figures: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("raw_validity", "final_validity", "composite", "trade_thinking"))
    signs = {"signs": {"duplicate": None}, "valid_lines": {"grounding": None}}
    return {"date": f"2025-08-{number}", "state": "published"} | empty | signs | figures


def a_policy(updates: int, raw: float | None) -> dict[str, Any]:
    lines = dict.fromkeys(("composite", "trade_thinking", "grounding", "restated", "duplicates"), 0.25)
    return {"updates": updates, "raw_validity": raw, "valid_lines": lines}


def parsed(report: dict[str, Any]) -> ElementTree.Element:
    return ElementTree.fromstring(trends({"run": "R", "panel": []} | report))  # noqa: S314 - our own


def lines(root: ElementTree.Element) -> list[list[tuple[float, float]]]:
    polylines = [line.attrib["points"].split() for line in root.iter(f"{SVG}polyline")]
    return [[(float(x), float(y)) for x, y in (point.split(",") for point in points)] for points in polylines]


def words(root: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in root.iter(f"{SVG}text")]


def test_figures_are_drawn_to_scale_and_days_without_a_figure_skipped() -> None:
    days = [a_day(18, raw_validity=0.0), a_day(19), a_day(20, raw_validity=1.0), a_day(21, state="skipped")]
    root = parsed({"days": days})
    assert lines(root) == [[(0.0, HEIGHT), (WIDTH, 0.0)]]
    assert {"08-18", "08-19", "08-20", "raw validity", "Run R", "1.0", "day, as month-day"} <= set(words(root))
    assert not {"08-21", "composite"} & set(words(root)), "a line without figures has no legend"


def test_panel_is_drawn_over_the_updates_of_its_policies() -> None:
    panel = [a_policy(0, 0.0), a_policy(2, 0.5), a_policy(4, 1.0), a_policy(5, None)]
    root = parsed({"days": [a_day(18, raw_validity=0.5)], "panel": panel})
    raw = lines(root)[1]
    assert raw == [(0.0, HEIGHT), (WIDTH * 2 / 5, HEIGHT / 2), (WIDTH * 4 / 5, 0.0)]
    assert "restated headlines" in words(root)
    assert len([line for line in root.iter(f"{SVG}polyline") if "stroke-dasharray" in line.attrib]) == 2


def test_many_days_have_ten_tick_labels() -> None:
    root = parsed({"days": [a_day(number, raw_validity=0.5) for number in range(10, 60)]})
    assert len([word for word in words(root) if re.fullmatch(r"08-\d\d", word)]) == 10


def test_run_without_figures_has_a_notice() -> None:
    assert "no figures yet" in words(parsed({"days": []}))
    assert "no figures yet" in words(parsed({"days": [a_day(18)]}))


def test_names_are_escaped() -> None:
    root = ElementTree.fromstring(  # noqa: S314 - our own
        drawing("<script>", "a & b", [Chart('"x"', "x", ["<1>"], [Series("<b>", "#000", [(0, 0.5)])])])
    )
    assert {"<script>", "a & b", '"x"', "<1>", "<b>"} <= set(words(root))
    assert list(root.iter(f"{SVG}script")) == []
