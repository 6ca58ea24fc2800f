"""Following a run to its end: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from services.cli.client import Client, Json
from services.cli.output.console import table
from services.cli.output.format import (
    FINAL_RUN_STATES,
    KINDS,
    brief,
    clock,
    coloured,
    day,
    fraction,
    share_done,
    span,
    took,
)
from services.cli.output.markup import styled
from shared.errors import UnavailableError

EVERY = 1.0
PATIENCE = 120.0
"""Seconds without an answer after which following gives up: a coordinator may be restarted meanwhile."""
_COLUMNS = ("day", "state", "generate", "evaluate", "train", "policy", "checkpoint", "took")


def picture(run: Json, days: Sequence[Json], note: str = "") -> RenderableType:
    """What the terminal shows, within 80 columns: one row per day, why days failed, and a bar with the time left.

    Once the days' profiles differ they take the place of the checkpoints, which are named by their days.
    """
    varies = len({d.get("profile") for d in days if d.get("started_at")}) > 1
    rows = [
        (
            day(d["date"]),
            coloured(d["state"]),
            *(share_done((d.get("steps") or {}).get(kind)) for kind in KINDS),
            brief(d.get("policy"), run["name"])[:8],
            _profile(d) if varies else brief(d.get("checkpoint"), run["name"])[:13],
            clock(d.get("started_at"), d.get("finished_at")),
        )
        for d in days
    ]
    reasons = [
        Text(f"{day(d['date'])} {d['state']}: {d['reason']}", style="red" if d["state"] == "failed" else "yellow")
        for d in days
        if d["state"] in ("failed", "skipped") and d.get("reason")
    ]
    columns = ["profile" if varies and name == "checkpoint" else name for name in _COLUMNS]
    made = table(columns, rows, numbers=("generate", "evaluate", "train", "took"))
    return Group(made, *reasons, _bar(run), *([Text(note, style="yellow")] if note else []))


def _profile(d: Json) -> str:
    return str(d.get("profile") or "–") if d.get("started_at") else ""


def _bar(run: Json) -> Table:
    progress = run.get("progress") or {}
    eta = progress.get("eta_seconds")
    line = Table.grid(padding=(0, 2))
    line.add_row(
        styled("[bold]{}[/] {}", run["name"], coloured(run["state"])),
        ProgressBar(total=1.0, completed=fraction(run), width=20),
        f"{fraction(run):.0%}",
        f"{progress.get('steps_done', 0)}/{progress.get('steps_total', 0)} steps",
        f"{span(eta)} left" if eta is not None and run["state"] not in FINAL_RUN_STATES else "",
        _panel(run.get("panel_days") or {}),
    )
    return line


def _panel(states: Mapping[str, int]) -> str:
    return f"panel {states.get('scored', 0)}/{sum(states.values())}" if states else ""


def changes(run: str, before: Mapping[str, Json], days: Sequence[Json]) -> list[str]:
    """Plain lines for the days whose state is not what it was before (keyed by date)."""
    said = []
    for d in days:
        was = before.get(d["date"], {}).get("state", "pending")
        if d["state"] != was:
            said.append(f"{day(d['date'])} {d['state']}{_about(run, d)}")
    return said


def _about(run: str, d: Json) -> str:
    if d["state"] == "generating":
        return f": {d.get('headlines', '?')} headlines, policy {brief(d.get('policy'), run)}"
    if d["state"] == "published":
        return f": checkpoint {brief(d.get('checkpoint'), run)} after {took(d.get('started_at'), d.get('finished_at'))}"
    return f": {d['reason']}" if d.get("reason") else ""


def _read(client: Client, name: str) -> tuple[Json, list[Json]]:
    return client.get(f"/v1/backfills/{name}"), list(client.items(f"/v1/backfills/{name}/days"))


class Follower:
    """Follows one run; `sleep` and `clock` can be replaced by a test."""

    def __init__(
        self,
        client: Client,
        console: Console,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._console = console
        self._sleep = sleep
        self._clock = clock
        self._heard = clock()
        self._note = ""

    def follow(self, name: str) -> Json:
        """Show the run until it has ended or nothing can go on; returns the run as it is then."""
        return self._live(name) if self._console.is_terminal else self._plain(name)

    def _poll(self, name: str) -> tuple[Json, list[Json]] | None:
        """What the coordinator says, or None while it does not answer; raises once patience is lost."""
        try:
            answer = _read(self._client, name)
        except UnavailableError:
            if self._clock() - self._heard > PATIENCE:
                raise
            self._note = "the coordinator does not answer; still trying"
            return None
        self._heard, self._note = self._clock(), ""
        return answer

    def _live(self, name: str) -> Json:
        shown: tuple[Json, list[Json]] | None = None
        with Live(console=self._console, refresh_per_second=4, transient=False) as live:
            while True:
                shown = self._poll(name) or shown
                if shown is not None:
                    live.update(picture(*shown, self._note))
                    if _is_over(shown[0]) and not self._note:
                        return shown[0]
                self._sleep(EVERY)

    def _plain(self, name: str) -> Json:
        before: dict[str, Json] = {}
        said = ""
        while True:
            answer = self._poll(name)
            if answer is not None:
                run, days = answer
                for line in changes(name, before, days):
                    self._console.print(f"{fraction(run):4.0%}  {line}", markup=False)
                before = {d["date"]: d for d in days}
                if _is_over(run):
                    return run
            if self._note != said and self._note:
                self._console.print(f"      {self._note}", markup=False)
            said = self._note
            self._sleep(EVERY)


def _is_over(run: Json) -> bool:
    """Whether nothing more will happen by itself: a waiting run goes on when later headlines or closes come."""
    return str(run["state"]) in FINAL_RUN_STATES | {"waiting"}
