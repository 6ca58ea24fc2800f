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
from services.cli.output.format import day

app = typer.Typer(help="Daily closes that claims are settled against: import them, list them.", no_args_is_help=True)
MOST_BAD_SHOWN = 20


class PriceFormat(StrEnum):
    """How closes lie in files."""

    csv = "csv"
    parquet = "parquet"


def show_import(done: Json) -> None:
    """Print what an import did and its bad rows."""
    console = out()
    parts = [f"{done['added']} closes added"]
    for name, words in (
        ("replaced", "replaced"),
        ("unchanged", "were there already"),
        ("duplicates", "repeated rows folded"),
    ):
        parts += [f"{done[name]} {words}"] if done[name] else []
    console.print(f"{done['name']}: {', '.join(parts)}; {_reach(done['covered_until'])}", markup=False)
    for bad in done["bad"][:MOST_BAD_SHOWN]:
        console.print(f"  skipped {bad['origin']}: {bad['reason']}", markup=False)
    if len(done["bad"]) > MOST_BAD_SHOWN:
        console.print(f"  … and {len(done['bad']) - MOST_BAD_SHOWN} more bad rows")


def _reach(covered_until: str | None) -> str:
    if covered_until is None:
        return "nothing can be settled yet"
    return f"every instrument has closes up to {day(covered_until)}"


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file with the columns symbol, date, close, aliases.")],
    name: Annotated[str, typer.Option("--name", metavar="SET", help="The price set to fill; made if it is new.")],
    form: Annotated[
        PriceFormat | None, typer.Option("--format", help="How the closes lie in files; guessed if not given.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Let a close replace another one of the same symbol and date.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Import the sound rows and report the bad ones.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import closes from a file or a folder of them: all or nothing, and the same files again change nothing.

    Aliases are other names of an instrument, separated by |. Forecasts that waited for these closes are settled next.
    """
    client = connect()
    with err().status(f"reading {path}") as status:
        rows = read_closes(path, form.value if form else None)
        status.update(f"importing {len(rows)} rows into {name}")
        done = client.post(f"/v1/prices/{name}", {"replace": replace, "skip_bad": skip_bad, "rows": rows})
    if as_json:
        print_json(done)
    else:
        show_import(done)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the price sets."""
    items = list(connect().items("/v1/prices"))
    if as_json:
        print_json(items)
        return
    if not items:
        out().print("no price sets yet: `morrow prices import PATH --name SET` makes one")
        return
    rows = [
        (
            found["name"],
            str(found["instruments"]),
            str(found["closes"]),
            f"{day(found['first'])} to {day(found['last'])}",
            day(found["covered_until"]),
        )
        for found in items
    ]
    columns = ("set", "instruments", "closes", "from to", "covered until")
    out().print(table(columns, rows, numbers=("instruments", "closes")))


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="SET", help="Name of the price set.")], as_json: AsJson = False
) -> None:
    """Show a price set instrument by instrument."""
    found = connect().get(f"/v1/prices/{name}")
    if as_json:
        print_json(found)
        return
    out().print(f"{found['name']}: {_reach(found['covered_until'])}", markup=False)
    rows = [
        (
            i["symbol"],
            str(i["closes"]),
            f"{day(i['first'])} to {day(i['last'])}",
            " | ".join(i["aliases"]) or "–",
        )
        for i in found["instruments"]
    ]
    out().print(table(("symbol", "closes", "from to", "aliases"), rows, numbers=("closes",)))
