"""One spawned process under a lease: its lines become ours, and it never outlives the step."""

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

    Both its streams go to the log line by line. Raises StoppedError once the lease is revoked (looked at every `poll`
    seconds) and ProcessFailedError with the last lines if it does not end well; its process group is dead by then.
    """
    process = subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
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
