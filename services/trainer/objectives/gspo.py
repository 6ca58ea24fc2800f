"""TRL's GRPOTrainer as a GSPO trainer on stored rollouts.

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
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor
from trl import GRPOConfig, GRPOTrainer

from services.trainer.batch.importance import ScoredPack, sampler_figures, score_pack, weigh
from services.trainer.batch.logprobs import answer_logps
from services.trainer.batch.rules import Batch
from services.trainer.batch.tensors import Pack
from services.trainer.objectives.advantages import make_batch
from services.trainer.objectives.base import Learner, Objective
from services.trainer.objectives.trl import MicroBatch, PackTrainer, shares
from services.trainer.settings import LayoutName
from shared.run_config import RunConfig

log = logging.getLogger(__name__)
CLIPPED = "clip_ratio/region_mean"


@dataclass(eq=False)
class WeighedPack(MicroBatch):
    """A pack and what the weights of the day's start say of it.

    `scored` may be absent in the day's first minibatch: it is then filled in by the step, whose weights are π_old's.
    """

    scored: ScoredPack | None


def minibatch(packs: Sequence[Pack | ScoredPack]) -> list[WeighedPack]:
    """The packs of one optimizer step, weighed so that their losses add up to the mean over all sequences."""
    pairs = [(item.pack, item) if isinstance(item, ScoredPack) else (item, None) for item in packs]
    parts = shares([pack for pack, _ in pairs])
    return [WeighedPack(pack, share, scored) for (pack, scored), share in zip(pairs, parts, strict=True)]


def rollouts(scored: ScoredPack) -> dict[str, Tensor]:
    """A pack as TRL's loss takes it; prompts are not its concern."""
    pack = scored.pack
    nothing = pack.answers[:, :0]
    return {
        "prompt_ids": nothing,
        "prompt_mask": nothing,
        "completion_ids": pack.answers,
        "completion_mask": pack.mask.int(),
        "tool_mask": pack.counted.int(),
        "old_per_token_logps": scored.old_logps,
        "advantages": scored.weights * pack.advantages,
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


class GspoTrainer(PackTrainer[WeighedPack], GRPOTrainer):  # type: ignore[misc]
    """One pass over a day's minibatches, one optimizer step each."""

    told: ClassVar[dict[str, str]] = {CLIPPED: "clipped"}

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        args: GRPOConfig,
        minibatches: Sequence[Sequence[Pack | ScoredPack]],
        cap: float,
        layout: LayoutName = "packed",
    ) -> None:
        micro = [minibatch(packs) for packs in minibatches]
        super().__init__(micro, layout, tokenizer, model=model, args=args, reward_funcs=_no_reward)
        self.cap = cap
        self._computed: tuple[Tensor, Tensor]

    def training_step(self, model: Any, inputs: Sequence[WeighedPack], num_items_in_batch: Any = None) -> Tensor:
        """Forward and backward for every pack of a minibatch: its loss. Its clip share is over sequences."""
        loss = super().training_step(model, inputs, num_items_in_batch)
        clipped = self._metrics["train"][CLIPPED]
        clipped[:] = [sum(micro.share * part for micro, part in zip(inputs, clipped, strict=True))]
        return loss

    def compute_loss(self, model: Any, inputs: dict[str, Any], **options: Any) -> Tensor:
        """TRL's loss of one pack, times the pack's share of its minibatch."""
        micro: WeighedPack = inputs["micro"]
        logps, entropies = self._computed = answer_logps(model, micro.pack, self.layout)
        if micro.scored is None:
            micro.scored = weigh(micro.pack, logps.detach(), entropies, self.cap)
        loss: Tensor = super().compute_loss(model, rollouts(micro.scored), **options)
        return loss * micro.share

    def _get_per_token_logps_and_entropies(self, *_: Any, **__: Any) -> tuple[Tensor, Tensor, None]:
        return *self._computed, None

    def figures(self) -> dict[str, float]:
        """Clip share (mean over steps), and what lies between sampler and learner; the entropy is the day's start's."""
        scored = [micro.scored for part in self.minibatches for micro in part if micro.scored is not None]
        clipped = sum(step[CLIPPED] for step in self.steps) / len(self.steps)
        return {"clip_share": clipped} | sampler_figures(scored)


def _trainer(learner: Learner, batch: Batch) -> GspoTrainer:
    job, model = learner.job, learner.model
    config = job.task.config
    first, *later = [learner.packs(groups) for groups in batch.minibatches]
    scored = [[score_pack(model, pack, config.importance_cap, job.layout) for pack in packs] for packs in later]
    if later:
        log.info("scored the rollouts of %d later minibatches with the weights of the day's start", len(later))
    args = gspo_config(config, learner.settings())
    return GspoTrainer(model, learner.tokenizer, args, [first, *scored], config.importance_cap, job.layout)


GSPO = Objective(
    batch=lambda task: make_batch(task.groups, task.config.minibatches),
    trainer=_trainer,
    idle={"clip_share": 0.0, "log_ratio_mean": 0.0, "log_ratio_max": 0.0, "importance_mean": 1.0, "entropy": 0.0},
)
