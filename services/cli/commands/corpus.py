"""`morrow corpus import | list | show`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from services.cli.client import Client, Json
from services.cli.connect import connect
from services.cli.files.headlines import read_headlines
from services.cli.options import AsJson
from services.cli.output.console import err, out, print_json, table
from services.cli.output.format import day

app = typer.Typer(help="Headlines: import them, list them.", no_args_is_help=True)
MOST_BAD_SHOWN = 20
CorpusName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the corpus.")]


class CorpusFormat(StrEnum):
    """How headlines lie in files."""

    daily_json = "daily-json"
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"


class Filing(StrEnum):
    """What an import does with dates."""

    keep = "keep"
    regroup = "regroup"


def import_corpus(
    client: Client,
    path: Path,
    name: str,
    *,
    form: str | None = None,
    timezone: str = "UTC",
    stale_after: float = 3.0,
    dates: str = "keep",
    skip_bad: bool = False,
) -> Json:
    """Read the files below `path` and import them; returns what the coordinator did."""
    with err().status(f"reading {path}") as status:
        rows = read_headlines(path, form)
        status.update(f"importing {len(rows)} rows into {name}")
        body = {"timezone": timezone, "stale_after_days": stale_after, "dates": dates, "skip_bad": skip_bad}
        return client.post(f"/v1/corpora/{name}/imports", body | {"rows": rows})


def show_import(done: Json) -> None:
    """Print what an import did, its bad rows and its advice."""
    console = out()
    parts = [f"{done['added']} headlines added"]
    parts += [f"{done['unchanged']} were there already"] if done["unchanged"] else []
    parts += [f"{done['duplicates']} duplicates folded"] if done["duplicates"] else []
    console.print(f"{done['corpus']}: {', '.join(parts)}; {_over(done['days'])}", markup=False)
    for bad in done["bad"][:MOST_BAD_SHOWN]:
        console.print(f"  skipped {bad['origin']}: {bad['reason']}", markup=False)
    if len(done["bad"]) > MOST_BAD_SHOWN:
        console.print(f"  … and {len(done['bad']) - MOST_BAD_SHOWN} more bad rows")
    for line in done["advice"]:
        console.print(line, markup=False, style="yellow")


def _over(days: list[Json]) -> str:
    dates = sorted(d["date"] for d in days)
    number = f"{len(dates)} day{'s' if len(dates) != 1 else ''}"
    return f"{number}, {day(dates[0])} to {day(dates[-1])}" if dates else number


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file, or a folder of them.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The corpus to fill; made if it is new.")],
    form: Annotated[
        CorpusFormat | None, typer.Option("--format", help="How the headlines lie in files; guessed if not given.")
    ] = None,
    timezone: Annotated[str, typer.Option(metavar="TZ", help="IANA time zone in which the days begin.")] = "UTC",
    stale_after: Annotated[
        float, typer.Option(metavar="DAYS", min=0, help="Flag headlines published longer before their day.")
    ] = 3.0,
    dates: Annotated[
        Filing, typer.Option(help="Keep the files' dates, or regroup headlines under the day of their publication.")
    ] = Filing.keep,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Import the sound rows and report the bad ones.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import headlines from files: all or nothing, and the same files again change nothing."""
    done = import_corpus(
        connect(),
        path,
        name,
        form=form.value if form else None,
        timezone=timezone,
        stale_after=stale_after,
        dates=dates.value,
        skip_bad=skip_bad,
    )
    if as_json:
        print_json(done)
    else:
        show_import(done)


def _flags(flagged: Json) -> str:
    return ", ".join(f"{number} {name}" for name, number in flagged.items() if number) or "–"


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the corpora."""
    items = list(connect().items("/v1/corpora"))
    if as_json:
        print_json(items)
        return
    if not items:
        out().print("no corpora yet: `morrow corpus import PATH --name NAME` makes one")
        return
    rows = [
        (
            c["name"],
            str(c["days"]),
            str(c["headlines"]),
            _flags(c["flagged"]),
            f"{day(c['first'])} to {day(c['last'])}",
            c["timezone"],
            "yes" if c["used"] else "no",
        )
        for c in items
    ]
    columns = ("corpus", "days", "headlines", "false dates", "from to", "time zone", "used")
    out().print(table(columns, rows, numbers=("days", "headlines")))


@app.command("show")
def show(name: CorpusName, as_json: AsJson = False) -> None:
    """Show a corpus day by day, with the headlines whose date is false."""
    client = connect()
    corpus = client.get(f"/v1/corpora/{name}")
    days = list(client.items(f"/v1/corpora/{name}/days"))
    if as_json:
        print_json(corpus | {"by_day": days})
        return
    used = "used by a run, so it takes headlines of later days only" if corpus["used"] else "not used yet"
    out().print(f"{corpus['name']}: {corpus['headlines']} headlines, time zone {corpus['timezone']}, {used}")
    rows = [(day(d["date"]), str(d["headlines"]), str(d["late"] or "–"), str(d["stale"] or "–")) for d in days]
    out().print(table(("day", "headlines", "late", "stale"), rows, numbers=("headlines", "late", "stale")))
