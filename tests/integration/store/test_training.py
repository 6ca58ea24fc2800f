"""A chain of updates whose days are trained on different hosts that share nothing but a bucket."""

from __future__ import annotations

from pathlib import Path

from services.trainer.job import OUTCOME, Outcome, UpdateRequest
from services.trainer.settings import TrainerSettings
from services.trainer.step import train
from shared.worker.steps import Lease
from tests.factories import STATS
from tests.integration.store.conftest import Place
from tests.integration.store.publishing import WEIGHTS, safetensors
from tests.unit.trainer.toys import BASE, train_task

OPTIMIZER = "optimizer.safetensors"


def steps(folder: Path) -> int:
    """How many updates an optimizer's state has seen: it has a byte for each."""
    content = (folder / OPTIMIZER).read_bytes()
    return next(count for count in range(9) if content == safetensors(bytes(count)))


class FakeUpdates:
    """A training process that adds one to its parent's optimizer state."""

    def run(self, request: Path, lease: Lease) -> None:
        """Make an update."""
        given = UpdateRequest.model_validate_json(request.read_bytes())
        (given.staged / WEIGHTS).write_bytes(safetensors(str(given.task.date).encode()))
        (given.staged / OPTIMIZER).write_bytes(safetensors(bytes(1 + (steps(given.parent) if given.parent else 0))))
        (given.work / OUTCOME).write_text(Outcome(stats=STATS).model_dump_json(), "utf8")


def test_another_hosts_trainer_goes_on_from_a_parent_and_its_optimizer_in_s3(s3: Place) -> None:
    settings = TrainerSettings(store=s3.url, base_model=BASE, base_model_path="/somewhere", trainer_device="cpu")
    first = train(train_task([]), Lease(5, 1), s3.host(), settings, FakeUpdates()).checkpoint
    second = train(train_task([], day=1, parent=first.ref), Lease(6, 1), s3.host(), settings, FakeUpdates()).checkpoint
    assert second.parent == first.ref.id
    assert [steps(s3.host().verified(record.ref)) for record in (first, second)] == [1, 2]
