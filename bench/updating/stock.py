"""TRL's GRPOTrainer as it is, on stored rollouts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence
from trl import GRPOConfig, GRPOTrainer

from services.trainer.batch.rules import BatchGroup


class StockTrainer(GRPOTrainer):  # type: ignore[misc]
    """TRL's trainer with its generation replaced by the stored rollouts: batches, log-probabilities and loss are TRL's.

    TRL's sampler repeats each prompt once per rollout, and its batch of all groups once per group: a step takes the
    gradients of as many parts of the batch, each of as many rollouts as a group has.
    """

    groups: list[BatchGroup]
    cap: float

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        chosen = [(self.groups[item["group"]], place % self.num_generations) for place, item in enumerate(inputs)]
        rollouts = [item.group.rollouts[place] for item, place in chosen]
        device = self.accelerator.device

        def padded(rows: list[list[Any]], side: str) -> torch.Tensor:
            return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_side=side).to(device)

        prompts = [item.group.prompt_token_ids for item, _ in chosen]
        answers = [rollout.token_ids for rollout in rollouts]
        ids = {"prompt_ids": padded(prompts, "left"), "completion_ids": padded(answers, "right")}
        prompt_mask = padded([[1] * len(prompt) for prompt in prompts], "left")
        mask = padded([[1] * len(answer) for answer in answers], "right")
        free = padded([[int(not forced) for forced in rollout.forced] for rollout in rollouts], "right")
        with torch.no_grad():
            old, _, _ = self._get_per_token_logps_and_entropies(
                self.model,
                torch.cat([ids["prompt_ids"], ids["completion_ids"]], 1),
                torch.cat([prompt_mask, mask], 1),
                mask.size(1),
                self.args.per_device_train_batch_size,
            )
        differences = (old - padded([rollout.logprobs for rollout in rollouts], "right")) * free
        weights = (differences.sum(1) / free.sum(1).clamp(min=1)).exp().clamp(max=self.cap)
        advantages = torch.tensor([item.advantages[place] for item, place in chosen], device=device)
        return ids | {
            "prompt_mask": prompt_mask,
            "completion_mask": mask,
            "tool_mask": free,
            "advantages": weights * advantages,
            "old_per_token_logps": old,
            "num_items_in_batch": free.sum(),
        }


def stock_trainer(model: Any, tokenizer: Any, groups: list[BatchGroup], args: GRPOConfig, cap: float) -> StockTrainer:
    """A stock trainer, ready to make one step of all groups, a part of the size of a group at a time.

    Raises ValueError for groups that TRL cannot batch: of other sizes than its settings, or of several temperatures.
    """
    if {len(item.advantages) for item in groups} != {args.num_generations}:
        raise ValueError(f"each group needs {args.num_generations} rollouts, as many as TRL's num_generations")
    (temperature,) = {item.group.temperature for item in groups}
    settings = {"temperature": temperature, "gradient_accumulation_steps": len(groups), "shuffle_dataset": False}
    fresh = {"generation_batch_size": None, "steps_per_generation": None}
    args = replace(args, **settings, **fresh, bf16=not args.use_cpu, max_steps=1)
    trainer = StockTrainer(
        model=model,
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=args,
        train_dataset=Dataset.from_dict({"prompt": ["-"] * len(groups), "group": list(range(len(groups)))}),
        processing_class=tokenizer,
    )
    trainer.groups, trainer.cap = groups, cap
    return trainer
