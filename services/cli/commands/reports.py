"""Reports, exports, and imports of runs: report, export, run import."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from services.cli.arguments import UsageError
from services.cli.commands.backfills import check_ended, wait_for
from services.cli.commands.runs import show
from services.cli.connect import connect
from services.cli.files.export import export_run
from services.cli.files.legacy_layout import read_legacy_run
from services.cli.options import AsJson, RunName
from services.cli.output.console import err, out, print_json, print_text
from services.cli.output.format import day
from services.cli.output.plot import trends

run_app = typer.Typer(help="Runs of other installations or of the predecessor: import.", no_args_is_help=True)


class ReportFormat(StrEnum):
    """Format of a report."""

    md = "md"
    json = "json"
    csv = "csv"


def write_text(file: Path, text: str) -> None:
    """Write a file as UTF-8, creating its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf8")


def _check_suffix(plot: Path) -> None:
    if plot.suffix.lower() != ".svg":
        raise UsageError(f"--plot {plot}: the plot is written as SVG; name a file that ends in .svg")


def report(
    run: RunName,
    form: Annotated[ReportFormat, typer.Option("--format", help="Markdown, JSON or CSV.")] = ReportFormat.md,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this file instead of standard output."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="FILE.svg", help="Draw the trends of days and panel into this SVG file as well."
        ),
    ] = None,
) -> None:
    """Print the report of a run: assessment, figures per day, trends, panel, failures with their reasons."""
    if plot is not None:
        _check_suffix(plot)
    client = connect()
    text = client.text(f"/v1/backfills/{run}/report", format=form.value)
    if plot is not None:
        write_text(plot, trends(client.get(f"/v1/backfills/{run}/report")))
        err().print(f"wrote {plot}")
    if output is None:
        print_text(text if text.endswith("\n") else f"{text}\n")
        return
    write_text(output, text)
    err().print(f"wrote {output}")


def export(
    run: RunName,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write to; created if it does not exist.")],
) -> None:
    """Export a run to files in the legacy layout: headlines, predictions, outcomes, evaluations, training, logs."""
    client = connect()
    with Progress(*Progress.get_default_columns(), console=err(), transient=True) as bar:
        task = bar.add_task(run, total=None)

        def show_progress(label: str, completed: int, total: int) -> None:
            bar.update(task, description=label, completed=completed, total=total)

        written = export_run(client, run, folder, show_progress)
    out().print(f"wrote {written.days} days of {run} to {written.folder} ({len(written.files)} files and checkpoints)")


@run_app.command("import")
def import_run(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder in the legacy layout.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the new run.")],
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until its scores are recomputed.")] = True,
    as_json: AsJson = False,
) -> None:
    """Import a run from a folder in the legacy layout; preset `legacy` recomputes its scores."""
    client = connect()
    with err().status(f"reading {folder}") as status:
        body = read_legacy_run(folder, name)
        status.update(f"importing {len(body['days'])} days as {name}")
        response = client.post("/v1/imports/runs", body)
    for skipped in response["skipped"]:
        err().print(f"{day(skipped['date'])} skipped: {skipped['reason']}", markup=False)
    run = wait_for(client, name) if wait else client.get(f"/v1/backfills/{name}")
    if as_json:
        print_json(run)
    else:
        show(run)
    if wait:
        check_ended(run)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel="Results")(report)
    app.command(rich_help_panel="Results")(export)
