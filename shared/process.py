"""Ties a child process to its parent's life."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
# Loaded here and not where it is called: after a fork, loading a library may wait for a lock that no thread holds.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def signal_on_parent_exit(number: int = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when the thread that started it ends. Linux only; elsewhere nothing.

    A parent that ended before this call is not noticed: `die_with` checks that too.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(number))


def die_with(parent: int, number: int = signal.SIGKILL) -> None:
    """Tie this process to the process id of its parent. Raises SystemExit if that parent has ended already."""
    signal_on_parent_exit(number)
    if os.getppid() != parent:
        raise SystemExit(f"the parent process {parent} has ended")
