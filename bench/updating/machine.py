"""The machine that a figure was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine() -> str:
    """The processor, its cores and the load, beside which a figure of seconds is to be read."""
    lines = Path("/proc/cpuinfo").read_text("utf8").splitlines()
    name = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    loads = " ".join(f"{load:.2f}" for load in os.getloadavg())
    return f"{name}, {len(os.sched_getaffinity(0))} cores, load {loads} (1, 5, 15 min); it wants a quiet machine"
