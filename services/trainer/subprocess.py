"""Runs one process under a lease: its output is logged, and it never outlives the step."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import IO

from shared.errors import ProcessFailedError
from shared.worker.steps import Lease

log = logging.getLogger(__name__)
LAST_LINES = 20


def supervise(command: Sequence[str], environment: Mapping[str, str], lease: Lease, poll: float = 0.1) -> None:
    """Run a command to its end.

    Both its streams are logged line by line. Raises StoppedError once the lease is revoked (checked every `poll`
    seconds) and ProcessFailedError with the last lines for an exit status other than 0; its process group is killed
    before either.
    """
    process = subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # a process group of its own, so that its children are killed with it
        start_new_session=True,
    )
    last: deque[str] = deque(maxlen=LAST_LINES)
    reader = threading.Thread(target=_relay, args=(process.stdout, last), daemon=True)
    reader.start()
    try:
        while process.poll() is None:
            lease.stop.wait(poll)
            lease.check()
    finally:
        # the reader ends when the last writer of the pipe is dead: kill first, then join
        _kill_group(process)
        reader.join()
    if process.returncode != 0:
        raise ProcessFailedError(_why(process.returncode, last))


def _relay(stream: IO[str] | None, last: deque[str]) -> None:
    for line in stream or ():
        last.append(line.rstrip())
        log.info("%s", line.rstrip())


def _kill_group(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        log.debug("process %d has ended", process.pid)
    process.wait()


def _why(status: int, last: Sequence[str]) -> str:
    killed = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
    hint = "; it probably ran out of memory" if status == -signal.SIGKILL else ""
    return "\n".join([f"the training process {killed}{hint}", *last])
