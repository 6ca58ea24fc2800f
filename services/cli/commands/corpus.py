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
from services.cli.output.format import day, skipped_rows

app = typer.Typer(help="Corpora of headlines: import, list, show.", no_args_is_help=True)
CorpusName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the corpus.")]


class CorpusFormat(StrEnum):
    """Format of headline files."""

    daily_json = "daily-json"
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"


class DateHandling(StrEnum):
    """The day that an import assigns to a headline: its date in the file, or that of its publication."""

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
    """Read the files at `path` and import them; returns the coordinator's summary of the import.

    `stale_after` is in days. Raises InvalidInputError for unreadable files and, without `skip_bad`, for bad rows.
    """
    with err().status(f"reading {path}") as status:
        rows = read_headlines(path, form)
        status.update(f"importing {len(rows)} rows into {name}")
        body = {"timezone": timezone, "stale_after_days": stale_after, "dates": dates, "skip_bad": skip_bad}
        return client.post(f"/v1/corpora/{name}/imports", body | {"rows": rows})


def show_import(summary: Json) -> None:
    """Print the summary of an import: counts, skipped rows, advice on dates."""
    console = out()
    parts = [f"{summary['added']} headlines added"]
    parts += [f"{summary['unchanged']} unchanged"] if summary["unchanged"] else []
    parts += [f"{summary['duplicates']} duplicates merged"] if summary["duplicates"] else []
    console.print(f"{summary['corpus']}: {', '.join(parts)}; {_period(summary['days'])}", markup=False)
    for line in skipped_rows(summary["bad"]):
        console.print(line, markup=False)
    for line in summary["advice"]:
        console.print(line, markup=False, style="yellow")


def _period(days: list[Json]) -> str:
    dates = sorted(d["date"] for d in days)
    number = f"{len(dates)} day{'s' if len(dates) != 1 else ''}"
    return f"{number}, {day(dates[0])} to {day(dates[-1])}" if dates else number


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file of headlines, or a folder of such files.")],
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Corpus to import into; created if it does not exist.")
    ],
    form: Annotated[
        CorpusFormat | None, typer.Option("--format", help="Format of the files; guessed by default.")
    ] = None,
    timezone: Annotated[str, typer.Option(metavar="TZ", help="IANA time zone of the corpus' days.")] = "UTC",
    stale_after: Annotated[
        float, typer.Option(metavar="DAYS", min=0, help="Flag headlines published more days before their day.")
    ] = 3.0,
    dates: Annotated[
        DateHandling, typer.Option(help="Keep the dates of the files, or regroup by day of publication.")
    ] = DateHandling.keep,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Import the valid rows and report the bad ones.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import headlines from files, all or none. Importing the same files again changes nothing."""
    summary = import_corpus(
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
        print_json(summary)
    else:
        show_import(summary)


def _flag_counts(flagged: Json) -> str:
    return ", ".join(f"{number} {name}" for name, number in flagged.items() if number) or "–"


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the corpora."""
    items = list(connect().items("/v1/corpora"))
    if as_json:
        print_json(items)
        return
    if not items:
        out().print("no corpora yet: `morrow corpus import PATH --name NAME` creates one")
        return
    rows = [
        (
            c["name"],
            str(c["days"]),
            str(c["headlines"]),
            _flag_counts(c["flagged"]),
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
    """Show the days of a corpus, with their headlines whose date is false (late or stale)."""
    client = connect()
    corpus = client.get(f"/v1/corpora/{name}")
    days = list(client.items(f"/v1/corpora/{name}/days"))
    if as_json:
        print_json(corpus | {"by_day": days})
        return
    used = "used by a run: only headlines of later days can be added" if corpus["used"] else "not yet used by a run"
    out().print(f"{corpus['name']}: {corpus['headlines']} headlines, time zone {corpus['timezone']}, {used}")
    rows = [(day(d["date"]), str(d["headlines"]), str(d["late"] or "–"), str(d["stale"] or "–")) for d in days]
    out().print(table(("day", "headlines", "late", "stale"), rows, numbers=("headlines", "late", "stale")))
