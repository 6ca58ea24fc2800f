"""The sections on a run as a whole as Markdown: assessment, trends, panel, position bias, reliability. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from services.coordinator.reports.figures.panel import PanelFigures
from services.coordinator.reports.figures.report import Report
from services.coordinator.reports.figures.trends import MIN_DAYS
from services.coordinator.reports.render.markup import between, brief, escaped, number, section, signed, table

MARKS = {"pass": "✓", "fail": "✗", "not_applicable": "–"}
PANEL: Mapping[str, Callable[[PanelFigures], str]] = {
    "Policy": lambda scored: escaped(scored.policy or "–"),
    "State": lambda scored: scored.state,
    "Updates": lambda scored: str(scored.updates),
    "Rollouts": lambda scored: str(scored.rollouts),
    "Raw validity": lambda scored: number(scored.raw_validity),
    "Valid lines": lambda scored: str(scored.valid_lines.count),
    "Composite": lambda scored: number(scored.valid_lines.composite),
    "Trade-thinking": lambda scored: number(scored.valid_lines.trade_thinking),
    "Grounding": lambda scored: number(scored.valid_lines.grounding),
    "Leak": lambda scored: number(scored.valid_lines.leak),
    "Distinct-1": lambda scored: number(scored.valid_lines.distinct_1),
    "Distinct-2": lambda scored: number(scored.valid_lines.distinct_2),
    "Duplicates": lambda scored: number(scored.valid_lines.duplicates),
    "Restated": lambda scored: number(scored.valid_lines.restated),
}


def assessment(report: Report) -> Iterator[str]:
    """Every check with its mark, and the days on which a collapse began."""
    rows = [
        [MARKS[check.outcome], check.name, brief(check.figure), check.threshold, escaped(check.where)]
        for check in report.assessment
    ]
    parts: list[str | Iterator[str]] = [
        "✓ within the threshold, ✗ outside, – no figure.",
        table(["", "Check", "Figure", "Threshold", "Where"], rows, {"", "Check", "Threshold", "Where"}),
    ]
    if report.collapses:
        parts.append(_collapses(report))
    return section("Assessment", *parts)


def _collapses(report: Report) -> Iterator[str]:
    for one in report.collapses:
        before = f", {number(one.before)} on average over the days before it" if one.before is not None else ""
        yield f"- {one.date:%Y%m%d}: {one.sign} share {number(one.share)}{before} (limit {brief(one.limit)})"


def trends(report: Report) -> Iterator[str]:
    """The trends of the figures over the days."""
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
        # One day has no slope.
        if trend.days > 1
    ]
    if not rows:
        return iter(())
    note = (
        "Slopes per day by ordinary least squares (on the panel per update); their interval, "
        f"from {MIN_DAYS} days on, by Student's t with two degrees of freedom fewer than days."
    )
    columns = ["Figure", "Days", "First", "Last", "Slope", "95 % interval"]
    return section("Trends", note, table(columns, rows, {"Figure"}))


def panel(report: Report) -> Iterator[str]:
    """The base and each checkpoint on the panel, and the gain of the last one over the base."""
    if not report.panel:
        return iter(())
    note = "Headlines held out of training. All figures but raw validity are those of valid lines."
    rows = [[cell(policy) for cell in PANEL.values()] for policy in report.panel]
    parts: list[str | Iterator[str]] = [note, table(list(PANEL), rows, {"Policy", "State"})]
    gain = report.panel_gain
    if gain is not None:
        compared = [
            [
                name.replace("_", " "),
                number(gain.base[name]),
                number(gain.last[name]),
                signed(difference.value) if difference else "–",
                between(difference.low, difference.high) if difference else "–",
            ]
            for name, difference in gain.differences.items()
        ]
        columns = ["Figure", "Base", escaped(gain.policy or "–"), "Difference", "95 % interval"]
        parts += ["Paired bootstrap over the panel's headlines:", table(columns, compared, {"Figure"})]
    return section("Panel", *parts)


def bias(report: Report) -> Iterator[str]:
    """The position bias of the ranker, and the statistics that it reports."""
    position = report.position_bias
    if position.mean is None:
        return
    yield from section(
        "Position bias",
        f"Ranker {escaped(str(report.config.get('ranker', '–')))}: the mean of Spearman's correlation of rank and "
        f"position is {signed(position.mean)} (95 % interval {between(position.low, position.high)}) over "
        f"{position.groups} groups in {position.samples} arms. Above 0 the ranker favours the first positions, below 0 "
        "the last.",
    )
    if report.ranker:
        values = ", ".join(f"{escaped(name.replace('_', ' '))} {brief(value)}" for name, value in report.ranker.items())
        yield ""
        yield f"Statistics of the ranker over all its steps: {values}."


def settled(report: Report) -> Iterator[str]:
    """The reliability of the stated probabilities."""
    claims = report.reliability
    if claims is None:
        return iter(())
    rows = [
        [f"{one.low:.0%} to {one.high:.0%}", str(one.count), number(one.stated), number(one.happened)]
        for one in claims.bins
        if one.count
    ]
    note = (
        f"{claims.settled} claims settled, {claims.unsettled} cannot be settled, {claims.pending} forecasts pending. "
        f"Brier {number(claims.brier)}, log loss {number(claims.log_loss)}, "
        f"expected calibration error {number(claims.calibration_error)}."
    )
    columns = ["Probability", "Claims", "Mean probability", "Happened"]
    return section("Reliability", note, *([table(columns, rows, {"Probability"})] if rows else []))
