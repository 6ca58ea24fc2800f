"""Supervised learning on chosen lines, on TRL's SFTTrainer.

TRL keeps the configuration, the optimizer, the loop and the logging. Its loss is a mean over all tokens of a batch, in
which a long line counts more than a short one; here each line counts once, and the prompt of a group is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from trl import SFTConfig, SFTTrainer
from trl.trainer.utils import disable_dropout_in_model

from services.trainer.batch.rules import Batch
from services.trainer.batch.tensors import Pack
from services.trainer.objectives.base import Learner, Objective
from services.trainer.objectives.labels import imitated
from services.trainer.objectives.trl import MicroBatch, PackTrainer, shares
from services.trainer.settings import LayoutName


def line_loss(logps: Tensor, pack: Pack) -> Tensor:
    """Mean over lines of the mean over counted tokens of −log π, in nats, ≥ 0; `logps` is [B, T].

    Every line has a counted token.
    """
    return -((logps * pack.counted).sum(1) / pack.counted.sum(1)).mean()


class SftTrainer(PackTrainer[MicroBatch], SFTTrainer):  # type: ignore[misc]
    """Some passes over a day's minibatches of lines, one optimizer step each."""

    def __init__(
        self, model: Any, tokenizer: Any, args: SFTConfig, minibatches: Sequence[Sequence[Pack]], layout: LayoutName
    ) -> None:
        disable_dropout_in_model(model)
        micro = [[*map(MicroBatch, packs, shares(packs))] for packs in minibatches]
        super().__init__(micro, layout, tokenizer, model=model, args=args)

    def compute_loss(self, model: Any, inputs: dict[str, Any], **_: Any) -> Tensor:
        """The loss of one pack's lines, times the pack's share of its minibatch."""
        micro: MicroBatch = inputs["micro"]
        logps, _entropies = self.look(model, micro.pack)
        return line_loss(logps, micro.pack) * micro.share


def _trainer(learner: Learner, batch: Batch) -> SftTrainer:
    job = learner.job
    args = SFTConfig(**learner.settings() | {"num_train_epochs": job.task.epochs})
    packs = [learner.packs(groups) for groups in batch.minibatches]
    return SftTrainer(learner.model, learner.tokenizer, args, packs, job.layout)


SFT = Objective(
    batch=lambda task: imitated(task.groups, task.config.minibatches, task.lines), trainer=_trainer, idle={}
)
