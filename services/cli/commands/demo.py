"""`morrow demo`: a backfill of a few days of the sample corpus, with real servers, model and training."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from services.cli.arguments import UsageError
from services.cli.client import Client, Json
from services.cli.commands.backfills import check_ended
from services.cli.commands.corpus import import_corpus, show_import
from services.cli.commands.reports import write_text
from services.cli.commands.runs import show
from services.cli.commands.stack import start_detached
from services.cli.connect import connect, local_home
from services.cli.local.home import Home
from services.cli.local.state import supervisor_pid
from services.cli.output.console import err, out
from services.cli.output.format import FINAL_RUN_STATES, span
from services.cli.output.summary import costs, summary
from services.cli.output.watch import Follower
from shared.errors import NotFoundError

CORPUS = "sample"
SAMPLE = Path(__file__).parents[1] / "sample_corpus"
DAYS, HEADLINES = 4, 3


@contextmanager
def _stack(home: Home) -> Iterator[None]:
    """Use the running stack, or start one and stop it at the end of the block."""
    if os.environ.get("MORROW_URL") or supervisor_pid(home) is not None:
        err().print("using the running stack")
        yield
        return
    from services.cli.local.control import stop_stack

    err().print(f"starting the stack in {home.root}")
    # Tied to this process: an interrupted demo leaves no stack behind.
    start_detached(home, tied=True)
    try:
        yield
    finally:
        with err().status("stopping the stack"):
            stop_stack(home)


def _corpus_days(client: Client) -> list[str]:
    try:
        client.get(f"/v1/corpora/{CORPUS}")
    except NotFoundError:
        show_import(import_corpus(client, SAMPLE, CORPUS, form="daily-json"))
    return [d["date"] for d in client.items(f"/v1/corpora/{CORPUS}/days")]


def is_demo(run: Json) -> bool:
    """Whether this command created the run."""
    return run.get("corpus") == CORPUS and str(run["name"]).startswith("demo-")


def next_name(taken: set[str]) -> str:
    """demo-N with the lowest N ≥ 1 that is not taken."""
    number = 1
    while f"demo-{number}" in taken:
        number += 1
    return f"demo-{number}"


def start_run(client: Client, days: int, headlines: int) -> str:
    """Resume an unfinished demo run or create a new one; returns its name.

    Raises UsageError for more days than the sample corpus can settle.
    """
    runs = list(client.items("/v1/backfills"))
    unfinished = next((run for run in runs if is_demo(run) and run["state"] not in FINAL_RUN_STATES), None)
    if unfinished is not None:
        name = str(unfinished["name"])
        err().print(f"resuming {name}, which has not finished")
        if unfinished["state"] == "paused":
            client.post(f"/v1/backfills/{name}/resume")
        return name
    dates = _corpus_days(client)
    if days >= len(dates):
        raise UsageError(
            f"--days {days}: the sample corpus has {len(dates)} days, and the last one only settles the others"
        )
    name = next_name({run["name"] for run in runs})
    body = {"name": name, "corpus": CORPUS, "from": dates[0], "to": dates[days - 1], "config": {"headlines": headlines}}
    run = client.post("/v1/backfills", body)
    config = run["config"]
    err().print(
        f"{name}: days × headlines × rollouts = {days} × {headlines} × {config['rollouts']}, {config['base_model']}, "
        "an update and a checkpoint after each day"
    )
    return name


def show_results(client: Client, home: Home, name: str) -> None:
    """Write the report files; print the report's table, the paths of reports and checkpoints, and the next commands."""
    reports = {form: home.reports / f"{name}.{form}" for form in ("md", "json")}
    for form, file in reports.items():
        write_text(file, client.text(f"/v1/backfills/{name}/report", format=form))
    report = json.loads(reports["json"].read_text("utf8"))
    console = out()
    console.print(summary(report))
    console.print(f"work         {costs(report)}")
    for file in reports.values():
        console.print(f"report       {file}", soft_wrap=True)
    for checkpoint in client.items(f"/v1/backfills/{name}/checkpoints"):
        console.print(f"checkpoint   {home.checkpoints / checkpoint['uri']}", soft_wrap=True)
    console.print(f"next         morrow up --detach · morrow days {name} · morrow export {name} DIR · morrow down")


def demo(
    days: Annotated[int, typer.Option(min=1, max=10, help="Number of days to backfill.")] = DAYS,
    headlines: Annotated[int, typer.Option(min=1, help="Number of headlines per day.")] = HEADLINES,
) -> None:
    """Backfill a few days of the sample corpus with a real model, and print the report."""
    home = local_home()
    started = time.monotonic()
    with _stack(home):
        client = connect()
        name = start_run(client, days, headlines)
        try:
            run = Follower(client, err()).follow(name)
        except KeyboardInterrupt:
            err().print(f"stopped; {name} keeps its results: `morrow demo` resumes it")
            raise
        if run["state"] == "completed":
            show_results(client, home, name)
            err().print(f"done in {span(time.monotonic() - started)}")
        else:
            show(run)
        check_ended(run)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Local stack")(demo)
