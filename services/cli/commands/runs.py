"""Runs: list, show and control them (runs, status, days, pause, resume, cancel, retry, logs)."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.arguments import iso_date
from services.cli.client import Json
from services.cli.connect import connect
from services.cli.options import DAY_FORMAT, AsJson, RunName
from services.cli.output.console import out, print_json, print_text, table
from services.cli.output.format import brief, coloured, counts, day, fraction, moment, span, steps, took
from services.cli.output.markup import styled

OptionalDay = Annotated[str | None, typer.Argument(metavar="[DAY]", help=f"One day ({DAY_FORMAT}).")]


def runs(as_json: AsJson = False) -> None:
    """List all runs."""
    items = list(connect().items("/v1/backfills"))
    if as_json:
        print_json(items)
        return
    rows = [
        (
            run["name"],
            coloured(run["state"]),
            run.get("corpus") or "–",
            f"{fraction(run):.0%}",
            counts(run.get("days")),
            moment(run.get("created_at")),
            run.get("reason") or "",
        )
        for run in items
    ]
    if not rows:
        out().print("no runs yet: `morrow backfill --corpus C --run R` starts one")
        return
    out().print(table(("run", "state", "corpus", "done", "days", "created", "reason"), rows, numbers=("done",)))


def describe(run: Json) -> list[tuple[str, str]]:
    """A run as pairs of label and value."""
    progress = run.get("progress") or {}
    eta = progress.get("eta_seconds")
    progress_text = f"{fraction(run):.0%} ({progress.get('steps_done', 0)} of {progress.get('steps_total', 0)} steps)"
    lines = [
        ("run", f"{run['name']} ({run.get('kind', 'backfill')})"),
        ("state", styled("{}{}", coloured(run["state"]), f": {run['reason']}" if run.get("reason") else "")),
        ("corpus", run.get("corpus") or "–"),
        ("progress", progress_text + (f", about {span(eta)} left" if eta is not None else "")),
        ("days", counts(run.get("days"))),
        *((kind, counts(states)) for kind, states in (run.get("steps") or {}).items()),
        ("served", run.get("served") or "–"),
        ("created", moment(run.get("created_at"))),
        ("finished", moment(run.get("finished_at"))),
        ("config", run.get("config_hash", "–")[:12]),
    ]
    return lines + [("warning", text) for text in run.get("warnings") or []]


def show(run: Json) -> None:
    """Print all fields of a run, one per line."""
    for label, value in describe(run):
        out().print(styled("[bold]{}[/]  {}", f"{label:>9}", value), soft_wrap=True)


def status(run: RunName, as_json: AsJson = False) -> None:
    """Show a run's state, progress and settings."""
    current = connect().get(f"/v1/backfills/{run}")
    if as_json:
        print_json(current)
    else:
        show(current)


def days(run: RunName, as_json: AsJson = False) -> None:
    """List the days of a run: state, reason, steps, policy, checkpoint."""
    items = list(connect().items(f"/v1/backfills/{run}/days"))
    if as_json:
        print_json(items)
        return
    rows = [
        (
            day(d["date"]),
            day(d.get("outcome_date")),
            coloured(d["state"]),
            str(d.get("headlines", "–")),
            counts(d.get("left_out")),
            steps(d.get("steps")),
            brief(d.get("policy"), run),
            brief(d.get("checkpoint"), run),
            took(d.get("started_at"), d.get("finished_at")),
            d.get("reason") or "",
        )
        for d in items
    ]
    columns = ("day", "outcome", "state", "headlines", "left out", "steps", "policy", "checkpoint", "took", "reason")
    out().print(table(columns, rows, numbers=("headlines", "took")))


def _print_state(run: Json) -> None:
    reason = f": {run['reason']}" if run.get("reason") else ""
    out().print(styled("{} is {}{}", run["name"], coloured(run["state"]), reason))


def pause(run: RunName) -> None:
    """Pause a run: no new step starts, running steps finish."""
    _print_state(connect().post(f"/v1/backfills/{run}/pause"))


def resume(run: RunName) -> None:
    """Resume a paused run."""
    _print_state(connect().post(f"/v1/backfills/{run}/resume"))


def cancel(run: RunName) -> None:
    """Cancel a run for good: no new step starts, running steps are stopped."""
    _print_state(connect().post(f"/v1/backfills/{run}/cancel"))


def retry(run: RunName, date: OptionalDay = None) -> None:
    """Retry all failed days of a run, or one of them."""
    body = {} if date is None else {"date": iso_date(date)}
    _print_state(connect().post(f"/v1/backfills/{run}/retry", body))


def logs(run: RunName, date: Annotated[str, typer.Argument(metavar="DAY", help=f"The day ({DAY_FORMAT}).")]) -> None:
    """Print the workers' logs of a day, one section per attempt."""
    print_text(connect().text(f"/v1/backfills/{run}/days/{iso_date(date)}/logs"))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (runs, status, days, pause, resume, cancel, retry, logs):
        app.command(rich_help_panel="Runs")(command)
