"""The trainer's composition root: a Celery worker that does train steps, one at a time."""

from __future__ import annotations

from celery.signals import worker_process_init

from services.trainer.settings import TrainerSettings
from services.trainer.step import train, update_process
from shared.checkpoints import open_store
from shared.wire import TrainTask
from shared.worker.run import run


def main() -> None:
    """Run the worker until SIGTERM or SIGINT."""
    settings = TrainerSettings()
    store = open_store(settings.store, settings.store_cache, settings.store_options)
    updates = update_process(settings)

    def start_ahead(**_: object) -> None:
        updates.start()

    # in the pool's child, which does the steps: the process of updates imports while the first day is sampled
    worker_process_init.connect(start_ahead)
    run("train", TrainTask, lambda task, lease: train(task, lease, store, settings, updates), settings)


if __name__ == "__main__":
    main()
