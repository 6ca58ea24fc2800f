"""The further tables of a report's days as Markdown: cost, texts, updates, decisions, arms. Empty ones are left out.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from services.coordinator.reports.figures.day import DayReport
from services.coordinator.reports.figures.report import Report
from services.coordinator.reports.render.markup import between, brief, escaped, number, section, signed, table, tenths

Columns = Mapping[str, Callable[[DayReport], str]]
LEFT = frozenset({"Date", "Objective", "Profile", "Figure"})
MAX_LISTED = 10
"""Longest list whose values are written out, in values; the JSON has them all."""


def _date(day: DayReport) -> str:
    return f"{day.date:%Y%m%d}"


DECODING: Columns = {
    "Date": _date,
    "Delivered": lambda day: str(day.delivered),
    "Final validity": lambda day: number(day.final_validity),
    "Abstained": lambda day: number(day.abstained),
    "Calls per rollout": lambda day: brief(day.decoding.calls_per_rollout),
    "Tokens per rollout": lambda day: tenths(day.decoding.tokens_per_rollout),
    "Calls per valid line": lambda day: brief(day.decoding.calls_per_valid),
    "Tokens per valid line": lambda day: tenths(day.decoding.tokens_per_valid),
    "Tokens discarded": lambda day: brief(day.decoding.failed_tokens),
    "Their share": lambda day: number(day.decoding.failed_share),
}
TEXTS: Columns = {
    "Date": _date,
    "Form score": lambda day: number(day.form_score),
    "Valid lines": lambda day: str(day.valid_lines.count),
    "Distinct-1": lambda day: number(day.valid_lines.distinct_1),
    "Distinct-2": lambda day: number(day.valid_lines.distinct_2),
    "Duplicates": lambda day: number(day.valid_lines.duplicates),
    "Grounding": lambda day: number(day.valid_lines.grounding),
    "All: empty": lambda day: number(day.signs.empty),
    "All: placeholder": lambda day: number(day.signs.placeholder),
    "All: restated": lambda day: number(day.signs.restated),
    "All: duplicate": lambda day: number(day.signs.duplicate),
}
UPDATES: Columns = {
    "Date": _date,
    "Objective": lambda day: escaped(day.objective or "–"),
    "Profile": lambda day: escaped(day.profile or "–"),
    "Bonus": lambda day: brief(day.bonus),
    "Learning rate": lambda day: "–" if day.learning_rate is None else f"{day.learning_rate:.3g}",
    "Policy lag": lambda day: brief(day.trained("policy_lag")),
    "Clip share": lambda day: number(day.trained("clip_share")),
    "Reward deviation": lambda day: number(day.trained("reward_std")),
    "Gradient norm": lambda day: number(day.trained("grad_norm")),
    "Entropy": lambda day: number(day.trained("entropy")),
    "Groups": lambda day: brief(day.trained("groups")),
    "Dropped": lambda day: brief(day.trained("groups_dropped")),
}


def _section(
    title: str, columns: Columns, report: Report, has: Callable[[DayReport], bool], note: str
) -> Iterator[str]:
    rows = [[cell(day) for cell in columns.values()] for day in report.days if has(day)]
    return section(title, note, table(list(columns), rows, LEFT)) if rows else iter(())


def decoding(report: Report) -> Iterator[str]:
    """Delivered lines and their cost."""
    note = "Of delivered rollouts: those of the ladder arm, or all where there is none."
    return _section("Delivery and its cost", DECODING, report, lambda day: day.delivered > 0, note)


def texts(report: Report) -> Iterator[str]:
    """Diversity and degeneration."""
    note = (
        "Distinct-n, duplicates (both within groups) and grounding are of valid lines; the shares of all are of every "
        "scored rollout."
    )
    return _section("Diversity and degeneration", TEXTS, report, lambda day: day.evaluations > 0, note)


def updates(report: Report) -> Iterator[str]:
    """Schedules and statistics of the updates."""
    note = "The profile, bonus and learning rate of each day, and the statistics of its update."
    return _section("Updates", UPDATES, report, lambda day: day.training is not None or day.bonus is not None, note)


def decisions(report: Report) -> Iterator[str]:
    """The stored figures that decided profiles, bonuses and learning rates; constant ones are left out."""
    lines = [line for day in report.days for line in _decisions(day)]
    return section("Decisions", iter(lines)) if lines else iter(())


def _decisions(day: DayReport) -> Iterator[str]:
    for name, decision in day.decisions.items():
        if decision.get("schedule") != "constant":
            yield f"- {_date(day)} {escaped(name.replace('_', ' '))}: {escaped(_decision(decision))}"


def _decision(decision: Mapping[str, object]) -> str:
    how = {name: value for name, value in decision.items() if name not in {"value", "figures", "day"}}
    parts = [_words(decision["value"])] if "value" in decision else []
    parts += [f"({_words(how)})"] if parts else [_words(how)]
    if figures := decision.get("figures"):
        parts.append(f"by {_words(figures)}")
    if of := decision.get("day"):
        parts.append(f"of {of}")
    return " ".join(parts)


def _words(value: object) -> str:
    """Stored figures as text, whatever their shape: a schedule stores what it needs."""
    if isinstance(value, Mapping):
        return ", ".join(f"{str(name).replace('_', ' ')} {_words(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return " ".join(map(_words, value)) or "–" if len(value) <= MAX_LISTED else f"{len(value)} of them"
    return f"{value:.6g}" if isinstance(value, float) else "–" if value is None else str(value)


def arms(report: Report) -> Iterator[str]:
    """Two profiles within a day, side by side."""
    rows = [row for day in report.days for row in _arms(day)]
    if not rows:
        return iter(())
    note = "Two profiles within a day. The interval is a bootstrap over headlines; the arms share no headline."
    columns = ["Date", "Figure", "A", "", "B", "", "B − A", "95 % interval"]
    return section("Profiles side by side", note, table(columns, rows, LEFT | {"A", "B"}))


def _arms(day: DayReport) -> Iterator[list[str]]:
    if day.arms is None:
        return
    a, b = day.arms.a, day.arms.b
    for name, difference in day.arms.differences.items():
        sides = [f"{a.profile}, {a.headlines} headlines", number(a.figures[name])]
        sides += [f"{b.profile}, {b.headlines} headlines", number(b.figures[name])]
        gain = [signed(difference.value), between(difference.low, difference.high)] if difference else ["–", "–"]
        yield [_date(day), name.replace("_", " "), *sides, *gain]
