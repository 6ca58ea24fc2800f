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
    panel: Annotated[str | None, typer.Option(metavar="P", help="Panel of the corpus to compare on.")] = None,
    resamples: Annotated[int, typer.Option(min=100, max=20_000, help="Number of bootstrap resamples.")] = 2_000,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the resamples.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Compare two checkpoints or runs: figures and 95 % bootstrap intervals of B minus A.

    On a panel, a run is represented by its newest scored checkpoint. Without a panel, two runs are compared on their
    common dates.
    """
    comparison = connect().get("/v1/compare", a=a, b=b, panel=panel, resamples=resamples, seed=seed)
    if as_json:
        print_json(comparison)
    else:
        show(comparison)


def show(comparison: Json) -> None:
    """Print a comparison: its two sides and dates, the figures, and the notes on their validity."""
    console = out()
    where = f"panel {comparison['panel']}" if comparison["panel"] else "their common dates"
    console.print(f"{comparison['a']['operand']} and {comparison['b']['operand']} on {where}", markup=False)
    for name in "ab":
        console.print(f"{name.upper()}: {_side(comparison[name])}", markup=False)
    columns = ("figure", "of", "A", "B", "B − A", "95 %", "")
    console.print(
        table(columns, [_row(figure) for figure in comparison["figures"]], numbers=("A", "B", "B − A", "95 %"))
    )
    console.print(_method(comparison), markup=False)
    for note in comparison["notes"]:
        console.print(note, markup=False, style="yellow")


def _side(side: Json) -> str:
    dates = [day(date) for date in side["dates"]]
    period = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]} ({len(dates)} days)"
    policy = "the base model of" if side["policy"] == "base" else side["policy"] or "run"
    # A checkpoint's id begins with its run; the base model and a whole run do not say which run they belong to.
    subject = f"{policy} {side['run']}" if side["policy"] in {"base", None} else policy
    if side["policy"] != "base":
        subject += f", {period}"
    counts = f"{side['headlines']} headlines, {side['lines']} lines, {side['valid']} valid"
    ahead = side["look_ahead"]
    return f"{subject}; {counts}; look-ahead {'unknown' if ahead is None else f'{ahead} lines'}"


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
    """Three decimals below 10 in size, else one."""
    if value is None:
        return "–"
    return f"{value:{sign}.3f}" if abs(value) < 10 else f"{value:{sign}.1f}"


def _method(comparison: Json) -> str:
    pairing = (
        f"{comparison['headlines']} headlines, paired"
        if comparison["paired"]
        else "headlines, each side resampled by itself"
    )
    return (
        f"Intervals: {comparison['level']:.0%} of {comparison['resamples']} bootstrap resamples of {pairing}, seed "
        f"{comparison['seed']}; * excludes 0."
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Results")(compare)
