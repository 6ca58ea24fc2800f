from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from services.cli.local import supervisor
from services.cli.local.diagnosis import why_it_died
from services.cli.local.process import Part
from services.cli.local.supervisor import Kept, Supervisor
from shared.errors import StoppedError, UnavailableError

SLEEPER = "import time; print('it is ready.', flush=True); time.sleep(60)"


def part(name: str, code: str, folder: Path, **changes: object) -> Part:
    settings: dict[str, object] = {"ready_line": "ready.", "patience": 20.0} | changes
    return Part(name, (sys.executable, "-c", code), dict(os.environ), folder, **settings)  # type: ignore[arg-type]


class Stage:
    """A supervisor over real processes, what it reported, and a way to let it keep them until something happened."""

    def __init__(self, folder: Path, *parts: Part) -> None:
        self.said: list[tuple[str, str, str]] = []
        self.stop, self.wake = threading.Event(), threading.Event()
        self.until: Callable[[], bool] = lambda: False
        self.supervisor = Supervisor(parts, folder, self.hear, stop=self.stop, wake=self.wake)

    def hear(self, kept: Kept, phase: str, detail: str) -> None:
        self.said.append((kept.part.name, phase, detail))
        if self.until():
            self.stop.set()

    def phases(self, name: str) -> list[str]:
        return [phase for who, phase, _ in self.said if who == name]

    def kept(self, name: str) -> Kept:
        return next(kept for kept in self.supervisor.kept if kept.part.name == name)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def make(*parts: Part) -> Stage:
        made.append(Stage(tmp_path, *parts))
        return made[-1]

    yield make
    for each in made:
        each.supervisor.stop()


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_BACKOFF", 0.05)
    monkeypatch.setattr(supervisor, "_GLANCE", 0.02)


def test_a_stage_waits_for_the_one_before(stage: Callable[..., Stage], tmp_path: Path) -> None:
    s = stage(part("late", SLEEPER, tmp_path), part("early", SLEEPER, tmp_path, stage=0))
    s.supervisor.start()
    assert [(who, phase) for who, phase, _ in s.said] == [
        ("early", "starting"),
        ("early", "ready"),
        ("late", "starting"),
        ("late", "ready"),
    ]


def test_a_killed_part_is_started_again_with_a_growing_pause(stage: Callable[..., Stage], tmp_path: Path) -> None:
    s = stage(part("engine", SLEEPER, tmp_path))
    s.supervisor.start()
    first = s.kept("engine").process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    s.until = lambda: s.phases("engine").count("ready") == 2
    s.supervisor.keep()
    assert s.phases("engine") == ["starting", "ready", "restarting", "starting", "ready"]
    assert s.said[2][2].startswith("was killed by SIGKILL (log: ")
    assert s.kept("engine").process.pid != first
    assert s.kept("engine").backoff == 1.0


def test_children_of_a_killed_part_do_not_stay(stage: Callable[..., Stage], tmp_path: Path) -> None:
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]).wait()"
    s = stage(part("worker", code, tmp_path))
    s.supervisor.start()
    leader = s.kept("worker").process.pid
    assert leader is not None
    (child,) = psutil.Process(leader).children()
    os.kill(leader, signal.SIGKILL)
    s.until = lambda: "restarting" in s.phases("worker")
    s.supervisor.keep()
    psutil.wait_procs([child], timeout=5)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_missing_package_ends_the_start_with_its_cure(stage: Callable[..., Stage], tmp_path: Path) -> None:
    s = stage(part("trainer", "import no_such_package", tmp_path, cure="pip install 'morrow[trainer]'"))
    with pytest.raises(UnavailableError) as caught:
        s.supervisor.start()
    assert caught.value.detail == (
        "trainer cannot start: the package no_such_package is not installed: pip install 'morrow[trainer]'"
    )
    assert s.phases("trainer")[-1] == "failed"


def test_a_part_that_keeps_dying_ends_the_start(stage: Callable[..., Stage], tmp_path: Path) -> None:
    s = stage(part("web", "import sys; print('bad model'); sys.exit(3)", tmp_path))
    with pytest.raises(UnavailableError, match=r"web cannot start: ended with status 3: bad model \(log: .*web.log\)"):
        s.supervisor.start()
    assert s.phases("web").count("restarting") == supervisor.TRIES_AT_START


