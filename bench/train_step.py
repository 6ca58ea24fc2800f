"""Train steps from the claim to the published checkpoint: a fresh process for each, and one that is kept.

Run by itself: `python bench/train_step.py`. It wants a quiet machine, and prints the load. SmolLM2-135M, LoRA, the
stored rollouts of bench/data as one day's groups; three days in a chain, in the trainer's own process and on its own
path (`services.trainer.step.train`) with a store in a temporary folder. Seconds: from the task to the published
checkpoint; of them the process' imports and the load of the base model, as it logs them; and the update by itself,
from the request's arrival to its saved files, with the load in it. A kept process is started ahead, as the worker
starts it, and is given time for its imports: a day's rollouts take longer to sample.
"""

from __future__ import annotations

import argparse
import datetime as dt
import logging
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.updating.data import stored  # noqa: E402
from bench.updating.machine import machine  # noqa: E402
from bench.updating.meters import resident  # noqa: E402
from services.inference.embedded_model import embedded_model  # noqa: E402
from services.trainer.settings import TrainerSettings  # noqa: E402
from services.trainer.step import train, update_process  # noqa: E402
from services.trainer.subprocess import WarmProcess  # noqa: E402
from shared.checkpoints import CheckpointStore  # noqa: E402
from shared.run_config import RunConfig  # noqa: E402
from shared.wire import CheckpointRef, TrainTask  # noqa: E402
from shared.worker.steps import Lease  # noqa: E402

IMPORTS = re.compile(r"after ([\d.]+) seconds of imports")
LOAD = re.compile(r"loaded .* in ([\d.]+) seconds")


class Lines(logging.Handler):
    """Keeps what the process logs."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.texts.append(record.getMessage())

    def seconds(self, pattern: re.Pattern[str]) -> float:
        """The sum of what the lines say under a pattern."""
        return sum(float(match[1]) for text in self.texts if (match := pattern.search(text)))


def task_of(day: int, groups: int, parent: CheckpointRef | None) -> TrainTask:
    """A day's step."""
    config = RunConfig(minibatches=1)
    return TrainTask(
        step_id=day,
        fence=1,
        run="BENCH",
        date=dt.date(2025, 1, 1) + dt.timedelta(days=day),
        config=config,
        parent=parent,
        policy_lag=1,
        groups=stored(groups),
        objective="gspo",
        learning_rate=config.learning_rate,
    )


def memory(updates: WarmProcess) -> float:
    """MiB of the idle process, 0 without one."""
    pid = updates.pid
    return resident("VmRSS", pid) if pid else 0.0


def days(settings: TrainerSettings, folder: Path, options: argparse.Namespace, lines: Lines) -> list[dict[str, float]]:
    """The seconds of each step of a chain of days."""
    store, updates = CheckpointStore(folder), update_process(settings)
    lines.texts.clear()
    updates.start()
    while updates.pid and not lines.seconds(IMPORTS):
        time.sleep(0.1)
    found, parent = [], None
    for day in range(options.days):
        lines.texts.clear()
        task, started = task_of(day, options.groups, parent), time.perf_counter()
        result = train(task, Lease(day, 1), store, settings, updates)
        parent = result.checkpoint.ref
        row = {"claimed to published": time.perf_counter() - started}
        row |= {"imports": lines.seconds(IMPORTS), "load of the base": lines.seconds(LOAD)}
        found.append(row | {"update": result.stats.seconds, "idle MiB": memory(updates)})
    updates.close()
    return found


def main() -> None:
    """Measure fresh processes, then one that is kept, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--groups", type=int, default=2, help="of the four that are stored")
    parser.add_argument("--model", help="folder of a SmolLM2-135M; the embedded one if not given")
    options = parser.parse_args()
    model = options.model or str(embedded_model(Path(tempfile.gettempdir()) / "morrow-bench-model"))
    common: dict[str, Any] = {"base_model_path": model, "trainer_device": "cpu"}
    print(machine())
    lines, log = Lines(), logging.getLogger("services.trainer.subprocess")
    log.setLevel(logging.INFO)
    log.addHandler(lines)
    with tempfile.TemporaryDirectory() as name:
        for kind, idle in (("fresh", 0.0), ("kept", 600.0)):
            own = TrainerSettings(**common, store=f"{name}/{kind}", trainer_idle_seconds=idle)
            for day, row in enumerate(days(own, Path(name, kind), options, lines), 1):
                words = ", ".join(f"{what} {value:.2f}" for what, value in row.items())
                print(f"{kind:6} day {day}: {words}", flush=True)


if __name__ == "__main__":
    main()
