"""One supervised process: how it is started so that it cannot outlive its supervisor, and how it is stopped."""

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
    """What to run. `is_ready` is asked until it says yes; without it, a part is ready once `ready_line` is in its log.

    Parts of a lower `stage` are ready before a higher one starts; stopping goes by `stop_rank`, lowest first.
    `die_with` is the signal the kernel sends when the supervisor dies. `cure` is what to install if a
    module is missing; `account` the user and group ids to run under; `patience` the seconds it may take to be ready.
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
    nice: int = 0
    url: str | None = None
    cure: str = ""
    patience: float = 180.0


def spawn(
    command: Sequence[str],
    output: IO[bytes],
    environment: Mapping[str, str],
    folder: Path,
    *,
    die_with: int | None,
    account: tuple[int, int] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, without input, all output to `output`.

    With `die_with`, the kernel sends it that signal when the calling thread ends: call it from the main thread.
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
        start_new_session=True,
        preexec_fn=None if die_with is None else partial(die_with_process, os.getpid(), die_with),  # noqa: PLW1509 - one thread
    )


class Process:
    """A part's present process."""

    def __init__(self, part: Part, log: Path) -> None:
        self.part = part
        self.log = log
        self._child: subprocess.Popen[bytes] | None = None
        self.log_start = 0

    @property
    def pid(self) -> int | None:
        """Process id of the last start."""
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Start it in a session of its own, its output appended to its log."""
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
        if part.nice:
            os.setpriority(os.PRIO_PROCESS, self._child.pid, part.nice)

    def exit_code(self) -> int | None:
        """The exit status if it has ended (negative: the signal that ended it), else None."""
        return None if self._child is None else self._child.poll()

    def lives(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    def ask_to_stop(self) -> None:
        """Send the part's stop signal."""
        if self.lives() and self._child is not None:
            self._child.send_signal(self.part.stop_with)

    def wait(self, seconds: float) -> bool:
        """Whether it ended within `seconds`."""
        if self._child is None:
            return True
        try:
            self._child.wait(max(seconds, 0))
        except subprocess.TimeoutExpired:
            return False
        return True

    def sweep(self) -> None:
        """Kill what is left of its session: itself, and children that a killed leader left behind."""
        if self._child is None:
            return
        try:
            os.killpg(self._child.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            self._child.poll()

    def log_tail(self, size: int = 20_000) -> str:
        """The last `size` bytes that this start wrote to its log."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(self.log_start, end - size))
            return file.read().decode("utf8", "replace")
