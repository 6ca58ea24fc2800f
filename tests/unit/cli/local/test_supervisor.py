"""Parts are started in stages, restarted after they end, and stopped in order."""

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
from services.cli.local.diagnosis import exit_reason
from services.cli.local.process import Part
from services.cli.local.supervisor import Child, Supervisor
from shared.errors import StoppedError, UnavailableError

SLEEPER = "import time; print('it is ready.', flush=True); time.sleep(60)"


def part(name: str, code: str, folder: Path, **changes: object) -> Part:
    settings: dict[str, object] = {"ready_line": "ready.", "ready_timeout": 20.0} | changes
    return Part(name, (sys.executable, "-c", code), dict(os.environ), folder, **settings)  # type: ignore[arg-type]


class Stage:
    """A supervisor of real processes and its reports; supervision stops once `until` returns True."""

    def __init__(self, folder: Path, *parts: Part) -> None:
        self.reports: list[tuple[str, str, str]] = []
        self.stop, self.wake = threading.Event(), threading.Event()
        self.until: Callable[[], bool] = lambda: False
        self.supervisor = Supervisor(parts, folder, self.record, stop=self.stop, wake=self.wake)

    def record(self, child: Child, phase: str, detail: str) -> None:
        self.reports.append((child.part.name, phase, detail))
        if self.until():
            self.stop.set()

    def phases(self, name: str) -> list[str]:
        return [phase for part_name, phase, _ in self.reports if part_name == name]

    def child(self, name: str) -> Child:
        return next(child for child in self.supervisor.children if child.part.name == name)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    stages: list[Stage] = []

    def make(*parts: Part) -> Stage:
        stages.append(Stage(tmp_path, *parts))
        return stages[-1]

    yield make
    for each in stages:
        each.supervisor.stop()


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "MIN_BACKOFF", 0.05)
    monkeypatch.setattr(supervisor, "_POLL_SECONDS", 0.02)
    monkeypatch.setattr(supervisor, "_IDLE_SECONDS", 0.05)  # no SIGCHLD wakes a supervisor of a test


def test_stage_starts_after_the_previous_one_is_ready(stage: Callable[..., Stage], tmp_path: Path) -> None:
    s = stage(part("late", SLEEPER, tmp_path), part("early", SLEEPER, tmp_path, stage=0))
    s.supervisor.start()
    assert [(name, phase) for name, phase, _ in s.reports] == [
        ("early", "starting"),
        ("early", "ready"),
        ("late", "starting"),
        ("late", "ready"),
    ]


def test_killed_part_is_restarted_with_growing_backoff(stage: Callable[..., Stage], tmp_path: Path) -> None:
    s = stage(part("engine", SLEEPER, tmp_path))
    s.supervisor.start()
    first = s.child("engine").process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    s.until = lambda: s.phases("engine").count("ready") == 2
    s.supervisor.supervise()
    assert s.phases("engine") == ["starting", "ready", "restarting", "starting", "ready"]
    assert s.reports[2][2].startswith("was killed by SIGKILL (log: ")
    assert s.child("engine").process.pid != first
    assert s.child("engine").backoff == 1.0


def test_children_of_a_killed_part_are_killed(stage: Callable[..., Stage], tmp_path: Path) -> None:
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]).wait()"
    s = stage(part("worker", code, tmp_path))
    s.supervisor.start()
    leader = s.child("worker").process.pid
    assert leader is not None
    (child,) = psutil.Process(leader).children()
    os.kill(leader, signal.SIGKILL)
    s.until = lambda: "restarting" in s.phases("worker")
    s.supervisor.supervise()
    psutil.wait_procs([child], timeout=5)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_missing_package_fails_the_start_with_the_cure(stage: Callable[..., Stage], tmp_path: Path) -> None:
    s = stage(part("trainer", "import no_such_package", tmp_path, cure="pip install 'morrow[trainer]'"))
    with pytest.raises(UnavailableError) as caught:
        s.supervisor.start()
    assert caught.value.detail == (
        "trainer cannot start: the package no_such_package is not installed: pip install 'morrow[trainer]'"
    )
    assert s.phases("trainer")[-1] == "failed"


