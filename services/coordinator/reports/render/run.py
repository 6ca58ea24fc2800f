"""What a report says of a run as a whole, as Markdown: assessment, trends, panel, position bias, reliability."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from services.coordinator.reports.figures.panel import PanelFigures
from services.coordinator.reports.figures.report import Report
from services.coordinator.reports.figures.trends import LEAST_DAYS
from services.coordinator.reports.render.markup import between, brief, escaped, number, section, signed, table

MARKS = {"pass": "✓", "fail": "✗", "not_applicable": "–"}
PANEL: Mapping[str, Callable[[PanelFigures], str]] = {
    "Policy": lambda found: escaped(found.policy or "–"),
    "State": lambda found: found.state,
    "Updates": lambda found: str(found.updates),
    "Rollouts": lambda found: str(found.rollouts),
    "Raw validity": lambda found: number(found.raw_validity),
    "Valid lines": lambda found: str(found.valid_lines.count),
    "Composite": lambda found: number(found.valid_lines.composite),
    "Trade-thinking": lambda found: number(found.valid_lines.trade_thinking),
    "Grounding": lambda found: number(found.valid_lines.grounding),
    "Leak": lambda found: number(found.valid_lines.leak),
    "Distinct-1": lambda found: number(found.valid_lines.distinct_1),
    "Distinct-2": lambda found: number(found.valid_lines.distinct_2),
    "Duplicates": lambda found: number(found.valid_lines.duplicates),
    "Restated": lambda found: number(found.valid_lines.restated),
}


def assessment(report: Report) -> Iterator[str]:
    """Every check with its mark, and the days on which a collapse began."""
    rows = [
        [MARKS[check.outcome], check.name, brief(check.figure), check.threshold, escaped(check.where)]
        for check in report.assessment
    ]
    parts: list[str | Iterator[str]] = [
        "✓ within the threshold, ✗ outside, – nothing to hold against it.",
        table(["", "Check", "Figure", "Threshold", "Where"], rows, {"", "Check", "Threshold", "Where"}),
    ]
    if report.collapses:
        parts.append(_collapses(report))
    return section("Assessment", *parts)


def _collapses(report: Report) -> Iterator[str]:
    for found in report.collapses:
        before = f", {number(found.before)} on average over the days before it" if found.before is not None else ""
        yield f"- {found.date:%Y%m%d}: {found.sign} share {number(found.share)}{before} (limit {brief(found.limit)})"


def trends(report: Report) -> Iterator[str]:
    """How the figures move over the days."""
    rows = [
        [
            trend.figure.replace("_", " "),
            str(trend.days),
            number(trend.first),
            number(trend.last),
            signed(trend.slope),
            between(trend.low, trend.high),
        ]
        for trend in report.trends
        if trend.days > 1
    ]
    if not rows:
        return iter(())
    note = (
        "Slopes per day by ordinary least squares (on the panel per update); their interval, "
        f"from {LEAST_DAYS} days on, by Student's t with two degrees of freedom fewer than days."
    )
    columns = ["Figure", "Days", "First", "Last", "Slope", "95 % interval"]
    return section("Trends", note, table(columns, rows, {"Figure"}))


def panel(report: Report) -> Iterator[str]:
    """The base and each checkpoint on the panel, and what the last one gained."""
    if not report.panel:
        return iter(())
    note = "Headlines that nothing was trained on. All figures but raw validity are those of valid lines."
    rows = [[cell(found) for cell in PANEL.values()] for found in report.panel]
    parts: list[str | Iterator[str]] = [note, table(list(PANEL), rows, {"Policy", "State"})]
    gain = report.panel_gain
    if gain is not None:
        compared = [
            [
                name.replace("_", " "),
                number(gain.base[name]),
                number(gain.last[name]),
                signed(found.value) if found else "–",
                between(found.low, found.high) if found else "–",
            ]
            for name, found in gain.differences.items()
        ]
        columns = ["Figure", "Base", escaped(gain.policy or "–"), "Difference", "95 % interval"]
        parts += ["Paired bootstrap over the panel's headlines:", table(columns, compared, {"Figure"})]
    return section("Panel", *parts)


def bias(report: Report) -> Iterator[str]:
    """Whether the ranker favours a place, and what it says of itself."""
    found = report.position_bias
    if found.mean is None:
        return
    yield from section(
        "Position bias",
        f"Ranker {escaped(str(report.config.get('ranker', '–')))}: the mean of Spearman's correlation of rank and "
        f"position is {signed(found.mean)} (95 % interval {between(found.low, found.high)}) over {found.groups} "
        f"groups in {found.samples} arms. Above 0 the first places are favoured, below 0 the last.",
    )
    if report.ranker:
        said = ", ".join(f"{escaped(name.replace('_', ' '))} {brief(value)}" for name, value in report.ranker.items())
        yield ""
        yield f"The ranker of itself, over all its steps: {said}."


def settled(report: Report) -> Iterator[str]:
    """How well stated probabilities held."""
    found = report.reliability
    if found is None:
        return iter(())
    rows = [
        [f"{one.low:.0%} to {one.high:.0%}", str(one.count), number(one.said), number(one.happened)]
        for one in found.bins
        if one.count
    ]
    note = (
        f"{found.settled} claims settled, {found.unsettled} that cannot be, {found.pending} forecasts pending. "
        f"Brier {number(found.brier)}, log loss {number(found.log_loss)}, "
        f"expected calibration error {number(found.calibration_error)}."
    )
    columns = ["Probability", "Claims", "Said", "Happened"]
    return section("Reliability", note, *([table(columns, rows, {"Probability"})] if rows else []))
