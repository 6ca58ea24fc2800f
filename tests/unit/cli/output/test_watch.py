"""A run is followed to its end, with one line per change."""

from __future__ import annotations

import datetime as dt
import io
import re

import httpx
import pytest
from rich.console import Console

from services.cli.output.watch import MAX_SILENCE, Follower, changes, render
from shared.errors import UnavailableError
from tests.unit.cli.coordinator import FakeCoordinator, a_day, a_page, a_run

RUN, DAYS = "GET /v1/backfills/R", "GET /v1/backfills/R/days"
GENERATING = a_day(
    state="generating", policy="base", started_at="2025-11-22T12:00:00Z", steps={"generate": {"leased": 1}}
)
PUBLISHED = a_day(
    state="published",
    policy="base",
    checkpoint="R-20240909-0123456789ab",
    started_at="2025-11-22T12:00:00Z",
    finished_at="2025-11-22T12:01:05Z",
    steps={"generate": {"done": 1}, "evaluate": {"done": 1}, "train": {"done": 1}},
)


def rendered(value: object, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(value)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def follow(fake: FakeCoordinator, clock: list[float] | None = None) -> tuple[dict[str, object], str]:
    console = Console(file=io.StringIO(), width=140)
    times = iter(clock or [0.0] * 100)
    follower = Follower(fake.client(), console, sleep=lambda _: None, clock=lambda: next(times))
    run = follower.follow("R")
    assert isinstance(console.file, io.StringIO)
    return run, console.file.getvalue()


def test_table_has_a_row_per_day_and_a_bar_with_the_remaining_time() -> None:
    text = rendered(render(a_run(), [PUBLISHED, a_day(date="2024-09-10")]))
    assert re.search(r"20240909 +published +1/1 +1/1 +1/1 +base +20240909-0123 +1:05", text)
    assert "33%" in text
    assert "3/9 steps" in text
    assert "2 min 05 s left" in text
    assert max(map(len, rendered(render(a_run(), [PUBLISHED]), 80).splitlines())) <= 80


def test_varying_profile_replaces_the_checkpoint_within_80_columns() -> None:
    assert "tight" not in rendered(render(a_run(), [PUBLISHED, a_day(date="2024-09-10", profile="loose")]))
    now = dt.datetime.now(dt.UTC).isoformat()
    current = GENERATING | {"date": "2024-09-10", "profile": "default", "started_at": now}
    text = rendered(render(a_run(), [PUBLISHED, current]), 80)
    assert re.search(r"20240909 +published +1/1 +1/1 +1/1 +base +tight +1:05", text)
    assert re.search(r"20240910 +generating .* base +default", text)
    assert max(map(len, text.splitlines())) <= 80


def test_panel_days_are_counted_beside_the_steps() -> None:
    assert "panel 2/5" in rendered(render(a_run(panel_days={"scored": 2, "pending": 3}), [PUBLISHED]))


def test_follower_returns_a_waiting_run() -> None:
    fake = FakeCoordinator().on(RUN, a_run(state="waiting")).on(DAYS, a_page(a_day(state="maturing")))
    run, text = follow(fake)
    assert run["state"] == "waiting"
    assert "20240909 maturing" in text


def test_failed_day_shows_its_reason() -> None:
    assert "engine out of memory" in rendered(render(a_run(), [a_day(state="failed", reason="engine out of memory")]))


def test_only_changed_days_have_a_line() -> None:
    days = [PUBLISHED, a_day(date="2024-09-10", state="generating", policy="base")]
    lines = changes("R", {"2024-09-09": GENERATING}, days)
    assert lines == [
        "20240909 published: checkpoint 20240909-0123456789ab after 1 min 05 s",
        "20240910 generating: 3 headlines, policy base",
    ]
    assert changes("R", {d["date"]: d for d in days}, days) == []


def test_follower_returns_the_ended_run_and_prints_each_change_once() -> None:
    done = a_run(state="completed", progress={"steps_done": 9, "steps_total": 9, "fraction": 1.0, "eta_seconds": 0})
    fake = FakeCoordinator().on(RUN, a_run(), a_run(), done)
    fake.on(DAYS, a_page(GENERATING), a_page(GENERATING), a_page(PUBLISHED))
    run, text = follow(fake)
    assert run["state"] == "completed"
    assert text.splitlines() == [
        " 33%  20240909 generating: 3 headlines, policy base",
        "100%  20240909 published: checkpoint 20240909-0123456789ab after 1 min 05 s",
    ]


def test_follower_outlasts_a_restart_of_the_coordinator() -> None:
    fake = FakeCoordinator().on(RUN, httpx.ConnectError("refused"), a_run(state="failed"))
    fake.on(DAYS, a_page(a_day(state="failed", reason="no engine")))
    run, text = follow(fake)
    assert run["state"] == "failed"
    assert "does not respond; still trying" in text


def test_follower_gives_up_after_max_silence() -> None:
    fake = FakeCoordinator().on(RUN, httpx.ConnectError("refused"))
    with pytest.raises(UnavailableError):
        follow(fake, clock=[0.0, 1.0, MAX_SILENCE + 1.0])