def test_part_that_keeps_exiting_fails_the_start(stage: Callable[..., Stage], tmp_path: Path) -> None:
    s = stage(part("web", "import sys; print('bad model'); sys.exit(3)", tmp_path))
    with pytest.raises(UnavailableError, match=r"web cannot start: ended with status 3: bad model \(log: .*web.log\)"):
        s.supervisor.start()
    assert s.phases("web").count("restarting") == supervisor.MAX_START_RESTARTS


def test_part_that_is_never_ready_fails_the_start(stage: Callable[..., Stage], tmp_path: Path) -> None:
    s = stage(part("engine", SLEEPER, tmp_path, is_ready=lambda: False, ready_timeout=0.1))
    with pytest.raises(UnavailableError, match="not ready after 0 s"):
        s.supervisor.start()


def test_missing_program_is_named(stage: Callable[..., Stage], tmp_path: Path) -> None:
    s = stage(Part("valkey", ("/no/such/program",), {}, tmp_path))
    with pytest.raises(UnavailableError, match="valkey: cannot run /no/such/program"):
        s.supervisor.start()


def test_stop_goes_by_rank_and_kills_parts_that_ignore_the_signal(
    stage: Callable[..., Stage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
    monkeypatch.setattr(supervisor, "STOP_TIMEOUT", 0.3)
    s = stage(part("server", SLEEPER, tmp_path, stop_rank=3), part("worker", deaf, tmp_path))
    s.supervisor.start()
    s.supervisor.stop()
    assert [name for name, phase, _ in s.reports if phase == "stopped"] == ["worker", "server"]
    assert s.child("worker").process.exit_code() == -signal.SIGKILL
    assert s.child("server").process.exit_code() == -signal.SIGTERM


def test_start_can_be_interrupted(stage: Callable[..., Stage], tmp_path: Path) -> None:
    s = stage(part("engine", SLEEPER, tmp_path, is_ready=lambda: False))
    s.until = lambda: True
    with pytest.raises(StoppedError):
        s.supervisor.start()


def test_start_rotates_the_log_once(stage: Callable[..., Stage], tmp_path: Path) -> None:
    (tmp_path / "engine.log").write_text("of the last time; it is ready.\n")
    s = stage(part("engine", SLEEPER, tmp_path))
    s.supervisor.start()
    assert (tmp_path / "engine.log").read_text() == "it is ready.\n"
    assert (tmp_path / "engine.log.1").read_text() == "of the last time; it is ready.\n"


def test_part_ends_with_its_killed_supervisor(tmp_path: Path) -> None:
    code = f"""
import os, sys, threading
from pathlib import Path
from services.cli.local.process import Part
from services.cli.local.supervisor import Supervisor
part = Part("p", (sys.executable, "-c", {SLEEPER!r}), dict(os.environ), Path({str(tmp_path)!r}), ready_line="ready.")
report = lambda child, phase, detail: print(phase, child.process.pid, flush=True)
s = Supervisor([part], Path({str(tmp_path)!r}), report, stop=threading.Event(), wake=threading.Event())
s.start()
s.supervise()
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
    ("code", "tail", "message"),
    [
        (1, "Traceback\nModuleNotFoundError: No module named 'torch.nn'\n", "the package torch is not installed: cure"),
        (
            1,
            "[Errno 98] error while attempting to bind on address ('127.0.0.1', 8700): address already in use",
            "port 8700 is in use",
        ),
        (-11, "it is ready.", "was killed by SIGSEGV (log: x.log)"),
        (0, "2025-11-22 14:00:00,123 INFO done\n\n", "ended: INFO done (log: x.log)"),
    ],
)
def test_exit_reason_is_one_line(code: int, tail: str, message: str) -> None:
    line = exit_reason(code, tail, Path("x.log"), "cure")
    assert message in line
    assert "\n" not in line


def test_exit_reason_is_the_error_line_and_not_a_later_remark() -> None:
    tail = (
        'sqlalchemy.exc.OperationalError: (psycopg.OperationalError) database "nope" does not exist\n'
        "(Background on this error at: a page)\n"
    )
    line = exit_reason(1, tail, Path("x.log"), "")
    assert 'database "nope" does not exist' in line
    assert "Background" not in line
