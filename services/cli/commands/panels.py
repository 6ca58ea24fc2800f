"""`morrow panel create | list | show`."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.arguments import iso_date
from services.cli.client import Json
from services.cli.connect import connect
from services.cli.options import DAY_FORMAT, AsJson
from services.cli.output.console import out, print_json, table
from services.cli.output.format import day

app = typer.Typer(help="Panels of held-out headlines: create, list, show.", no_args_is_help=True)
CorpusName = Annotated[str, typer.Argument(metavar="CORPUS", help="Name of the corpus.")]
PanelName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the panel.")]


def show_panel(panel: Json) -> None:
    """Print a panel: its headlines, its look-ahead note and the runs that are scored on it."""
    console = out()
    console.print(
        f"{panel['name']} of {panel['corpus']}: {panel['headlines']} headlines from {day(panel['first'])} to "
        f"{day(panel['last'])}, seed {panel['seed']}",
        markup=False,
    )
    rows = [(day(item["date"]), day(item["outcome_date"]), item["text"]) for item in panel["items"]]
    console.print(table(("day", "outcome", "headline"), rows))
    console.print(panel["look_ahead"], markup=False)
    if panel["runs"]:
        console.print(f"Runs scored on it: {', '.join(panel['runs'])}.", markup=False)
    else:
        console.print(f"To score a run on it: `morrow backfill --set panel={panel['name']}`.", markup=False)


@app.command("create")
def create(
    corpus: CorpusName,
    name: PanelName,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help=f"First day ({DAY_FORMAT}); default: the corpus' first.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help=f"Last day ({DAY_FORMAT}); default: the corpus' last.")
    ] = None,
    headlines: Annotated[int, typer.Option(metavar="N", min=1, help="Number of headlines.")] = 12,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="Random seed of the selection.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Create a panel: a fixed random selection of headlines with valid dates and a later day that settles them.

    No run over these headlines trains on them. The same command again shows the panel; a different selection needs
    another name.
    """
    body: Json = {"name": name, "headlines": headlines, "seed": seed}
    body |= {"from": iso_date(first), "to": iso_date(last)}
    panel = connect().post(f"/v1/corpora/{corpus}/panels", body)
    if as_json:
        print_json(panel)
    else:
        show_panel(panel)


@app.command("list")
def list_(
    corpus: Annotated[str | None, typer.Argument(metavar="[CORPUS]", help="Only the panels of this corpus.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the panels."""
    items = list(connect().items(f"/v1/corpora/{corpus}/panels" if corpus else "/v1/panels"))
    if as_json:
        print_json(items)
        return
    if not items:
        out().print("no panels yet: `morrow panel create CORPUS NAME` creates one")
        return
    rows = [
        (
            panel["corpus"],
            panel["name"],
            str(panel["headlines"]),
            f"{day(panel['first'])} to {day(panel['last'])}",
            str(panel["seed"]),
            ", ".join(panel["runs"]) or "–",
        )
        for panel in items
    ]
    columns = ("corpus", "panel", "headlines", "from to", "seed", "runs")
    out().print(table(columns, rows, numbers=("headlines", "seed")))


@app.command("show")
def show(corpus: CorpusName, name: PanelName, as_json: AsJson = False) -> None:
    """Show a panel's headlines with their days, and which policies look ahead on it."""
    panel = connect().get(f"/v1/corpora/{corpus}/panels/{name}")
    if as_json:
        print_json(panel)
    else:
        show_panel(panel)
