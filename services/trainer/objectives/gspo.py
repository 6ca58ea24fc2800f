"""GSPO (arXiv 2507.18071) on stored rollouts, with the loss of TRL's GRPOTrainer.

TRL keeps the loss. Overridden are, beside what every objective overrides:

- `training_step`: the clip share is over the sequences of the whole minibatch;
- `compute_loss`: π is computed with each prompt once, is π_old too as long as the weights are those of the day's start,
  and a pack counts by its share of the minibatch's sequences;
- `_get_per_token_logps_and_entropies`: what `compute_loss` has computed.

The importance weight w > 0 multiplies the advantage, and so stays outside the clip:
min(s·wA, clip(s)·wA) = w·min(s·A, clip(s)·A).
Forced tokens are masked as TRL masks a tool's: outside the mean and without gradient.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor
from trl import GRPOConfig, GRPOTrainer

from services.trainer.batch.importance import sampler_figures, score_pack, weigh
from services.trainer.batch.logprobs import answer_logprobs
from services.trainer.batch.rules import Batch
from services.trainer.batch.tensors import PackedBatch, computed
from services.trainer.objectives.advantages import make_batch
from services.trainer.objectives.base import Learner
from services.trainer.objectives.trl import Objective, shares
from services.trainer.settings import LayoutName
from shared.run_config import RunConfig
from shared.wire import TrainTask

log = logging.getLogger(__name__)
CLIPPED = "clip_ratio/region_mean"


def loss_inputs(pack: PackedBatch) -> dict[str, Tensor]:
    """The fields that TRL's loss takes of a weighed pack; the prompts are left out, since no loss is on them.

    Raises ValueError for a pack that is not weighed.
    """
    nothing = pack.answers[:, :0]
    return {
        "prompt_ids": nothing,
        "prompt_mask": nothing,
        "completion_ids": pack.answers,
        "completion_mask": pack.mask.int(),
        "tool_mask": pack.counted.int(),
        "old_per_token_logps": computed(pack.old_logprobs),
        "advantages": computed(pack.weights) * pack.advantages,
        "num_items_in_batch": pack.counted.sum(),
    }


def gspo_config(config: RunConfig, settings: Mapping[str, Any]) -> GRPOConfig:
    """TRL's configuration at GSPO's settings (its defaults are GRPO's in three places).

    `num_generations` and the batch size only satisfy TRL's checks: batches are the trainer's own.
    """
    return GRPOConfig(
        **settings,
        importance_sampling_level="sequence",
        loss_type="grpo",
        epsilon=config.epsilon_low,
        epsilon_high=config.epsilon_high,
        beta=0.0,
        num_generations=config.rollouts,
        disable_dropout=True,
    )


def _no_reward(completions: list[Any], **_: Any) -> list[float]:
    return [0.0] * len(completions)


class GspoTrainer(Objective, GRPOTrainer):  # type: ignore[misc]
    """One pass over a day's minibatches, one optimizer step each.

    A pack of the first minibatch may come unweighed: the weights of its step are π_old's. `weighed` is every pack
    that a loss was computed on, in the order of the steps.
    """

    idle_figures: ClassVar[Mapping[str, float]] = {
        "clip_share": 0.0,
        "log_ratio_mean": 0.0,
        "log_ratio_max": 0.0,
        "importance_mean": 1.0,
        "entropy": 0.0,
    }
    logged: ClassVar[Mapping[str, str]] = {CLIPPED: "clipped"}

    @staticmethod
    def make_batch(task: TrainTask) -> Batch:
        """Groups with advantages. Raises InvalidInputError for values that no update can be made of."""
        return make_batch(task.groups, task.config.minibatches)

    @classmethod
    def of(cls, learner: Learner, batch: Batch) -> GspoTrainer:
        """The trainer of a batch; all minibatches but the first are scored with the weights of the day's start."""
        request, model = learner.request, learner.model
        config = request.task.config
        first, *later = [learner.packs(groups) for groups in batch.minibatches]
        weighed = [
            [score_pack(model, pack, config.importance_cap, request.layout) for pack in packs] for packs in later
        ]
        if later:
            log.info("scored the rollouts of %d later minibatches with the weights of the day's start", len(later))
        args = gspo_config(config, learner.settings())
        return cls(model, learner.tokenizer, args, [first, *weighed], config.importance_cap, request.layout)

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        args: GRPOConfig,
        minibatches: Sequence[Sequence[PackedBatch]],
        cap: float,
        layout: LayoutName = "packed",
    ) -> None:
        super().__init__(minibatches, layout, tokenizer, model=model, args=args, reward_funcs=_no_reward)
        self.cap = cap
        self.weighed: list[PackedBatch] = []
        self._computed: tuple[Float[Tensor, "answers tokens"], Float[Tensor, "answers tokens"]]

    def training_step(
        self, model: Any, inputs: Sequence[PackedBatch], num_items_in_batch: Any = None
    ) -> Float[Tensor, ""]:
        """Forward and backward for every pack of a minibatch: its loss. Its clip share is over sequences."""
        loss = super().training_step(model, inputs, num_items_in_batch)
        clipped = self._metrics["train"][CLIPPED]
        clipped[:] = [sum(share * part for share, part in zip(shares(inputs), clipped, strict=True))]
        return loss

    def compute_loss(self, model: Any, inputs: dict[str, Any], **options: Any) -> Float[Tensor, ""]:
        """TRL's loss of one pack, times the pack's share of its minibatch."""
        pack: PackedBatch = inputs["pack"]
        logprobs, entropies = self._computed = answer_logprobs(model, pack, self.layout)
        # before the day's first step the present weights are π_old's: one forward pass gives both
        if pack.old_logprobs is None:
            pack = weigh(pack, logprobs.detach(), entropies, self.cap)
        self.weighed.append(pack)
        share: float = inputs["share"]
        loss: Tensor = super().compute_loss(model, loss_inputs(pack), **options)
        return loss * share

    def _get_per_token_logps_and_entropies(self, *_: Any, **__: Any) -> tuple[Tensor, Tensor, None]:
        return *self._computed, None

    def figures(self) -> dict[str, float]:
        """Clip share (mean over steps) and the comparison of sampler and learner; the entropy is the day's start's."""
        clipped = sum(step[CLIPPED] for step in self.steps) / len(self.steps)
        return {"clip_share": clipped} | sampler_figures(self.weighed)
