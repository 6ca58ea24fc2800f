"""Kahneman–Tversky optimization (arXiv 2402.01306) on labelled lines, with the loss of TRL's KTOTrainer unmodified.

The loss gets log-probabilities that are computed with each prompt once, and that are 0 at forced tokens: outside a
line's sum and without gradient. Its reference is the policy of the day's start, whose log-probabilities are computed
before the first step; a day's first minibatch needs no computation of its own, since its weights are the reference's.

The reference point z_0 is estimated, as in TRL and the paper, on lines after a prompt that is not theirs: those of the
group before, around the day.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from types import SimpleNamespace
from typing import Any, ClassVar

import torch
from datasets import Dataset
from jaxtyping import Float
from torch import Tensor
from trl import KTOConfig, KTOTrainer

from services.trainer.batch.logprobs import answer_logprobs
from services.trainer.batch.rules import Batch, BatchGroup
from services.trainer.batch.tensors import PackedBatch
from services.trainer.objectives.base import Learner
from services.trainer.objectives.labels import DESIRABLE, labelled
from services.trainer.objectives.trl import Objective
from services.trainer.settings import LayoutName
from shared.wire import TrainTask

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Mismatched:
    """Lines after the prompt of another group, and their log-probabilities under the reference.

    Without packs (a first minibatch, whose weights are the reference's) z_0 is 0.
    """

    packs: Sequence[PackedBatch]
    reference: Float[Tensor, " lines"]


@torch.no_grad()
def line_logprobs(model: Any, packs: Sequence[PackedBatch], layout: LayoutName) -> Float[Tensor, " lines"]:
    """log π(line | prompt) over counted tokens, at least one number: 0 if there are no packs."""
    sums = [answer_logprobs(model, pack, layout)[0].sum(1) for pack in packs]
    return torch.cat(sums) if sums else torch.zeros(1, device=model.device)


def mismatched(groups: Sequence[BatchGroup]) -> list[BatchGroup]:
    """Each group's prompt with the lines of the group before it, the first one's with the last one's."""
    before = [*groups[-1:], *groups[:-1]]
    return [
        BatchGroup(item.group.model_copy(update={"rollouts": other.group.rollouts}), other.advantages)
        for item, other in zip(groups, before, strict=True)
    ]


def balance(batch: Batch) -> tuple[float, float]:
    """λ_D and λ_U, at least 1: the rarer kind of a day's lines counts as much as the other (the paper's equation 8)."""
    labels = [label for minibatch in batch.minibatches for item in minibatch for label in item.advantages]
    desirable = labels.count(DESIRABLE)
    undesirable = len(labels) - desirable
    if not desirable or not undesirable:
        return 1.0, 1.0
    return max(1.0, undesirable / desirable), max(1.0, desirable / undesirable)


def loss_inputs(
    pack: PackedBatch, reference: Float[Tensor, " answers"], mismatched_reference: Float[Tensor, " lines"]
) -> dict[str, Tensor]:
    """The fields that TRL's loss takes of a pack, after one column that nothing is predicted in.

    Both references are log-probabilities of lines under the reference policy. The prompts are left out, since no loss
    is on them.
    """

    def shifted(tensor: Tensor) -> Tensor:
        return torch.nn.functional.pad(tensor.long(), (1, 0))

    return {
        "input_ids": shifted(pack.answers),
        "attention_mask": shifted(pack.mask),
        "completion_mask": shifted(pack.counted),
        "label": pack.advantages == DESIRABLE,
        "ref_logps": reference,
        "ref_KL_logps": mismatched_reference,
    }


def kto_config(settings: dict[str, Any], desirable: float, undesirable: float) -> KTOConfig:
    """TRL's configuration, β at its default and the paper's .1; the batch size only satisfies TRL's checks."""
    return KTOConfig(
        **settings,
        beta=0.1,
        desirable_weight=desirable,
        undesirable_weight=undesirable,
        precompute_ref_log_probs=True,
        disable_dropout=True,
    )


class KtoTrainer(Objective, KTOTrainer):  # type: ignore[misc]
    """One pass over a day's minibatches, one optimizer step each.

    `mismatched` has one entry per minibatch, for its reference point. The packs of all minibatches but the first have
    `old_logprobs`; those of the first are their own reference.
    """

    logged: ClassVar[Mapping[str, str]] = {"kl": "divergence"}

    @staticmethod
    def make_batch(task: TrainTask) -> Batch:
        """Lines with labels. Raises InvalidInputError for values that no update can be made of."""
        return labelled(task.groups, task.config.minibatches)

    @classmethod
    def of(cls, learner: Learner, batch: Batch) -> KtoTrainer:
        """The trainer of a batch; all minibatches but the first are scored with the weights of the day's start."""
        model, layout = learner.model, learner.request.layout
        first, *later = [learner.packs(groups) for groups in batch.minibatches]
        scored = [[_scored(model, pack, layout) for pack in packs] for packs in later]
        others = _others(learner, batch)
        if later:
            log.info("scored the rollouts of %d later minibatches with the weights of the day's start", len(later))
        args = kto_config(learner.settings(), *balance(batch))
        return cls(model, learner.tokenizer, args, [first, *scored], others, layout)

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        args: KTOConfig,
        minibatches: Sequence[Sequence[PackedBatch]],
        mismatched: Sequence[Mismatched],
        layout: LayoutName,
    ) -> None:
        super().__init__(minibatches, layout, tokenizer, model=model, args=args)
        if "ref" in getattr(model, "peft_config", {}):
            # TRL's copy of the adapter: the reference is computed already, and the copy would be published
            model.delete_adapter("ref")
        self.mismatched = mismatched
        self._others: Mismatched
        self._drifted: Float[Tensor, " lines"]

    def _precompute_ref_logps(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset

    def training_step(
        self, model: Any, inputs: Sequence[PackedBatch], num_items_in_batch: Any = None
    ) -> Float[Tensor, ""]:
        """Estimate the reference point of a minibatch, then forward and backward for its packs: its loss."""
        self._others = self.mismatched[self.minibatches.index(inputs)]
        self._drifted = line_logprobs(model, self._others.packs, self.layout)
        return super().training_step(model, inputs, num_items_in_batch)

    def _compute_kl_logps(self, *_: Any) -> Tensor:
        return self._drifted

    def compute_loss(self, model: Any, inputs: dict[str, Any], **_: Any) -> Float[Tensor, ""]:
        """TRL's loss of one pack, times the pack's share of its minibatch."""
        pack: PackedBatch = inputs["pack"]
        logprobs, entropies = self.score(model, pack)
        reference = logprobs.detach() if pack.old_logprobs is None else pack.old_logprobs
        outputs = SimpleNamespace(log_probs=logprobs, entropy=entropies, mean_logits=torch.zeros_like(logprobs))
        fields = loss_inputs(pack, reference.sum(1), self._others.reference)
        share: float = inputs["share"]
        loss: Tensor = super().compute_loss(lambda **_: outputs, fields)
        return loss * share


@torch.no_grad()
def _scored(model: Any, pack: PackedBatch, layout: LayoutName) -> PackedBatch:
    return replace(pack, old_logprobs=answer_logprobs(model, pack, layout)[0])


def _others(learner: Learner, batch: Batch) -> list[Mismatched]:
    """For each minibatch its mismatched lines, with their log-probabilities at the day's start."""
    others = iter(mismatched([item for groups in batch.minibatches for item in groups]))
    per_minibatch = [list(islice(others, len(groups))) for groups in batch.minibatches]
    # the first minibatch needs none: its weights are the reference's, so that its drift is 0
    packs = [[], *(learner.packs(groups) for groups in per_minibatch[1:])]
    return [Mismatched(some, line_logprobs(learner.model, some, learner.request.layout)) for some in packs]
