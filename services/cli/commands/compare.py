"""`morrow compare A B`: two checkpoints or runs side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.client import Json
from services.cli.connect import connect
from services.cli.options import AsJson
from services.cli.output.console import out, print_json, table
from services.cli.output.format import day

SIDE = "RUN, RUN:YYYYMMDD, RUN:base or a checkpoint's id"
AMONG = {"all": "all lines", "valid": "valid lines", "delivered": "delivered lines", "groups": "pairs in a group"}


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=SIDE)],
    b: Annotated[str, typer.Argument(metavar="B", help=SIDE)],
    panel: Annotated[str | None, typer.Option(metavar="P", help="Compare on this panel of the corpus.")] = None,
    resamples: Annotated[int, typer.Option(min=100, max=20_000, help="Resamples of the bootstrap.")] = 2_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resamples.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Compare two checkpoints or runs, with 95 % bootstrap intervals of B less A.

    On a panel a run stands for its newest scored checkpoint; without one, two runs are compared on their common dates.
    """
    found = connect().get("/v1/compare", a=a, b=b, panel=panel, resamples=resamples, seed=seed)
    if as_json:
        print_json(found)
    else:
        show(found)


def show(found: Json) -> None:
    """Print a comparison: who is compared on what, the figures, what to know before trusting them."""
    console = out()
    where = f"panel {found['panel']}" if found["panel"] else "their common dates"
    console.print(f"{found['a']['asked']} and {found['b']['asked']} on {where}", markup=False)
    for name in "ab":
        console.print(f"{name.upper()}: {_side(found[name])}", markup=False)
    columns = ("figure", "of", "A", "B", "B − A", "95 %", "")
    console.print(table(columns, [_row(figure) for figure in found["figures"]], numbers=("A", "B", "B − A", "95 %")))
    console.print(_method(found), markup=False)
    for note in found["notes"]:
        console.print(note, markup=False, style="yellow")


def _side(side: Json) -> str:
    dates = [day(date) for date in side["dates"]]
    span = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]} ({len(dates)} days)"
    who = "the base model of" if side["policy"] == "base" else side["policy"] or "run"
    who = f"{who} {side['run']}" if side["policy"] in {"base", None} else who
    if side["policy"] != "base":
        who += f", {span}"
    counted = f"{side['headlines']} headlines, {side['lines']} lines, {side['valid']} valid"
    ahead = side["look_ahead"]
    return f"{who}; {counted}; look-ahead {'unknown' if ahead is None else f'{ahead} lines'}"


def _row(figure: Json) -> tuple[str, ...]:
    return (
        str(figure["name"]),
        AMONG[figure["among"]],
        _number(figure["a"]),
        _number(figure["b"]),
        _number(figure["difference"], sign="+"),
        "–" if figure["low"] is None else f"{_number(figure['low'], '+')} to {_number(figure['high'], '+')}",
        "*" if figure["excludes_zero"] else "",
    )


def _number(value: float | None, sign: str = "") -> str:
    """Three digits behind the point; one where there are more before it."""
    if value is None:
        return "–"
    return f"{value:{sign}.3f}" if abs(value) < 10 else f"{value:{sign}.1f}"


def _method(found: Json) -> str:
    pairing = f"{found['headlines']} headlines, paired" if found["paired"] else "headlines of each side by itself"
    return (
        f"Intervals: {found['level']:.0%} of {found['resamples']} bootstrap resamples of {pairing}, seed "
        f"{found['seed']}; * excludes 0."
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Results")(compare)
