"""TRL's GRPOTrainer as it is, on stored rollouts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import SequentialSampler
from trl import GRPOConfig, GRPOTrainer

from services.trainer.batch.rules import BatchGroup


class StockTrainer(GRPOTrainer):  # type: ignore[misc]
    """TRL's trainer with its sampling replaced by the stored rollouts; log-probabilities and loss are its own."""

    rows: list[tuple[BatchGroup, int]]
    cap: float

    def _get_train_sampler(self, dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(dataset if dataset is not None else self.train_dataset)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        chosen = [self.rows[item["row"]] for item in inputs]
        prompts = [torch.tensor(item.group.prompt_token_ids) for item, _ in chosen]
        answers = [torch.tensor(item.group.rollouts[place].token_ids) for item, place in chosen]
        sampled = [torch.tensor(item.group.rollouts[place].logprobs) for item, place in chosen]
        device = self.accelerator.device

        def padded(tensors: list[torch.Tensor], side: str) -> torch.Tensor:
            return pad_sequence(tensors, batch_first=True, padding_side=side).to(device)

        ids = {"prompt_ids": padded(prompts, "left"), "completion_ids": padded(answers, "right")}
        prompt_mask = padded([torch.ones_like(one) for one in prompts], "left")
        mask = padded([torch.ones_like(one) for one in answers], "right")
        with torch.no_grad():
            old, _, _ = self._get_per_token_logps_and_entropies(
                self.model,
                torch.cat([ids["prompt_ids"], ids["completion_ids"]], 1),
                torch.cat([prompt_mask, mask], 1),
                mask.size(1),
                self.args.per_device_train_batch_size,
            )
        ratios = ((old - padded(sampled, "right")) * mask).sum(1) / mask.sum(1)
        weights = ratios.exp().clamp(max=self.cap)
        advantages = torch.tensor([item.advantages[place] for item, place in chosen], device=device)
        return ids | {
            "prompt_mask": prompt_mask,
            "completion_mask": mask,
            "advantages": weights * advantages,
            "old_per_token_logps": old,
            "num_items_in_batch": mask.sum(),
        }


def stock_trainer(model: Any, tokenizer: Any, groups: list[BatchGroup], args: GRPOConfig, cap: float) -> StockTrainer:
    """A stock trainer, ready to make its step: a group at a time, as many as there are."""
    rows = [(item, place) for item in groups for place in range(len(item.advantages))]
    settings = {"temperature": groups[0].group.temperature, "gradient_accumulation_steps": len(groups)}
    fresh = {"generation_batch_size": None, "steps_per_generation": None}
    args = replace(args, **settings, **fresh, bf16=not args.use_cpu, max_steps=1)
    places = Dataset.from_dict({"prompt": ["-"] * len(rows), "row": list(range(len(rows)))})
    trainer = StockTrainer(
        model=model,
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=args,
        train_dataset=places,
        processing_class=tokenizer,
    )
    trainer.rows, trainer.cap = rows, cap
    return trainer
