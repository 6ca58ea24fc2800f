"""A warm process: it serves one request after another under their leases, and ends when one of them fails."""

from __future__ import annotations

import logging
import os
import queue
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, cast

from services.trainer.job import DONE
from shared.errors import ProcessFailedError
from shared.worker.steps import Lease

log = logging.getLogger(__name__)
LAST_LINES = 20


class _Child:
    """One running process. Both its streams are logged line by line, but for the lines that report a request done."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # a process group of its own, so that its children are killed with it
            start_new_session=True,
        )
        self.last: deque[str] = deque(maxlen=LAST_LINES)
        self._done: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._relay, daemon=True)
        self._reader.start()

    def send(self, request: Path) -> None:
        """Send a request; the last lines are those since then. Whether it was taken, `serves` shows."""
        self.last.clear()
        requests = cast(IO[str], self.process.stdin)
        try:
            requests.write(f"{request}\n")
            requests.flush()
        except BrokenPipeError:
            log.debug("process %d ended before it took the request", self.process.pid)

    def serves(self, request: Path, seconds: float) -> bool:
        """Wait some seconds for the request's end: false once it is done. Raises ProcessFailedError after a death."""
        try:
            done = self._done.get(timeout=seconds)
        except queue.Empty:
            done = ""
        if done is None or (not done and self.process.poll() is not None):
            raise ProcessFailedError(self.end())
        return done != str(request)

    def end(self) -> str:
        """Kill the process group, and say how the process ended, with its last lines."""
        status = self.process.poll()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            log.debug("process %d has ended", self.process.pid)
        own = self.process.wait()
        # the reader ends when the last writer of the pipe is dead: kill first, then join
        self._reader.join()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        return _why(own if status is None else status, self.last)

    def _relay(self) -> None:
        for line in self.process.stdout or ():
            text = line.rstrip()
            if text.startswith(DONE):
                self._done.put(text.removeprefix(DONE))
                continue
            self.last.append(text)
            log.info("%s", text)
        self._done.put(None)


class WarmProcess:
    """A process that is started when it is needed, and kept between requests for `idle` seconds (≥ 0).

    Its last argument is the id of the process that starts it, so that it can end with that. It gets each request as a
    line with a path on its standard input, and reports it done with a line of DONE and that path. It is ended with its
    process group when it fails, when a lease is revoked, and when no request came for `idle` seconds; the next request
    starts another one.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], idle: float) -> None:
        self._command, self._environment, self._idle = command, environment, idle
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._timer: threading.Timer | None = None

    @property
    def pid(self) -> int | None:
        """The process id, None while there is no process."""
        return self._child.process.pid if self._child is not None else None

    def start(self) -> None:
        """Start the process ahead of the first request; nothing if it would not be kept."""
        with self._lock:
            if self._idle and self._child is None:
                self._child = self._started()
                self._keep()

    def run(self, request: Path, lease: Lease, poll: float = 0.1) -> None:
        """Have the process do a request.

        Raises StoppedError once the lease is revoked (checked every `poll` seconds) and ProcessFailedError with the
        last lines if the process ends first.
        """
        lease.check()
        with self._lock:
            self._stop_timer()
            child = self._running()
            try:
                child.send(request)
                while child.serves(request, poll):
                    lease.check()
            except BaseException:
                self._end()
                raise
            self._keep()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _running(self) -> _Child:
        if self._child is not None and self._child.process.poll() is not None:
            log.info("%s, before this step; starting another", self._end())
        if self._child is None:
            self._child = self._started()
        return self._child

    def _started(self) -> _Child:
        return _Child([*self._command, str(os.getpid())], self._environment)

    def _keep(self) -> None:
        """Keep the process for the idle time. A timer that fires when it is not the present one does nothing."""
        if not self._idle:
            self._end()
            return
        self._timer = timer = threading.Timer(self._idle, lambda: self._end_idle(timer))
        timer.daemon = True
        timer.start()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _end_idle(self, timer: threading.Timer) -> None:
        with self._lock:
            if timer is self._timer:
                log.info("no step for %g seconds: ending the training process, which frees its memory", self._idle)
                self._end()

    def _end(self) -> str:
        """End the process if there is one, and say how it ended."""
        self._stop_timer()
        child, self._child = self._child, None
        return child.end() if child is not None else ""


def _why(status: int, last: Sequence[str]) -> str:
    killed = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
    hint = "; it probably ran out of memory" if status == -signal.SIGKILL else ""
    return "\n".join([f"the training process {killed}{hint}", *last])
