"""A whole report as Markdown, compared with report.md beside this file: review that file to review the rendering.

`python -m tests.unit.coordinator.reports.test_markdown` rewrites it.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from services.coordinator.reports.figures.arms import arms_of
from services.coordinator.reports.figures.day import DayReport, Seconds
from services.coordinator.reports.figures.lines import Decoding, Signs, ValidLines
from services.coordinator.reports.figures.panel import PanelFigures, panel_figures, panel_gain
from services.coordinator.reports.figures.position_bias import PositionBias
from services.coordinator.reports.figures.reliability import reliability
from services.coordinator.reports.figures.report import Report, RunFacts, RunFigures, make_report
from services.coordinator.reports.render.markdown import as_markdown
from tests.unit.coordinator.reports.factories import FACTS, day, line, score

GOLDEN = Path(__file__).with_name("report.md")
CONFIG = {"preset": "default", "base_model": "tiny", "lag": 1, "dates": "enforce", "ranker": "semantic", "seed": 7}
RAW, DUPLICATES = (0.1, 0.3, 0.6, 0.7), (0.0, 0.02, 0.03, 0.25)


def training(place: int) -> dict[str, Any]:
    return {
        "loss": -0.01 * place,
        "mean_reward": 0.2 + 0.1 * place,
        "reward_std": 0.2,
        "grad_norm": 0.75,
        "clip_share": 0.25,
        "entropy": 1.5,
        "groups": 10,
        "groups_dropped": place,
        "policy_lag": min(place, 1),
    }


def chain_day(place: int) -> DayReport:
    profile = "tight" if place == 0 else "default"
    decided = {
        "value": profile,
        "policy": "auto",
        "figures": {"raw_validity": RAW[place - 1], "leak": 0.0},
        "day": f"2025-08-{17 + place}",
    }
    values: dict[str, Any] = {
        "headlines": 10,
        "rollouts": 80,
        "sampler": profile,
        "raw_validity": RAW[place],
        "final_validity": 1.0 if place else 0.975,
        "composite": 0.25 + 0.05 * place,
        "trade_thinking": 0.2 + 0.1 * place,
        "leak": 0.0,
        "outcome_score": 5.0,
        "normalized_score": 0.5,
        "reward": 0.3,
        "evaluations": 80,
        "checkpoint": f"RUN-202508{18 + place}-abc",
        "training": training(place),
        "seconds": Seconds(60.0, 2.5, 30.25),
        "policies": {"base": 80},
        "final_sources": {"free": 50, "guided": 10, "repair": 20},
        "delivered": 40,
        "abstained": 0.025,
        "form_score": 0.9,
        "decoding": Decoding(1.5, 90.0, 1.5385, 92.3, 900, 0.25),
        "signs": Signs(0.0, 0.0125, 0.05, DUPLICATES[place]),
        "valid_lines": ValidLines(60, 0.3, 0.3, 0.0, 0.8, 0.95, DUPLICATES[place] / 2, 0.05),
        "profile": profile,
        "bonus": 0.1,
        "learning_rate": 2e-4,
        "objective": "gspo",
        "decisions": {"bonus": {"value": 0.1, "schedule": "constant", "figures": {}, "day": None}}
        | ({"profile": decided} if place else {}),
    }
    return day(18 + place, **values)


def arm_lines() -> list[Any]:
    scores = {1: 0.2, 2: 0.3, 3: 0.4, 4: 0.5}
    return [
        line(group, n, composite=composite, raw_strict=n == 0, profile="tight" if group < 3 else "default")
        for group, composite in scores.items()
        for n in range(2)
    ]


def panel() -> tuple[list[PanelFigures], RunFigures]:
    base = [
        line(group, n, valid=n == 0, composite=0.1 * group, text=f"rates {group} up {n}")
        for group in (1, 2, 3)
        for n in (0, 1)
    ]
    last = [
        line(group, n, raw_strict=True, composite=0.1 * group + 0.2, text=f"rates {group} up {n}")
        for group in (1, 2, 3)
        for n in (0, 1)
    ]
    table = [
        panel_figures(dt.date(2025, 8, 17), "base", "scored", 0, base),
        panel_figures(dt.date(2025, 8, 21), "RUN-20250821-abc", "scored", 4, last),
        PanelFigures(dt.date(2025, 8, 22), None, "pending", 5),
    ]
    settled = [
        {"prob": 0.8, "happened": True, "brier": 0.04, "log_loss": 0.2231},
        {"prob": 0.6, "happened": False, "brier": 0.36, "log_loss": 0.9163},
    ]
    claims = [line(1, n, score=score(settlement=claim)) for n, claim in enumerate(settled)]
    return table, RunFigures(
        position_bias=PositionBias(0.0125, -0.04, 0.065, 120, 240),
        ranker={"comparisons": 448.0, "first_option": 0.53},
        reliability=reliability([*claims, line(2), line(3, score=None)]),
        panel=table,
        panel_gain=panel_gain("RUN-20250821-abc", base, last),
        warm_start=day(17, role="warm_start", headlines=24, rollouts=192, checkpoint="RUN-20250817-abc"),
    )


def report() -> Report:
    days = [chain_day(place) for place in range(4)]
    days[1] = DayReport(**vars(days[1]) | {"arms": arms_of(arm_lines(), "default")})
    facts = RunFacts(**vars(FACTS) | {"config": CONFIG})
    return make_report(facts, [*days, day(22, state="skipped", reason="nothing settles it")], [], [], [], panel()[1])


def test_markdown_equals_the_golden_file() -> None:
    assert as_markdown(report()) == GOLDEN.read_text("utf8")


def test_sections_without_figures_are_left_out() -> None:
    text = as_markdown(make_report(FACTS, [day(18, rollouts=2, evaluations=2)], [], [], []))
    titles = [row.removeprefix("## ") for row in text.splitlines() if row.startswith("## ")]
    assert titles == [
        "Assessment",
        "Days",
        "Averages",
        "Look-ahead",
        "Diversity and degeneration",
        "Policies and sources",
    ]


if __name__ == "__main__":
    GOLDEN.write_text(as_markdown(report()), "utf8")
