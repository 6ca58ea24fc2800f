"""Follows a run until it ends: a live table on a terminal, one line per change elsewhere."""

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

POLL_SECONDS = 1.0
MAX_SILENCE = 120.0
"""Seconds without a response after which the follower gives up; long enough for a restart of the coordinator."""
_COLUMNS = ("day", "state", "generate", "evaluate", "train", "policy", "checkpoint", "took")


def render(run: Json, days: Sequence[Json], note: str = "") -> RenderableType:
    """The run within 80 columns: one row per day, the reasons of failed days, and a bar with the remaining time.

    If the days' profiles differ, they replace the column of checkpoints, whose names follow from the days.
    """
    varies = len({d.get("profile") for d in days if d.get("started_at")}) > 1
    rows = [
        (
            day(d["date"]),
            coloured(d["state"]),
            *(share_done((d.get("steps") or {}).get(kind)) for kind in KINDS),
            # A checkpoint's name begins with its date; 13 characters add four of its hash.
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
    grid = table(columns, rows, numbers=("generate", "evaluate", "train", "took"))
    return Group(grid, *reasons, _bar(run), *([Text(note, style="yellow")] if note else []))


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
    """One line per day whose state differs from that in `before` (keyed by ISO date)."""
    lines = []
    for d in days:
        # Every day begins as pending.
        previous = before.get(d["date"], {}).get("state", "pending")
        if d["state"] != previous:
            lines.append(f"{day(d['date'])} {d['state']}{_detail(run, d)}")
    return lines


def _detail(run: str, d: Json) -> str:
    if d["state"] == "generating":
        return f": {d.get('headlines', '?')} headlines, policy {brief(d.get('policy'), run)}"
    if d["state"] == "published":
        return f": checkpoint {brief(d.get('checkpoint'), run)} after {took(d.get('started_at'), d.get('finished_at'))}"
    return f": {d['reason']}" if d.get("reason") else ""


def _fetch(client: Client, name: str) -> tuple[Json, list[Json]]:
    return client.get(f"/v1/backfills/{name}"), list(client.items(f"/v1/backfills/{name}/days"))


class Follower:
    """Follows one run. `sleep` and `clock` (monotonic seconds) are parameters for tests."""

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
        self._last_response = clock()
        self._note = ""

    def follow(self, name: str) -> Json:
        """Show the run until it ends or waits for outcomes; returns its last state.

        Raises UnavailableError after MAX_SILENCE seconds without a response.
        """
        return self._live(name) if self._console.is_terminal else self._plain(name)

    def _poll(self, name: str) -> tuple[Json, list[Json]] | None:
        """The run and its days, or None while the coordinator does not respond."""
        try:
            response = _fetch(self._client, name)
        except UnavailableError:
            if self._clock() - self._last_response > MAX_SILENCE:
                raise
            self._note = "the coordinator does not respond; still trying"
            return None
        self._last_response, self._note = self._clock(), ""
        return response

    def _live(self, name: str) -> Json:
        shown: tuple[Json, list[Json]] | None = None
        with Live(console=self._console, refresh_per_second=4, transient=False) as live:
            while True:
                shown = self._poll(name) or shown
                if shown is not None:
                    live.update(render(*shown, self._note))
                    # With a note, the shown state is of an earlier response.
                    if _is_over(shown[0]) and not self._note:
                        return shown[0]
                self._sleep(POLL_SECONDS)

    def _plain(self, name: str) -> Json:
        before: dict[str, Json] = {}
        shown_note = ""
        while True:
            response = self._poll(name)
            if response is not None:
                run, days = response
                for line in changes(name, before, days):
                    self._console.print(f"{fraction(run):4.0%}  {line}", markup=False)
                before = {d["date"]: d for d in days}
                if _is_over(run):
                    return run
            if self._note != shown_note and self._note:
                self._console.print(f"      {self._note}", markup=False)
            shown_note = self._note
            self._sleep(POLL_SECONDS)


def _is_over(run: Json) -> bool:
    """Whether the run has ended or waits: a waiting run resumes only when later headlines or closes are imported."""
    return str(run["state"]) in FINAL_RUN_STATES | {"waiting"}
