"""One supervised process: starts it so that it ends with its supervisor, and stops it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from shared.errors import UnavailableError
from shared.process import die_with as die_with_process


@dataclass(frozen=True)
class Part:
    """A process of the stack: its command, environment and working folder, and how it starts and stops.

    It is ready once `is_ready` returns True or, without `is_ready`, once `ready_line` is in its log. All parts of a
    `stage` are ready before the next stage starts; parts stop in order of `stop_rank`. The kernel sends it `die_with`
    when the supervisor dies. `account` holds its user and group id, `cure` the command that installs a missing
    package, and `ready_timeout` the seconds that it may take to become ready.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    is_ready: Callable[[], bool] | None = None
    ready_line: str = ""
    stage: int = 1
    stop_rank: int = 0
    stop_with: signal.Signals = signal.SIGTERM
    die_with: signal.Signals = signal.SIGKILL
    account: tuple[int, int] | None = None
    url: str | None = None
    cure: str = ""
    ready_timeout: float = 180.0


def spawn(
    command: Sequence[str],
    output: IO[bytes],
    environment: Mapping[str, str],
    folder: Path,
    *,
    die_with: int | None,
    account: tuple[int, int] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command in its own session, without input, with standard output and error to `output`.

    With `die_with`, the kernel sends it that signal when the calling thread ends: call it from the main thread.
    Raises OSError if the command cannot be run.
    """
    user, group = account or (None, None)
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=dict(environment),
        user=user,
        group=group,
        extra_groups=None if group is None else [],
        # Ctrl-C must reach the supervisor only, which stops parts in order; and killpg reaches a whole part.
        start_new_session=True,
        preexec_fn=None if die_with is None else partial(die_with_process, os.getpid(), die_with),  # noqa: PLW1509 - one thread
    )


class Process:
    """The current process of a part."""

    def __init__(self, part: Part, log: Path) -> None:
        self.part = part
        self.log = log
        self._child: subprocess.Popen[bytes] | None = None
        self.log_start = 0

    @property
    def pid(self) -> int | None:
        """Process id of the last start, or None before the first."""
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Start it in its own session, appending its output to its log; raises UnavailableError if it cannot be run."""
        self.log_start = self.log.stat().st_size if self.log.exists() else 0
        part = self.part
        with self.log.open("ab") as output:
            try:
                self._child = spawn(
                    part.command,
                    output,
                    part.environment,
                    part.folder,
                    die_with=part.die_with,
                    account=part.account,
                )
            except OSError as error:
                raise UnavailableError(f"{part.name}: cannot run {part.command[0]}: {error}") from error

    def exit_code(self) -> int | None:
        """The exit status (negative: the number of the signal that ended it), or None while it runs."""
        return None if self._child is None else self._child.poll()

    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    def send_stop(self) -> None:
        """Send the part's stop signal if it runs."""
        if self.is_running() and self._child is not None:
            self._child.send_signal(self.part.stop_with)

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` for its end; returns whether it ended."""
        if self._child is None:
            return True
        try:
            self._child.wait(max(seconds, 0))
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill_session(self) -> None:
        """Kill the remaining processes of its session: itself, and the children of a killed leader."""
        if self._child is None:
            return
        try:
            # A session's leader has its pid as the group's id.
            os.killpg(self._child.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            self._child.poll()

    def log_tail(self, size: int = 20_000) -> str:
        """The last `size` bytes of its log since its last start, as text."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(self.log_start, end - size))
            return file.read().decode("utf8", "replace")
