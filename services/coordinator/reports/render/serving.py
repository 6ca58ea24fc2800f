"""The section on serving as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.coordinator.reports.figures.serving import Serving
from services.coordinator.reports.render.markup import escaped, section, table

if TYPE_CHECKING:
    from services.coordinator.reports.figures.report import Report

NOTE = (
    "Seconds from the moment a checkpoint was wanted (promoted, or published if it was not) to the probe that verified "
    "it on each engine; 0 where it was held before, – where the engine came later."
)


def serving(report: Report) -> Iterator[str]:
    """How long each swap took on each engine, whose rollouts a day's are, and what the panel decided."""
    found = report.serving
    if not (found.swaps or found.policies or found.decisions):
        return iter(())
    parts: list[str | Iterator[str]] = [NOTE, _swaps(found)] if found.swaps else []
    if found.policies:
        parts += [_strays(found), _policies(found)]
    if found.decisions:
        parts.append(_decisions(found))
    return section("Serving", *parts)


def _swaps(found: Serving) -> Iterator[str]:
    columns = ["Checkpoint", "Engine", "Wanted", "At (UTC)", "Seconds", "Load s"]
    rows = [
        [
            escaped(swap.checkpoint),
            escaped(swap.engine),
            "promoted" if swap.promoted else "published",
            f"{swap.wanted_at:%Y-%m-%d %H:%M:%S}",
            _hundredths(swap.seconds),
            _hundredths(swap.load_seconds),
        ]
        for swap in found.swaps
    ]
    return table(columns, rows, {"Checkpoint", "Engine", "Wanted", "At (UTC)"})


def _hundredths(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _strays(found: Serving) -> str:
    total = sum(sum(day.rollouts.values()) for day in found.policies)
    if found.strays is None:
        return f"Each of {total} rollouts names exactly one policy; which its day's was is not known of an import."
    verdict = "" if found.strays == 0 else " **This must be 0.**"
    return f"Each of {total} rollouts names exactly one policy; {found.strays} name another than their day's.{verdict}"


def _policies(found: Serving) -> Iterator[str]:
    rows = [
        [
            f"{day.date:%Y%m%d}",
            day.role.replace("_", " "),
            escaped(day.policy or "–"),
            ", ".join(f"{escaped(policy)} ({count})" for policy, count in day.rollouts.items()),
            "–" if day.strays is None else str(day.strays),
        ]
        for day in found.policies
    ]
    return table(["Date", "Role", "Policy", "Rollouts", "Others"], rows, {"Date", "Role", "Policy", "Rollouts"})


def _decisions(found: Serving) -> Iterator[str]:
    for said in found.decisions:
        fate = "promoted" if said.promoted else "not promoted"
        yield f"- {said.date:%Y%m%d}: {escaped(said.checkpoint or '–')} {fate}: {escaped(said.reason)}"
