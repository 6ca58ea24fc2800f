"""A warm process: its requests, its lines, its end, its idle end, and the death of its worker."""

from __future__ import annotations

import logging
import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.trainer.job import DONE
from services.trainer.subprocess import WarmProcess
from shared.errors import ProcessFailedError, StoppedError
from shared.worker.steps import Lease

SERVE = f"""
import os, sys
def done(line):
    print({DONE!r} + line.strip(), flush=True)
for line in sys.stdin:
    word = line.strip()
    print('pid', os.getpid(), word, flush=True)
    if word == 'crash':
        raise ValueError('no luck')
    if word == 'many':
        [print('line', n) for n in range(100)]
        raise SystemExit(3)
    if word in ('9', '15'):
        os.kill(os.getpid(), int(word))
    if word == 'grandchild':
        import subprocess, time
        child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
        print('started', child.pid, flush=True)
        time.sleep(600)
    if word == 'quiet end':
        raise SystemExit(0)
    print('a warning', file=sys.stderr, flush=True)
    done(line)
    if word == 'last':
        break
"""


@contextmanager
def process(code: str = SERVE, idle: float = 60.0) -> Iterator[WarmProcess]:
    one = WarmProcess([sys.executable, "-c", code], os.environ, idle)
    try:
        yield one
    finally:
        one.close()


def do(one: WarmProcess, word: str, lease: Lease | None = None) -> None:
    one.run(Path(word), lease or Lease(1, 1), poll=0.01)


def pids(caplog: pytest.LogCaptureFixture) -> list[int]:
    """The process id behind each request, in order."""
    return [int(message.split()[1]) for message in caplog.messages if message.startswith("pid ")]


def ends(pid: int) -> bool:
    """Whether a process is dead, or dies within half a minute."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    readable, _, _ = select.select([descriptor], [], [], 30)
    os.close(descriptor)
    return bool(readable)


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_one_process_does_requests_one_after_another(caplog: pytest.LogCaptureFixture) -> None:
    with process() as one:
        do(one, "first")
        do(one, "second")
    (first, second) = pids(caplog)
    assert first == second


def test_both_streams_are_logged_before_a_request_ends_and_the_report_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with process() as one:
        do(one, "first")
        assert [message.split()[-1] for message in caplog.messages] == ["first", "warning"]


def test_a_process_started_ahead_does_the_first_request(caplog: pytest.LogCaptureFixture) -> None:
    with process("print('pid', __import__('os').getpid(), 'started', flush=True)" + SERVE) as one:
        one.start()
        while not pids(caplog):
            time.sleep(0.01)
        do(one, "first")
    started, first = pids(caplog)
    assert started == first


def test_crash_is_reported_with_its_last_lines_and_is_retryable() -> None:
    with process() as one, pytest.raises(ProcessFailedError, match="ended with status 1") as caught:
        do(one, "crash")
    assert caught.value.retryable
    assert "crash" in caught.value.detail
    assert "ValueError: no luck" in caught.value.detail


def test_after_a_crash_another_process_does_the_next_request(caplog: pytest.LogCaptureFixture) -> None:
    with process() as one:
        with pytest.raises(ProcessFailedError):
            do(one, "crash")
        do(one, "next")
    crashed, after = pids(caplog)
    assert crashed != after


def test_crash_report_has_only_the_last_lines_and_those_of_this_request() -> None:
    with process() as one:
        do(one, "before")
        with pytest.raises(ProcessFailedError) as caught:
            do(one, "crash")
        assert "before" not in caught.value.detail
        with pytest.raises(ProcessFailedError) as caught:
            do(one, "many")
    assert "line 99" in caught.value.detail
    assert "line 50" not in caught.value.detail


def test_end_without_a_report_is_a_failure_whatever_its_status() -> None:
    with process() as one, pytest.raises(ProcessFailedError, match="ended with status 0"):
        do(one, "quiet end")


def test_a_process_that_ended_after_its_request_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    with process() as one:
        do(one, "last")
        assert ends(pids(caplog)[0])
        do(one, "next")
    last, after = pids(caplog)
    assert last != after


def test_sigkill_is_reported_as_probably_out_of_memory() -> None:
    with process() as one, pytest.raises(ProcessFailedError, match="killed by SIGKILL; it probably ran out of memory"):
        do(one, "9")


def test_other_signals_are_reported_by_name() -> None:
    with process() as one, pytest.raises(ProcessFailedError, match=r"killed by SIGTERM\n"):
        do(one, "15")


class RevokeAt(logging.Handler):
    """Revokes a lease when the process says a word."""

    def __init__(self, word: str, lease: Lease) -> None:
        super().__init__()
        self.word, self.lease = word, lease

    def emit(self, record: logging.LogRecord) -> None:
        if self.word in record.getMessage():
            self.lease.revoke("the run was cancelled")


def test_a_revoked_lease_kills_the_process_and_what_it_started(caplog: pytest.LogCaptureFixture) -> None:
    lease = Lease(1, 1)
    handler = RevokeAt("started", lease)
    logging.getLogger("services.trainer.subprocess").addHandler(handler)
    try:
        with process() as one, pytest.raises(StoppedError, match="the run was cancelled"):
            do(one, "grandchild", lease)
    finally:
        logging.getLogger("services.trainer.subprocess").removeHandler(handler)
    assert ends(pids(caplog)[0])
    assert ends(int(caplog.messages[-1].split()[-1]))


def test_a_lease_revoked_before_the_start_stops_at_once_and_keeps_the_process(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lease = Lease(1, 1)
    lease.revoke("too late")
    with process() as one:
        do(one, "first")
        with pytest.raises(StoppedError, match="too late"):
            do(one, "second", lease)
        do(one, "third")
    first, third = pids(caplog)
    assert first == third


def test_an_idle_process_is_ended_and_the_next_request_starts_another(caplog: pytest.LogCaptureFixture) -> None:
    with process(idle=0.05) as one:
        do(one, "first")
        assert ends(pids(caplog)[0])
        do(one, "second")
    first, second = pids(caplog)
    assert first != second


def test_a_process_started_ahead_and_never_used_is_ended(caplog: pytest.LogCaptureFixture) -> None:
    with process("print('pid', __import__('os').getpid(), 'started', flush=True)" + SERVE, idle=0.5) as one:
        one.start()
        while not pids(caplog):
            time.sleep(0.01)
        assert ends(pids(caplog)[0])


def test_without_idle_time_each_request_has_a_process_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    with process(idle=0) as one:
        one.start()
        do(one, "first")
        do(one, "second")
    first, second = pids(caplog)
    assert first != second


def test_the_process_gets_its_workers_id_as_its_last_argument(caplog: pytest.LogCaptureFixture) -> None:
    with process("import sys; print('worker', sys.argv[-1], flush=True)\n" + SERVE) as one:
        do(one, "first")
    assert f"worker {os.getpid()}" in caplog.messages
