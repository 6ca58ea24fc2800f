"""What is served and by whom: serving, promote, forecast."""

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
"""Seconds that an answer may take beyond what was asked to be waited for."""


def serving(as_json: AsJson = False) -> None:
    """Show which checkpoint is served, and what each engine holds."""
    client = connect()
    wanted, engines = client.get("/v1/serving"), list(client.items("/v1/engines"))
    if as_json:
        print_json(wanted | {"engines": engines})
        return
    console = out()
    since = f" since {moment(wanted['served_since'])}" if wanted.get("served_since") else ""
    console.print(f"served    {wanted['served'] or 'the base model'}{since}", markup=False)
    console.print(f"previous  {wanted['previous'] or '–'}", markup=False)
    if not engines:
        console.print("no engine has reported: `morrow up` starts one with its syncer")
        return
    rows = [_row(engine, wanted["served"]) for engine in engines]
    columns = ("engine", "state", "holds", "served since", "load s", "heard of", "error")
    console.print(table(columns, rows, numbers=("load s",)))


def _row(engine: Json, served: str | None) -> tuple[str, ...]:
    state = "[red]stale[/]" if engine["stale"] else "[green]ready[/]" if engine["ready"] else "[yellow]not ready[/]"
    held = [name for name in engine["loaded"] if name != served]
    holds = [f"{served} (served)"] if served in engine["loaded"] else []
    load = engine["load_seconds"].get(served)
    return (
        engine["url"],
        Markup(state),
        "\n".join([*holds, *held]) or "–",
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
    wait: Annotated[bool, typer.Option("--wait", help="Wait until every engine that is heard of holds it.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, max=600, help="Longest wait in seconds.")] = 120.0,
    expected: Annotated[
        str | None, typer.Option(metavar="ID", help="Only if this is served now; '' for nothing.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Serve a checkpoint, or roll back to the previous one."""
    client = connect()
    client.http.timeout = httpx.Timeout(timeout + GRACE, connect=5.0)
    body = {"checkpoint": checkpoint, "wait": wait, "timeout_seconds": timeout}
    with err().status(f"promoting {checkpoint}"):
        done = client.post("/v1/serving", body if expected is None else body | {"expected": expected})
    if as_json:
        print_json(done)
        return
    console = out()
    said = "is served" if done["changed"] else "was served already"
    console.print(f"{done['served']} {said}; previous is {done['previous'] or '–'}", markup=False)
    for engine in done["engines"]:
        seconds = f" after {engine['seconds']:.2f} s" if engine["seconds"] is not None else ""
        error = f": {engine['error']}" if engine["error"] else ""
        console.print(f"  {engine['engine']}  {engine['state']}{seconds}{error}", markup=False)


def forecast(
    headline: Annotated[str, typer.Argument(metavar="HEADLINE", help="The headline, in quotes.")],
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=64, help="How many forecasts.")] = 1,
    date: Annotated[str | None, typer.Option(metavar="DAY", help=f"Day of the forecast ({DAY_FORMAT}); today.")] = None,
    profile: Annotated[str, typer.Option(help="Sampler profile: tight, default or loose.")] = "default",
    form: Annotated[str, typer.Option("--format", help="Form of a forecast: one_line or paragraph.")] = "one_line",
    policy: Annotated[str, typer.Option(help="`served`, `base`, or a checkpoint's id.")] = "served",
    seed: Annotated[int | None, typer.Option(min=0, max=2**31 - 1, help="Seed of the samples; drawn anew.")] = None,
    as_json: AsJson = False,
) -> None:
    """Forecast from a headline with the checkpoint that is served."""
    if not headline.strip():
        raise UsageError("HEADLINE is empty: give a headline in quotes")
    body = {"headline": headline, "lines": lines, "profile": profile, "format": form, "policy": policy}
    given = {name: value for name, value in (("date", iso_date(date)), ("seed", seed)) if value is not None}
    client = connect()
    with err().status("forecasting"):
        found = client.post("/v1/forecast", body | given)
    if as_json:
        print_json(found)
        return
    for line in found["lines"]:
        typer.echo(line["text"] or f"(nothing: {line['verdict']})")
    verdicts = [line["verdict"] for line in found["lines"]]
    counted = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))
    said = f"by {found['policy']} on {found['engine']} in {found['seconds']:.1f} s: {counted}"
    if policy == "served" and found["policy"] != (found["served"] or "base"):
        said += f"; no engine holds {found['served']} yet, which is served"
    err().print(said, markup=False)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (serving, promote, forecast):
        app.command(rich_help_panel="Serving")(command)
