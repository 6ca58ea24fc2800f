"""The summary table of a report fits a terminal."""

from __future__ import annotations

import io
import re
from typing import Any

from rich.console import Console

from services.cli.output.summary import summary

FIGURES = {"raw_validity": 0.25, "final_validity": 0.5, "composite": 0.3, "trade_thinking": 0.1, "reward": 0.35}


def a_day(number: int, **changes: Any) -> dict[str, Any]:
    day = {"date": f"2024-09-{number:02d}", "state": "published", "rollouts": 24, "training": {"loss": -0.01234}}
    return day | {"checkpoint": f"R-{number}", "profile": "tight", "bonus": 0.1} | FIGURES | changes


def rendered(*days: dict[str, Any], width: int = 80, **more: Any) -> str:
    report = {"days": list(days), "averages": {"by_day": FIGURES}, "totals": {"rollouts": 48}} | more
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(summary(report))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_raw_and_final_validity_are_adjacent_columns() -> None:
    text = rendered(a_day(9), a_day(10, raw_validity=None))
    assert re.search(r"20240909 +published +24 +0\.250 +0\.500 +0\.300 +0\.100 +0\.350 +-0\.0123", text)
    assert re.search(r"20240910 +published +24 +– +0\.500", text)
    assert max(map(len, text.splitlines())) <= 80


def test_constant_settings_have_no_column() -> None:
    assert not {"profile", "bonus", "panel"} & set(rendered(a_day(9), a_day(10)).split())


def test_varying_profile_and_bonus_and_the_panel_have_columns() -> None:
    panel = [{"policy": "base", "raw_validity": 0.1}, {"policy": "R-10", "raw_validity": 0.75}]
    text = rendered(a_day(9), a_day(10, profile="default", bonus=0.05), width=120, panel=panel)
    assert re.search(r"20240909 .*-0\.0123 +tight +0\.100 +–", text)
    assert re.search(r"20240910 .*-0\.0123 +default +0\.050 +0\.750", text)
    assert max(map(len, text.splitlines())) <= 110
