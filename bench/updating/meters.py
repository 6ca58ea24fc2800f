"""Peak memory above the start, and the peak of a GPU's matrix units."""

from __future__ import annotations

import gc
import time
from pathlib import Path

import torch


def resident(name: str, process: int | str = "self") -> float:
    """A figure of a process' /proc/PID/status in MiB."""
    lines = Path(f"/proc/{process}/status").read_text("utf8").splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


class Peak:
    """Peak memory above that at construction, in MiB."""

    def __init__(self, device: torch.device) -> None:
        self.gpu = device.type == "cuda"
        gc.collect()
        if self.gpu:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            self.before = torch.cuda.memory_allocated() / 2**20
        else:
            Path("/proc/self/clear_refs").write_text("5", "utf8")
            self.before = resident("VmRSS")

    def above(self) -> float:
        """The highest since then."""
        if self.gpu:
            torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() / 2**20 if self.gpu else resident("VmHWM")) - self.before


def matrix_peak() -> float:
    """Operations per second of the best of some large bf16 products."""
    left, right = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    best = 0.0
    for _ in range(20):
        torch.cuda.synchronize()
        started = time.perf_counter()
        torch.mm(left, right)
        torch.cuda.synchronize()
        best = max(best, 2 * 8192**3 / (time.perf_counter() - started))
    return best
