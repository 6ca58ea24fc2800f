"""`morrow backfill`: start a run over a corpus, or print its plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from services.cli.arguments import UsageError, iso_date, parse_assignments
from services.cli.client import Client, Json
from services.cli.commands.runs import show
from services.cli.connect import connect
from services.cli.options import DAY_FORMAT, AsJson
from services.cli.output.console import err, out, print_json, table
from services.cli.output.format import coloured, counts, day
from services.cli.output.watch import Follower
from shared.errors import MorrowError


def request_body(
    name: str, corpus: str, first: str | None, last: str | None, settings: Sequence[str], headlines: int | None
) -> Json:
    """The body of POST /v1/backfills with the options that are set; the coordinator resolves presets and defaults.

    Raises UsageError for an invalid setting or date, --headlines beside --set headlines=…, and --from after --to.
    """
    config: dict[str, Any] = parse_assignments(settings)
    if headlines is not None:
        if "headlines" in config:
            raise UsageError("--headlines and --set headlines=… are the same setting: use one of them")
        # Parsed like --set, so that its bounds are checked before the request.
        config |= parse_assignments([f"headlines={headlines}"])
    dates = {key: value for key, value in (("from", iso_date(first)), ("to", iso_date(last))) if value is not None}
    if len(dates) == 2 and dates["from"] > dates["to"]:
        raise UsageError(f"--from {first} is after --to {last}")
    return {"name": name, "corpus": corpus, "config": config} | dates


def show_plan(plan: Json) -> None:
    """Print the plan that a dry run returns."""
    rows = [
        (
            day(d["date"]),
            day(d.get("outcome_date")),
            coloured(d["state"]),
            str(d.get("headlines", "–")),
            counts(d.get("left_out")),
            "–" if d["state"] == "skipped" else f"checkpoint of {day(d['policy'])}" if d.get("policy") else "base",
            d.get("reason") or "",
        )
        for d in plan["days"]
    ]
    console = out()
    columns = ("day", "outcome", "state", "headlines", "left out", "policy", "reason")
    console.print(table(columns, rows, numbers=("headlines",)))
    for warning in plan.get("warnings") or []:
        console.print(f"warning: {warning}", style="yellow", markup=False)
    console.print(f"steps: {counts(plan.get('steps'))}; rollouts: {plan.get('rollouts', '–')}; nothing was started")


def check_ended(run: Json) -> None:
    """Raises MorrowError for a run that ended without completing; a waiting run passes."""
    if run["state"] == "waiting":
        err().print(
            f"{run['name']} waits for the outcomes of its last forecasts; it resumes when later days are imported"
        )
    elif run["state"] != "completed":
        raise MorrowError(f"{run['name']} ended as {run['state']}: {run.get('reason') or 'no reason given'}")


def wait_for(client: Client, name: str) -> Json:
    """Follow a run on standard error until it ends; Ctrl-C stops following, not the run."""
    try:
        return Follower(client, err()).follow(name)
    except KeyboardInterrupt:
        # The interrupt goes on to run(), which exits with status 130.
        err().print(f"{name} continues; see it with `morrow status {name}`, stop it with `morrow pause {name}`")
        raise


def backfill(
    corpus: Annotated[str, typer.Option("--corpus", metavar="C", help="Corpus to run over.")],
    run: Annotated[str, typer.Option("--run", metavar="R", help="Name of the new run.")],
    first: Annotated[str | None, typer.Option("--from", metavar="D", help=f"First day ({DAY_FORMAT}).")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="D", help=f"Last day ({DAY_FORMAT}).")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="key=value", help="Set a field of the configuration (`morrow config`)."),
    ] = None,
    headlines: Annotated[int | None, typer.Option(min=1, help="Maximum number of headlines per day.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and start nothing.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the run ends; exit status 1 if it fails.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start a run: forecast, score and train over a corpus, day by day."""
    body = request_body(run, corpus, first, last, settings or [], headlines)
    client = connect()
    response = client.post("/v1/backfills", body, dry_run="true" if dry_run else "false")
    if wait and not dry_run:
        response = wait_for(client, run)
    if as_json:
        print_json(response)
    elif dry_run:
        show_plan(response)
    else:
        show(response)
    if wait and not dry_run:
        check_ended(response)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Runs")(backfill)
