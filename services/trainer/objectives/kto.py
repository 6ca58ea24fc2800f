"""Kahneman–Tversky optimization (arXiv 2402.01306) on labelled lines, with the loss of TRL's KTOTrainer unmodified.

That loss is handed log-probabilities that are computed with each prompt once, and that are 0 at forced tokens: outside
a line's sum and without gradient. Its reference is the policy of the day's start, whose log-probabilities are computed
before the first step; a day's first minibatch needs no computation of its own, since its weights are the reference's.

The reference point z_0 is estimated, as in TRL and the paper, on lines after a prompt that is not theirs: those of the
group before, around the day.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from types import SimpleNamespace
from typing import Any, ClassVar

import torch
from datasets import Dataset
from torch import Tensor
from trl import KTOConfig, KTOTrainer

from services.trainer.batch.logprobs import answer_logps
from services.trainer.batch.rules import Batch, BatchGroup
from services.trainer.batch.tensors import Pack
from services.trainer.objectives.base import Learner, Objective
from services.trainer.objectives.labels import WANTED, weighed
from services.trainer.objectives.trl import MicroBatch, PackTrainer, shares
from services.trainer.settings import LayoutName

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Mismatched:
    """Lines after the prompt of another group, and their log-probabilities [K] under the reference.

    Without packs (a first minibatch, whose weights are the reference's) z_0 is 0.
    """

    packs: Sequence[Pack]
    reference: Tensor


@dataclass(eq=False)
class LabelledPack(MicroBatch):
    """A pack, its lines' log-probabilities [B] under the reference (None: those of its step), and the others."""

    reference: Tensor | None
    others: Mismatched


@torch.no_grad()
def line_logps(model: Any, packs: Sequence[Pack], layout: LayoutName) -> Tensor:
    """log π(line | prompt) over counted tokens, at least one number: 0 if there are no packs."""
    sums = [answer_logps(model, pack, layout)[0].sum(1) for pack in packs]
    return torch.cat(sums) if sums else torch.zeros(1, device=model.device)


def mismatched(groups: Sequence[BatchGroup]) -> list[BatchGroup]:
    """Each group's prompt with the lines of the group before it, the first one's with the last one's."""
    before = [*groups[-1:], *groups[:-1]]
    return [replace(group, rows=other.rows) for group, other in zip(groups, before, strict=True)]


def balance(batch: Batch) -> tuple[float, float]:
    """λ_D and λ_U, at least 1: the rarer kind of a day's lines counts as much as the other (the paper's equation 8)."""
    every = [row.advantage for part in batch.minibatches for group in part for row in group.rows]
    wanted = every.count(WANTED)
    unwanted = len(every) - wanted
    if not wanted or not unwanted:
        return 1.0, 1.0
    return max(1.0, unwanted / wanted), max(1.0, wanted / unwanted)


def unpaired(micro: LabelledPack, reference: Tensor) -> dict[str, Tensor]:
    """A pack as TRL's loss takes it, after one column that nothing is predicted in; prompts are not its concern."""
    pack = micro.pack

    def shifted(tensor: Tensor) -> Tensor:
        return torch.nn.functional.pad(tensor.long(), (1, 0))

    return {
        "input_ids": shifted(pack.answers),
        "attention_mask": shifted(pack.mask),
        "completion_mask": shifted(pack.counted),
        "label": pack.advantages == WANTED,
        "ref_logps": reference,
        "ref_KL_logps": micro.others.reference,
    }


class KtoTrainer(PackTrainer[LabelledPack], KTOTrainer):  # type: ignore[misc]
    """One pass over a day's minibatches, one optimizer step each."""

    told: ClassVar[dict[str, str]] = {"kl": "divergence"}

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        args: KTOConfig,
        minibatches: Sequence[Sequence[LabelledPack]],
        layout: LayoutName,
    ) -> None:
        super().__init__(minibatches, layout, tokenizer, model=model, args=args)
        if "ref" in getattr(model, "peft_config", {}):
            # TRL's copy of the adapter: the reference is computed already, and the copy would be published
            model.delete_adapter("ref")
        self._others: Tensor

    def _precompute_ref_logps(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset

    def training_step(self, model: Any, inputs: Sequence[LabelledPack], num_items_in_batch: Any = None) -> Tensor:
        """Estimate the reference point of a minibatch, then forward and backward for its packs: its loss."""
        self._others = line_logps(model, inputs[0].others.packs, self.layout)
        return super().training_step(model, inputs, num_items_in_batch)

    def _compute_kl_logps(self, *_: Any) -> Tensor:
        return self._others

    def compute_loss(self, model: Any, inputs: dict[str, Any], **_: Any) -> Tensor:
        """TRL's loss of one pack, times the pack's share of its minibatch."""
        micro: LabelledPack = inputs["micro"]
        logps, entropies = self.look(model, micro.pack)
        reference = logps.detach().sum(1) if micro.reference is None else micro.reference
        seen = SimpleNamespace(log_probs=logps, entropy=entropies, mean_logits=torch.zeros_like(logps))
        loss: Tensor = super().compute_loss(lambda **_: seen, unpaired(micro, reference))
        return loss * micro.share


def labelled(learner: Learner, batch: Batch) -> list[list[LabelledPack]]:
    """The minibatches with what the weights of now, those of the day's start, say of them."""
    others = iter(mismatched([group for groups in batch.minibatches for group in groups]))
    made = []
    for place, groups in enumerate(batch.minibatches):
        strangers = list(islice(others, len(groups)))
        made.append(_minibatch(learner, groups, strangers, first=place == 0))
    if len(made) > 1:
        log.info("scored the rollouts of %d later minibatches with the weights of the day's start", len(made) - 1)
    return made


def _minibatch(
    learner: Learner, groups: Sequence[BatchGroup], strangers: Sequence[BatchGroup], *, first: bool
) -> list[LabelledPack]:
    model, layout = learner.model, learner.job.layout
    packs, other = learner.packs(groups), [] if first else learner.packs(strangers)
    others = Mismatched(other, line_logps(model, other, layout))
    references = [None if first else line_logps(model, [pack], layout) for pack in packs]
    return [
        LabelledPack(pack, share, reference, others)
        for pack, share, reference in zip(packs, shares(packs), references, strict=True)
    ]


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


def _trainer(learner: Learner, batch: Batch) -> KtoTrainer:
    args = kto_config(learner.settings(), *balance(batch))
    return KtoTrainer(learner.model, learner.tokenizer, args, labelled(learner, batch), learner.job.layout)


KTO = Objective(batch=lambda task: weighed(task.groups, task.config.minibatches), trainer=_trainer, idle={})
