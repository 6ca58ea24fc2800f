"""A supervised process: its lines, its end, its death, and the death of its worker."""

from __future__ import annotations

import logging
import os
import select
import sys

import pytest

from services.trainer.subprocess import supervise
from shared.errors import ProcessFailedError, StoppedError
from shared.worker.steps import Lease

FOREVER = "import subprocess, sys, time; print('up', flush=True); time.sleep(600)"


def run(code: str, lease: Lease | None = None) -> None:
    supervise([sys.executable, "-c", code], os.environ, lease or Lease(1, 1), poll=0.01)


def ends(pid: int) -> bool:
    """Whether a process is dead, or dies within half a minute."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    readable, _, _ = select.select([descriptor], [], [], 30)
    os.close(descriptor)
    return bool(readable)


class StopAtLine(logging.Handler):
    """Does something when the process says a word."""

    def __init__(self, word: str, lease: Lease) -> None:
        super().__init__()
        self.word, self.lease = word, lease

    def emit(self, record: logging.LogRecord) -> None:
        if self.word in record.getMessage():
            self.lease.revoke("the run was cancelled")


def test_both_streams_are_logged_line_by_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    run("import sys; print('loss .5'); print('a warning', file=sys.stderr)")
    assert {"loss .5", "a warning"} <= set(caplog.messages)


def test_crash_is_reported_with_its_last_lines_and_is_retryable() -> None:
    with pytest.raises(ProcessFailedError, match="ended with status 1") as caught:
        run("print('before'); raise ValueError('no luck')")
    assert caught.value.retryable
    assert "before" in caught.value.detail
    assert "ValueError: no luck" in caught.value.detail


def test_crash_report_has_only_the_last_lines() -> None:
    with pytest.raises(ProcessFailedError) as caught:
        run("[print(f'line {n}') for n in range(100)]; raise SystemExit(3)")
    assert "line 99" in caught.value.detail
    assert "line 50" not in caught.value.detail


def test_sigkill_is_reported_as_probably_out_of_memory() -> None:
    with pytest.raises(ProcessFailedError, match=r"killed by SIGKILL; it probably ran out of memory"):
        run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")


def test_other_signals_are_reported_by_name() -> None:
    with pytest.raises(ProcessFailedError, match=r"killed by SIGTERM$"):
        run("import os, signal; os.kill(os.getpid(), signal.SIGTERM)")


def test_a_revoked_lease_kills_the_process_and_what_it_started(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lease = Lease(1, 1)
    handler = StopAtLine("grandchild", lease)
    logging.getLogger("services.trainer.subprocess").addHandler(handler)
    code = (
        "import subprocess, sys, time; "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        "print('grandchild', child.pid, flush=True); time.sleep(600)"
    )
    try:
        with pytest.raises(StoppedError, match="the run was cancelled"):
            run(code, lease)
    finally:
        logging.getLogger("services.trainer.subprocess").removeHandler(handler)
    assert ends(int(caplog.messages[-1].split()[-1]))


def test_a_lease_revoked_before_the_start_stops_at_once() -> None:
    lease = Lease(1, 1)
    lease.revoke("too late")
    with pytest.raises(StoppedError, match="too late"):
        run(FOREVER, lease)
