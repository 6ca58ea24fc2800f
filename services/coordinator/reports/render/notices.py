"""The notices of a report as Markdown: flagged headlines, failures, days without forecasts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from services.coordinator.reports.figures.report import UNKNOWN_REASON, Failure, Flag, Report
from services.coordinator.reports.render.markup import escaped

MAX_FLAGS = 20
"""Flagged headlines that are listed in full; the JSON has all of them."""


def flags(report: Report) -> Iterator[str]:
    """Flagged headlines, counted, and the first of them in full."""
    if not report.flags:
        return
    yield "## Flagged headlines"
    yield ""
    for (date, reason, used), count in Counter((flag.date, flag.reason, flag.used) for flag in report.flags).items():
        yield f"- {date:%Y%m%d}: {count} {reason}, {'used' if used else 'left out'}"
    yield ""
    yield from (_flag(flag) for flag in report.flags[:MAX_FLAGS])
    if len(report.flags) > MAX_FLAGS:
        yield f"- … and {len(report.flags) - MAX_FLAGS} more (all of them are in the JSON)"


def _flag(flag: Flag) -> str:
    use = "used" if flag.used else "left out"
    published = f"published {flag.published_at:%Y-%m-%d %H:%M} UTC"
    return f"- {flag.date:%Y%m%d} {flag.reason}, {use}: “{escaped(flag.headline)}”, {published}"


def failures(report: Report) -> Iterator[str]:
    """Failures with their reasons, and days without forecasts."""
    idle = [day for day in report.days if day.state in {"skipped", "cancelled"}]
    if report.failures:
        yield "## Failures"
        yield ""
        yield from (_failure(failure) for failure in report.failures)
        yield ""
    if idle:
        yield "## Days without forecasts"
        yield ""
        yield from (f"- {day.date:%Y%m%d} {day.state}: {escaped(day.reason or UNKNOWN_REASON)}" for day in idle)


def _failure(failure: Failure) -> str:
    # The last line of a traceback names the error.
    lines = failure.reason.strip().splitlines() or [""]
    where = f"{failure.date:%Y%m%d}" if failure.date else "the run"
    role = "" if failure.role == "chain" else f" ({failure.role.replace('_', ' ')})"
    step = f" {failure.kind} {failure.chunk}, attempt {failure.attempts}" if failure.kind else ""
    return f"- {where}{role}{step}: {escaped(lines[-1])}"
