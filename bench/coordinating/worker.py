"""A Celery worker whose handler is instant: `python -m bench.coordinating.worker KIND THREADS TIMES [SECONDS]`.

It runs the real protocol: the real loop, client and messages, and answers with made-up results of real size. Each call
to the coordinator is a JSON line of the file TIMES. With SECONDS the handler waits so long, as for a machine elsewhere.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

from bench.coordinating.made_up import result_of
from shared.checkpoints import CheckpointStore
from shared.logging import configure_logging
from shared.settings import StoreSettings, WorkerSettings
from shared.wire import ClaimAnswer, CompleteAnswer, CompleteRequest, Message, Task
from shared.worker.celery import make_celery
from shared.worker.metrics import WorkerMetrics
from shared.worker.run import register
from shared.worker.steps import HttpCoordinator, Lease


class Timed(HttpCoordinator):
    """A coordinator's client that records each granted claim and each accepted result.

    A line has `step`, `kind`, `run`, `date`, `call` (`claim` or `complete`), and the clock before and after the call.
    """

    def __init__(self, inner: HttpCoordinator, path: Path) -> None:
        super().__init__(inner._client)
        self._path = path
        self._lock = threading.Lock()
        self._tasks: dict[int, Task] = {}

    def claim(self, step_id: int) -> ClaimAnswer:
        """Claim and record."""
        before = time.time()
        answer = super().claim(step_id)
        if answer.task:
            self._tasks[step_id] = answer.task
            self._record(answer.task, "claim", before)
        return answer

    def complete(self, step_id: int, request: CompleteRequest) -> CompleteAnswer:
        """Complete and record."""
        before = time.time()
        answer = super().complete(step_id, request)
        self._record(self._tasks.pop(step_id), "complete", before)
        return answer

    def _record(self, task: Task, call: str, before: float) -> None:
        line = {"step": task.step_id, "kind": task.kind, "run": task.run, "date": task.date.isoformat(), "call": call}
        text = json.dumps(line | {"before": before, "after": time.time()}) + "\n"
        with self._lock, self._path.open("a") as file:
            file.write(text)


def main() -> None:
    """Consume a queue until killed."""
    kind, threads, times = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 0.0
    settings = WorkerSettings()
    store = CheckpointStore(Path(StoreSettings().store))
    configure_logging(settings.log_level)
    app = make_celery(settings.broker_url)
    client = HttpCoordinator.at(settings.coordinator_url, 60.0, settings.token.get_secret_value())

    def handler(task: Task, _: Lease) -> Message:
        time.sleep(seconds)
        return result_of(task, store)

    register(app, kind, Timed(client, times), handler, WorkerMetrics(kind))  # type: ignore[arg-type]
    pool = ["-P", "threads"] if threads > 1 else []
    options = ["-Q", kind, "-c", str(threads), *pool, "--without-mingle", "--without-gossip", "-n", f"{times.stem}@%h"]
    app.worker_main(["worker", *options, "--loglevel", settings.log_level])


if __name__ == "__main__":
    main()