def test_a_part_that_never_gets_ready_ends_the_start(stage: Callable[..., Stage], tmp_path: Path) -> None:
    s = stage(part("engine", SLEEPER, tmp_path, is_ready=lambda: False, patience=0.1))
    with pytest.raises(UnavailableError, match="not ready after 0 s"):
        s.supervisor.start()


def test_a_program_that_is_not_there_is_named(stage: Callable[..., Stage], tmp_path: Path) -> None:
    s = stage(Part("valkey", ("/no/such/program",), {}, tmp_path))
    with pytest.raises(UnavailableError, match="valkey: cannot run /no/such/program"):
        s.supervisor.start()


def test_stopping_goes_by_rank_and_kills_what_does_not_listen(
    stage: Callable[..., Stage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
    monkeypatch.setattr(supervisor, "PATIENCE_AT_STOP", 0.3)
    s = stage(part("server", SLEEPER, tmp_path, stop_rank=3), part("worker", deaf, tmp_path))
    s.supervisor.start()
    s.supervisor.stop()
    assert [who for who, phase, _ in s.said if phase == "stopped"] == ["worker", "server"]
    assert s.kept("worker").process.exit_code() == -signal.SIGKILL
    assert s.kept("server").process.exit_code() == -signal.SIGTERM


def test_a_start_can_be_called_off(stage: Callable[..., Stage], tmp_path: Path) -> None:
    s = stage(part("engine", SLEEPER, tmp_path, is_ready=lambda: False))
    s.until = lambda: True
    with pytest.raises(StoppedError):
        s.supervisor.start()


def test_each_start_begins_a_log_and_keeps_the_last(stage: Callable[..., Stage], tmp_path: Path) -> None:
    (tmp_path / "engine.log").write_text("of the last time; it is ready.\n")
    s = stage(part("engine", SLEEPER, tmp_path))
    s.supervisor.start()
    assert (tmp_path / "engine.log").read_text() == "it is ready.\n"
    assert (tmp_path / "engine.log.1").read_text() == "of the last time; it is ready.\n"


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    code = f"""
import os, sys, threading
from pathlib import Path
from services.cli.local.process import Part
from services.cli.local.supervisor import Supervisor
part = Part("p", (sys.executable, "-c", {SLEEPER!r}), dict(os.environ), Path({str(tmp_path)!r}), ready_line="ready.")
said = lambda kept, phase, detail: print(phase, kept.process.pid, flush=True)
s = Supervisor([part], Path({str(tmp_path)!r}), said, stop=threading.Event(), wake=threading.Event())
s.start()
s.keep()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        line = next(line for line in running.stdout if line.startswith("ready"))
        child = psutil.Process(int(line.split()[1]))
        running.kill()
    deadline = time.monotonic() + 10
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("code", "tail", "said"),
    [
        (1, "Traceback\nModuleNotFoundError: No module named 'torch.nn'\n", "the package torch is not installed: cure"),
        (
            1,
            "[Errno 98] error while attempting to bind on address ('127.0.0.1', 8700): address already in use",
            "port 8700 is taken",
        ),
        (-11, "it is ready.", "was killed by SIGSEGV (log: x.log)"),
        (0, "2025-11-22 14:00:00,123 INFO done\n\n", "ended: INFO done (log: x.log)"),
    ],
)
def test_a_death_is_told_in_one_line(code: int, tail: str, said: str) -> None:
    line = why_it_died(code, tail, Path("x.log"), "cure")
    assert said in line
    assert "\n" not in line


def test_an_error_is_told_by_its_own_line_and_not_by_a_remark_behind_it() -> None:
    tail = (
        'sqlalchemy.exc.OperationalError: (psycopg.OperationalError) database "nope" does not exist\n'
        "(Background on this error at: a page)\n"
    )
    line = why_it_died(1, tail, Path("x.log"), "")
    assert 'database "nope" does not exist' in line
    assert "Background" not in line
