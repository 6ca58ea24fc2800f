"""The section on serving as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from services.coordinator.reports.figures.report import Report
from services.coordinator.reports.figures.serving import ServingFigures
from services.coordinator.reports.render.markup import escaped, section, table

NOTE = (
    "Seconds from the promotion of a checkpoint (its publication if it was not promoted) to the probe that verified it "
    "on each engine; 0 if the engine had loaded it before, – if the engine registered later."
)


def serving(report: Report) -> Iterator[str]:
    """Seconds of each swap on each engine, rollouts by policy, and the decisions of promote=panel."""
    figures = report.serving
    if not (figures.swaps or figures.policies or figures.decisions):
        return iter(())
    parts: list[str | Iterator[str]] = [NOTE, _swaps(figures)] if figures.swaps else []
    if figures.policies:
        parts += [_strays(figures), _policies(figures)]
    if figures.decisions:
        parts.append(_decisions(figures))
    return section("Serving", *parts)


def _swaps(figures: ServingFigures) -> Iterator[str]:
    columns = ["Checkpoint", "Engine", "Since", "At (UTC)", "Seconds", "Load s"]
    rows = [
        [
            escaped(swap.checkpoint),
            escaped(swap.engine),
            "promoted" if swap.promoted else "published",
            f"{swap.wanted_at:%Y-%m-%d %H:%M:%S}",
            _hundredths(swap.seconds),
            _hundredths(swap.load_seconds),
        ]
        for swap in figures.swaps
    ]
    return table(columns, rows, {"Checkpoint", "Engine", "Since", "At (UTC)"})


def _hundredths(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _strays(figures: ServingFigures) -> str:
    total = sum(sum(day.rollouts.values()) for day in figures.policies)
    strays = figures.strays
    if strays is None:
        return f"Each of {total} rollouts names exactly one policy; of an import the policy of the day is unknown."
    warning = "" if strays == 0 else " **This must be 0.**"
    return f"Each of {total} rollouts names exactly one policy; {strays} name another than their day's.{warning}"


def _policies(figures: ServingFigures) -> Iterator[str]:
    rows = [
        [
            f"{day.date:%Y%m%d}",
            day.role.replace("_", " "),
            escaped(day.policy or "–"),
            ", ".join(f"{escaped(policy)} ({count})" for policy, count in day.rollouts.items()),
            "–" if day.strays is None else str(day.strays),
        ]
        for day in figures.policies
    ]
    return table(["Date", "Role", "Policy", "Rollouts", "Others"], rows, {"Date", "Role", "Policy", "Rollouts"})


def _decisions(figures: ServingFigures) -> Iterator[str]:
    for decision in figures.decisions:
        outcome = "promoted" if decision.promoted else "not promoted"
        yield f"- {decision.date:%Y%m%d}: {escaped(decision.checkpoint or '–')} {outcome}: {escaped(decision.reason)}"
