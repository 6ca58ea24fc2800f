"""A report as Markdown, its table like that of the seed report."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from services.coordinator.reports.figures import SCORES, DayFigures, Failure, Flag, Report

_MARKUP = re.compile(r"([\\`*_\[\]|~#])")
MOST_FLAGS = 20
"""Flagged headlines that are listed by name; the JSON has all of them."""
Cell = Callable[[DayFigures], str]


def escaped(text: str) -> str:
    """Untrusted text as one line that is neither Markdown nor HTML."""
    return _MARKUP.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))


def number(value: object) -> str:
    """Four decimals; a dash where there is nothing."""
    # A mean that is .21875 but for the last bit must not print as .2187.
    return f"{round(value, 12):.4f}" if isinstance(value, int | float) else "–"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _score(name: str) -> Cell:
    return lambda day: number(getattr(day, name))


def _trained(name: str) -> Cell:
    return lambda day: number((day.training or {}).get(name))


TABLE: dict[str, Cell] = {
    "Date": lambda day: f"{day.date:%Y%m%d}",
    "State": lambda day: day.state,
    "Sampler": lambda day: escaped(day.sampler or "–"),
    "Headlines": lambda day: str(day.headlines),
    "Rollouts": lambda day: str(day.rollouts),
    "Raw validity": _score("raw_validity"),
    "Final validity": _score("final_validity"),
    "Composite": _score("composite"),
    "Trade-thinking": _score("trade_thinking"),
    "Leak": _score("leak"),
    "Outcome score": _score("outcome_score"),
    "Normalized score": _score("normalized_score"),
    "Evaluations": lambda day: str(day.evaluations),
    "Look-ahead": lambda day: "–" if day.look_ahead is None else str(day.look_ahead),
    "Loss": _trained("loss"),
    "Mean reward": _trained("mean_reward"),
    "Generate s": lambda day: _seconds(day.seconds.generate),
    "Evaluate s": lambda day: _seconds(day.seconds.evaluate),
    "Train s": lambda day: _seconds(day.seconds.train),
    "Checkpoint": lambda day: escaped(day.checkpoint or "–"),
}
"""Columns of the table of days, in order."""
LEFT = frozenset({"Average", "Date", "State", "Sampler", "Checkpoint"})


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(columns) + " |"
    yield "|" + "|".join("---" if column in LEFT else "---:" for column in columns) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def as_markdown(report: Report) -> str:
    """The report for a reader: warnings on top, then days, totals, averages, look-ahead, flags and failures."""
    sections = (_head, _days, _totals, _averages, _look_ahead, _sources, _flags, _failures)
    return "\n".join(line for section in sections for line in [*section(report), ""]).rstrip("\n") + "\n"


def _head(report: Report) -> Iterator[str]:
    dates = [day.date for day in report.days]
    period = f" ({min(dates):%Y%m%d}–{max(dates):%Y%m%d})" if dates else ""
    yield f"# Report of {report.kind} {report.run}{period}"
    yield ""
    yield f"State: **{report.state}**" + (f": {escaped(report.reason)}" if report.reason else "")
    corpus = f"Corpus {report.corpus}, days in {report.timezone}. " if report.corpus else ""
    yield ""
    yield f"{corpus}Configuration {report.config_hash[:12]}: {escaped(_settings(report.config))}."
    for warning in report.warnings:
        yield ""
        yield f"> **Note** {escaped(warning)}"


def _settings(config: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {config[name]}" for name in ("preset", "base_model", "lag", "dates") if name in config)


def _days(report: Report) -> Iterator[str]:
    yield "## Days"
    yield ""
    yield from _table(list(TABLE), [[cell(day) for cell in TABLE.values()] for day in report.days])


def _totals(report: Report) -> Iterator[str]:
    totals, seconds = report.totals, report.totals.seconds
    states = ", ".join(f"{count} {state}" for state, count in totals.states.items())
    yield (
        f"**Totals**: {totals.days} days ({states}), {totals.headlines} headlines, {totals.rollouts} rollouts, "
        f"{totals.evaluations} evaluations, {totals.checkpoints} checkpoints; {totals.left_out} headlines left out; "
        f"seconds of work: generate {_seconds(seconds.generate)}, evaluate {_seconds(seconds.evaluate)}, "
        f"train {_seconds(seconds.train)}."
    )


def _averages(report: Report) -> Iterator[str]:
    yield "## Averages"
    yield ""
    averages = {"by day": report.averages.by_day, "by evaluation": report.averages.by_evaluation}
    rows = [[name, *(number(means[score]) for score in SCORES)] for name, means in averages.items()]
    yield from _table(["Average", *(score.replace("_", " ") for score in SCORES)], rows)


def _look_ahead(report: Report) -> Iterator[str]:
    yield "## Look-ahead"
    yield ""
    if report.look_ahead is None:
        yield "Unknown: the files of an imported run do not say what its policies had learned from."
    else:
        yield (
            f"{report.look_ahead} of {report.totals.rollouts} rollouts come from a policy that had learned from "
            "headlines published after their own (counted by publication times)."
        )


def _sources(report: Report) -> Iterator[str]:
    days = [day for day in report.days if day.rollouts]
    if not days:
        return
    yield "## Policies and sources"
    yield ""
    for day in days:
        policies = ", ".join(f"{escaped(name)} ({count})" for name, count in day.policies.items())
        sources = ", ".join(f"{count} {rung}" for rung, count in day.final_sources.items())
        yield f"- {day.date:%Y%m%d}: policy {policies}; final texts: {sources}"


def _flags(report: Report) -> Iterator[str]:
    if not report.flags:
        return
    yield "## Flagged headlines"
    yield ""
    for (date, reason, used), count in Counter((flag.date, flag.reason, flag.used) for flag in report.flags).items():
        yield f"- {date:%Y%m%d}: {count} {reason}, {'used' if used else 'left out'}"
    yield ""
    yield from (_flag(flag) for flag in report.flags[:MOST_FLAGS])
    if len(report.flags) > MOST_FLAGS:
        yield f"- … and {len(report.flags) - MOST_FLAGS} more (all of them are in the JSON)"


def _flag(flag: Flag) -> str:
    use = "used" if flag.used else "left out"
    published = f"published {flag.published_at:%Y-%m-%d %H:%M} UTC"
    return f"- {flag.date:%Y%m%d} {flag.reason}, {use}: “{escaped(flag.headline)}”, {published}"


def _failures(report: Report) -> Iterator[str]:
    idle = [day for day in report.days if day.state in {"skipped", "cancelled"}]
    if report.failures:
        yield "## Failures"
        yield ""
        yield from (_failure(failure) for failure in report.failures)
        yield ""
    if idle:
        yield "## Days without forecasts"
        yield ""
        yield from (f"- {day.date:%Y%m%d} {day.state}: {escaped(day.reason or 'no reason was given')}" for day in idle)


def _failure(failure: Failure) -> str:
    lines = failure.reason.strip().splitlines() or [""]
    step = f" {failure.kind} {failure.chunk}, attempt {failure.attempts}" if failure.kind else ""
    return f"- {f'{failure.date:%Y%m%d}' if failure.date else 'the run'}{step}: {escaped(lines[-1])}"
