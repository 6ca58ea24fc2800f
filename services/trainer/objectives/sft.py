"""Supervised learning on chosen lines, on TRL's SFTTrainer.

TRL keeps the configuration, the optimizer, the loop and the logging. Its loss is a mean over all tokens of a batch, in
which a long line counts more than a short one; here each line counts once, and the prompt of a group is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor
from trl import SFTConfig, SFTTrainer
from trl.trainer.utils import disable_dropout_in_model

from services.trainer.batch.rules import Batch
from services.trainer.batch.tensors import PackedBatch
from services.trainer.objectives.base import Learner
from services.trainer.objectives.labels import imitation
from services.trainer.objectives.trl import Objective
from services.trainer.settings import LayoutName
from shared.wire import TrainTask


def line_loss(logprobs: Float[Tensor, "answers tokens"], pack: PackedBatch) -> Float[Tensor, ""]:
    """Mean over lines of the mean over counted tokens of −log π, in nats, ≥ 0. Every line has a counted token."""
    return -((logprobs * pack.counted).sum(1) / pack.counted.sum(1)).mean()


class SftTrainer(Objective, SFTTrainer):  # type: ignore[misc]
    """Some passes over a day's minibatches of lines, one optimizer step each."""

    @staticmethod
    def make_batch(task: TrainTask) -> Batch:
        """The lines to imitate. Raises InvalidInputError for values that no update can be made of."""
        return imitation(task.groups, task.config.minibatches, task.lines)

    @classmethod
    def of(cls, learner: Learner, batch: Batch) -> SftTrainer:
        """The trainer of a batch, for as many passes as its task says."""
        args = SFTConfig(**learner.settings() | {"num_train_epochs": learner.request.task.epochs})
        packs = [learner.packs(groups) for groups in batch.minibatches]
        return cls(learner.model, learner.tokenizer, args, packs, learner.request.layout)

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        args: SFTConfig,
        minibatches: Sequence[Sequence[PackedBatch]],
        layout: LayoutName,
    ) -> None:
        disable_dropout_in_model(model)
        super().__init__(minibatches, layout, tokenizer, model=model, args=args)

    def compute_loss(self, model: Any, inputs: dict[str, Any], **_: Any) -> Float[Tensor, ""]:
        """The loss of one pack's lines, times the pack's share of its minibatch."""
        pack: PackedBatch = inputs["pack"]
        logprobs, _entropies = self.score(model, pack)
        share: float = inputs["share"]
        return line_loss(logprobs, pack) * share
