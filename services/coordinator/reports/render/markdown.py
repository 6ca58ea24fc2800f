"""A report as Markdown; its table of days has the columns of the predecessor's report. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from services.coordinator.reports.figures.day import SCORES, DayReport
from services.coordinator.reports.figures.report import Report
from services.coordinator.reports.render.days import arms, decisions, decoding, texts, updates
from services.coordinator.reports.render.markup import escaped, number, section, table, tenths
from services.coordinator.reports.render.notices import failures, flags
from services.coordinator.reports.render.run import assessment, bias, panel, settled, trends
from services.coordinator.reports.render.serving import serving

Cell = Callable[[DayReport], str]


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
    "Generate s": lambda day: tenths(day.seconds.generate),
    "Evaluate s": lambda day: tenths(day.seconds.evaluate),
    "Train s": lambda day: tenths(day.seconds.train),
    "Checkpoint": lambda day: escaped(day.checkpoint or "–"),
}
"""Columns of the table of days, in order."""
LEFT = frozenset({"Date", "State", "Sampler", "Checkpoint"})


def as_markdown(report: Report) -> str:
    """The report as Markdown: warnings and assessment first, then the days, their totals and the further sections."""
    sections = (
        *(_head, assessment, _days, _totals, _averages, _look_ahead, trends, panel),
        *(decoding, texts, updates, decisions, arms, bias, settled, _sources, serving, flags, failures),
    )
    written = [list(part(report)) for part in sections]
    return "\n".join(line for lines in written if lines for line in [*lines, ""]).rstrip("\n") + "\n"


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
    names = ("preset", "base_model", "lag", "dates", "ranker", "objective", "seed")
    return ", ".join(f"{name} {config[name]}" for name in names if name in config)


def _days(report: Report) -> Iterator[str]:
    rows = [[cell(day) for cell in TABLE.values()] for day in report.days]
    warm = report.warm_start
    parts: list[str | Iterator[str]] = [table(list(TABLE), rows, LEFT)]
    if warm is not None:
        parts.append(
            f"Warm start, no day of the chain: {warm.state}, {warm.headlines} headlines of earlier days, "
            f"{warm.rollouts} rollouts, {warm.valid_lines.count} valid lines learned from, "
            f"checkpoint {escaped(warm.checkpoint or '–')}."
        )
    return section("Days", *parts)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {escaped(name)}" for name, count in counts.items())


def _totals(report: Report) -> Iterator[str]:
    totals, seconds = report.totals, report.totals.seconds
    states = _counts(totals.states)
    reasons = sum((Counter(day.left_out) for day in report.days), Counter[str]())
    left_out = f"{totals.left_out} headlines left out" + (f" ({_counts(reasons)})" if reasons else "")
    yield (
        f"**Totals**: {totals.days} days ({states}), {totals.headlines} headlines, {totals.rollouts} rollouts, "
        f"{totals.evaluations} evaluations, {totals.checkpoints} checkpoints; {left_out}; "
        f"seconds of work: generate {tenths(seconds.generate)}, evaluate {tenths(seconds.evaluate)}, "
        f"train {tenths(seconds.train)}."
    )


def _averages(report: Report) -> Iterator[str]:
    averages = {"by day": report.averages.by_day, "by evaluation": report.averages.by_evaluation}
    rows = [[name, *(number(means[score]) for score in SCORES)] for name, means in averages.items()]
    return section("Averages", table(["Average", *(score.replace("_", " ") for score in SCORES)], rows, {"Average"}))


def _look_ahead(report: Report) -> Iterator[str]:
    if report.look_ahead is None:
        return section(
            "Look-ahead", "Unknown: the files of an imported run do not say what its policies had learned from."
        )
    return section(
        "Look-ahead",
        f"{report.look_ahead} of {report.totals.rollouts} rollouts come from a policy that had learned from "
        "headlines published after their own (by publication times).",
    )


def _sources(report: Report) -> Iterator[str]:
    days = [day for day in report.days if day.rollouts]
    return section("Policies and sources", (_source(day) for day in days)) if days else iter(())


def _source(day: DayReport) -> str:
    policies = ", ".join(f"{escaped(name)} ({count})" for name, count in day.policies.items())
    sources = ", ".join(f"{count} {rung}" for rung, count in day.final_sources.items())
    return f"- {day.date:%Y%m%d}: policy {policies}; final texts: {sources}"
