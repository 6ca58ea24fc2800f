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

app = typer.Typer(help="Panels: headlines that no run over them is trained on.", no_args_is_help=True)
CorpusName = Annotated[str, typer.Argument(metavar="CORPUS", help="Name of the corpus.")]
PanelName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the panel.")]


def show_panel(panel: Json) -> None:
    """Print a panel with its headlines and what its dates mean."""
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
        console.print(f"Runs that are scored on it: {', '.join(panel['runs'])}.", markup=False)
    else:
        console.print(f"A run is scored on it with --set panel={panel['name']}.", markup=False)


@app.command("create")
def create(
    corpus: CorpusName,
    name: PanelName,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help=f"First day ({DAY_FORMAT}); the corpus' first.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help=f"Last day ({DAY_FORMAT}); the corpus' last.")
    ] = None,
    headlines: Annotated[int, typer.Option(metavar="N", min=1, help="How many headlines.")] = 12,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="Another seed chooses other headlines.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Choose a panel's headlines, once and for all: sound dates only, each with a later day that settles it.

    The same command again shows the panel; another choice needs another name.
    """
    body: Json = {"name": name, "headlines": headlines, "seed": seed}
    body |= {"from": iso_date(first), "to": iso_date(last)}
    made = connect().post(f"/v1/corpora/{corpus}/panels", body)
    if as_json:
        print_json(made)
    else:
        show_panel(made)


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
        out().print("no panels yet: `morrow panel create CORPUS NAME` makes one")
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
    """Show a panel's headlines with their days, and when figures on it are of foresight."""
    found = connect().get(f"/v1/corpora/{corpus}/panels/{name}")
    if as_json:
        print_json(found)
    else:
        show_panel(found)
