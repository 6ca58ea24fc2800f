"""Serving: show it, promote a checkpoint, forecast from a headline."""

from __future__ import annotations

from typing import Annotated

import httpx
import typer

from services.cli.arguments import UsageError, iso_date
from services.cli.client import Json
from services.cli.connect import connect
from services.cli.options import DAY_FORMAT, AsJson
from services.cli.output.console import err, out, print_json, table
from services.cli.output.format import moment, span
from services.cli.output.markup import Markup

GRACE = 30.0
"""Seconds that the HTTP response may take beyond the promotion's own timeout."""


def serving(as_json: AsJson = False) -> None:
    """Show the served checkpoint and the checkpoints that each engine has loaded."""
    client = connect()
    desired, engines = client.get("/v1/serving"), list(client.items("/v1/engines"))
    if as_json:
        print_json(desired | {"engines": engines})
        return
    console = out()
    since = f" since {moment(desired['served_since'])}" if desired.get("served_since") else ""
    console.print(f"served    {desired['served'] or 'the base model'}{since}", markup=False)
    console.print(f"previous  {desired['previous'] or '–'}", markup=False)
    if not engines:
        console.print("no engine is registered: `morrow up` starts one with its syncer")
        return
    rows = [_row(engine, desired["served"]) for engine in engines]
    columns = ("engine", "state", "loaded", "served since", "load s", "last seen", "error")
    console.print(table(columns, rows, numbers=("load s",)))


def _row(engine: Json, served: str | None) -> tuple[str, ...]:
    state = "[red]stale[/]" if engine["stale"] else "[green]ready[/]" if engine["ready"] else "[yellow]not ready[/]"
    others = [name for name in engine["loaded"] if name != served]
    current = [f"{served} (served)"] if served in engine["loaded"] else []
    load = engine["load_seconds"].get(served)
    return (
        engine["url"],
        Markup(state),
        "\n".join([*current, *others]) or "–",
        moment(engine["verified_at"].get(served)),
        "–" if load is None else f"{load:.2f}",
        f"{span(engine['age_seconds'])} ago",
        engine["error"] or "",
    )


def promote(
    checkpoint: Annotated[
        str,
        typer.Argument(metavar="CHECKPOINT", help="A checkpoint's id, RUN:final_model, or `previous` to roll back."),
    ],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until every live engine has loaded it.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, max=600, help="Maximum wait in seconds.")] = 120.0,
    expected: Annotated[
        str | None, typer.Option(metavar="ID", help="Promote only if this checkpoint is served now; '' for none.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Promote a checkpoint to be served, or roll back to the previous one."""
    client = connect()
    # With --wait the response comes only at the end of the wait.
    client.http.timeout = httpx.Timeout(timeout + GRACE, connect=5.0)
    body = {"checkpoint": checkpoint, "wait": wait, "timeout_seconds": timeout}
    with err().status(f"promoting {checkpoint}"):
        promotion = client.post("/v1/serving", body if expected is None else body | {"expected": expected})
    if as_json:
        print_json(promotion)
        return
    console = out()
    effect = "is served" if promotion["changed"] else "was served already"
    console.print(f"{promotion['served']} {effect}; previous is {promotion['previous'] or '–'}", markup=False)
    for engine in promotion["engines"]:
        seconds = f" after {engine['seconds']:.2f} s" if engine["seconds"] is not None else ""
        error = f": {engine['error']}" if engine["error"] else ""
        console.print(f"  {engine['engine']}  {engine['state']}{seconds}{error}", markup=False)


def _check_headline(headline: str) -> None:
    if not headline.strip():
        raise UsageError("HEADLINE is empty: give a headline in quotes")


def forecast(
    headline: Annotated[str, typer.Argument(metavar="HEADLINE", help="The headline, in quotes.")],
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=64, help="Number of forecasts.")] = 1,
    date: Annotated[
        str | None, typer.Option(metavar="DAY", help=f"Day of the forecast ({DAY_FORMAT}); default: today.")
    ] = None,
    profile: Annotated[str, typer.Option(help="Sampler profile: tight, default or loose.")] = "default",
    form: Annotated[str, typer.Option("--format", help="Format of a forecast: one_line or paragraph.")] = "one_line",
    policy: Annotated[str, typer.Option(help="`served`, `base`, or a checkpoint's id.")] = "served",
    seed: Annotated[int | None, typer.Option(min=0, max=2**31 - 1, help="Random seed; default: a new one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Sample forecasts from a headline, with the served checkpoint or another policy."""
    _check_headline(headline)
    body = {"headline": headline, "lines": lines, "profile": profile, "format": form, "policy": policy}
    optional = {name: value for name, value in (("date", iso_date(date)), ("seed", seed)) if value is not None}
    client = connect()
    with err().status("forecasting"):
        response = client.post("/v1/forecast", body | optional)
    if as_json:
        print_json(response)
        return
    for line in response["lines"]:
        typer.echo(line["text"] or f"(empty: {line['verdict']})")
    verdicts = [line["verdict"] for line in response["lines"]]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))
    source = f"by {response['policy']} on {response['engine']} in {response['seconds']:.1f} s: {counts}"
    if policy == "served" and response["policy"] != (response["served"] or "base"):
        source += f"; no engine has loaded the served {response['served']} yet"
    err().print(source, markup=False)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (serving, promote, forecast):
        app.command(rich_help_panel="Serving")(command)
