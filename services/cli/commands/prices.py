"""`morrow prices import | list | show`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from services.cli.client import Json
from services.cli.connect import connect
from services.cli.files.closes import read_closes
from services.cli.options import AsJson
from services.cli.output.console import err, out, print_json, table
from services.cli.output.format import day, skipped_rows

app = typer.Typer(help="Daily closes that settle claims: import, list, show.", no_args_is_help=True)


class PriceFormat(StrEnum):
    """Format of files of closes."""

    csv = "csv"
    parquet = "parquet"


def show_import(summary: Json) -> None:
    """Print the summary of an import: counts and skipped rows."""
    console = out()
    parts = [f"{summary['added']} closes added"]
    for name, label in (("replaced", "replaced"), ("unchanged", "unchanged"), ("duplicates", "duplicates merged")):
        parts += [f"{summary[name]} {label}"] if summary[name] else []
    console.print(f"{summary['name']}: {', '.join(parts)}; {_coverage(summary['covered_until'])}", markup=False)
    for line in skipped_rows(summary["bad"]):
        console.print(line, markup=False)


def _coverage(covered_until: str | None) -> str:
    if covered_until is None:
        return "no claim can be settled yet"
    return f"every instrument has closes until {day(covered_until)}"


@app.command("import")
def import_(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A file or folder with columns symbol, date, close, aliases.")
    ],
    name: Annotated[
        str, typer.Option("--name", metavar="SET", help="Price set to import into; created if it does not exist.")
    ],
    form: Annotated[
        PriceFormat | None, typer.Option("--format", help="Format of the files; guessed by default.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace stored closes of the same symbol and date.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Import the valid rows and report the bad ones.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import daily closes from files, all or none. Importing the same files again changes nothing.

    Aliases are other names of an instrument, separated by |. Forecasts waiting for these closes are settled next.
    """
    client = connect()
    with err().status(f"reading {path}") as status:
        rows = read_closes(path, form.value if form else None)
        status.update(f"importing {len(rows)} rows into {name}")
        summary = client.post(f"/v1/prices/{name}", {"replace": replace, "skip_bad": skip_bad, "rows": rows})
    if as_json:
        print_json(summary)
    else:
        show_import(summary)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the price sets."""
    items = list(connect().items("/v1/prices"))
    if as_json:
        print_json(items)
        return
    if not items:
        out().print("no price sets yet: `morrow prices import PATH --name SET` creates one")
        return
    rows = [
        (
            prices["name"],
            str(prices["instruments"]),
            str(prices["closes"]),
            f"{day(prices['first'])} to {day(prices['last'])}",
            day(prices["covered_until"]),
        )
        for prices in items
    ]
    columns = ("set", "instruments", "closes", "from to", "covered until")
    out().print(table(columns, rows, numbers=("instruments", "closes")))


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="SET", help="Name of the price set.")], as_json: AsJson = False
) -> None:
    """Show the instruments of a price set."""
    prices = connect().get(f"/v1/prices/{name}")
    if as_json:
        print_json(prices)
        return
    out().print(f"{prices['name']}: {_coverage(prices['covered_until'])}", markup=False)
    rows = [
        (
            i["symbol"],
            str(i["closes"]),
            f"{day(i['first'])} to {day(i['last'])}",
            " | ".join(i["aliases"]) or "–",
        )
        for i in prices["instruments"]
    ]
    out().print(table(("symbol", "closes", "from to", "aliases"), rows, numbers=("closes",)))
