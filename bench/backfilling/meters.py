"""A process with its descendants: seconds from its start to its end, and peak memory."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

INTERVAL = 0.5
"""Seconds between two looks at the memory."""


def _memory(process: psutil.Process) -> tuple[int, int]:
    """Resident and proportional set size in bytes; 0 for a process that has ended."""
    try:
        full = process.memory_full_info()
    except psutil.Error:
        return 0, 0
    return full.rss, full.pss


class Peak(threading.Thread):
    """Peak memory of a process and its descendants, in MiB.

    `rss` counts a page once for each process that maps it, `pss` once in all.
    """

    def __init__(self, root: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.root, self.ended = root, threading.Event()
        self.rss = self.pss = 0.0

    def run(self) -> None:
        """Look until `ended` is set."""
        while not self.ended.wait(INTERVAL):
            try:
                family = [self.root, *self.root.children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
            rss, pss = (sum(sizes) / 2**20 for sizes in zip(*map(_memory, family), strict=True))
            self.rss, self.pss = max(self.rss, rss), max(self.pss, pss)


def measured(command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> dict[str, float]:
    """Run a command in a folder: its seconds, and its peak memory in MiB.

    Raises SystemExit with the end of its log if it fails.
    """
    with log.open("wb") as output:
        started = time.perf_counter()
        child = psutil.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        peak = Peak(child)
        peak.start()
        status = child.wait()
        seconds = time.perf_counter() - started
    peak.ended.set()
    peak.join()
    if status != 0:
        raise SystemExit(f"{' '.join(command)} ended with status {status}:\n{log.read_text('utf8', 'replace')[-4000:]}")
    return {"whole": seconds, "rss": peak.rss, "pss": peak.pss}
