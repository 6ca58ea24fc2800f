"""The side of bench/end_to_end.py without Morrow: the days as one script on TRL's GRPOTrainer, as users would write it.

One process: the model is loaded once, each day's prompts are one generation batch with its optimizer steps, and the
trainer saves a checkpoint after each day. The reward function is Morrow's evaluator, called in the process.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

from bench.backfilling.work import Day, Figures, add_size, run_config, sample_days, write
from services.evaluator.dependencies import Dependencies
from services.evaluator.embeddings.model import Embedder, MiniLm
from services.evaluator.inputs import ScoringInputs
from services.evaluator.service import score_groups
from services.inference.sampling.rules import PROFILES
from services.trainer.update.model import lora_config
from shared.forecast import format_named
from shared.run_config import RunConfig
from shared.wire import GroupToScore, RolloutToScore

NAMES = ("activation_checkpointing", "gradient_checkpointing")
RECOMPUTES = next(name for name in NAMES if name in GRPOConfig.__dataclass_fields__)
"""The setting that saves memory and costs time, as this release of transformers calls it."""


class Reward:
    """Morrow's scores of a generation batch, which is one day; counts what it is given."""

    __name__ = "morrow"

    def __init__(self, days: list[Day], config: RunConfig, embedder: Embedder) -> None:
        self.days = {day.date: day for day in days}
        self.config, self.dependencies = config, Dependencies(embedder)
        self.rollouts, self.tokens, self.seconds = 0, 0, 0.0
        self.headlines: dict[str, list[str]] = {}

    def __call__(
        self, *, prompts: list[Any], completions: list[Any], completion_ids: list[list[int]], **columns: Any
    ) -> list[float]:
        """The reward of each completion; those of a headline stand together."""
        started, group = time.perf_counter(), self.config.rollouts
        (date,) = set(columns["date"])
        (stop,) = format_named(self.config.format).stop
        day, texts = self.days[date], [turns[0]["content"].partition(stop)[0] for turns in completions]
        groups = [
            GroupToScore(
                group_id=place,
                headline=columns["headline"][place],
                prompt_text="\n".join(turn["content"] for turn in prompts[place]),
                rollouts=[RolloutToScore(rollout_id=place + i, text=texts[place + i]) for i in range(group)],
            )
            for place in range(0, len(texts), group)
        ]
        inputs = ScoringInputs(self.config, day.outcomes, self.config.bonus, peers=day.peers)
        scored = score_groups(groups, inputs, self.dependencies).evaluations
        self.headlines.setdefault(date, []).extend(item.headline for item in groups)
        self.rollouts += len(texts)
        self.tokens += sum(map(len, completion_ids))
        self.seconds += time.perf_counter() - started
        return [record.reward for record in scored]


def stops(model: str, config: RunConfig) -> dict[str, Any]:
    """Generation settings that end an answer where Morrow's stop text does: at every token that holds it.

    Without them TRL would sample on to the end token or the limit.
    """
    tokenizer = AutoTokenizer.from_pretrained(model)
    (stop,) = format_named(config.format).stop
    ends = [token for token in range(len(tokenizer)) if stop in tokenizer.decode([token])]
    return {"eos_token_id": [tokenizer.eos_token_id, *ends]}


def trl_config(config: RunConfig, folder: Path, batch: int, vllm: bool, generation: dict[str, Any]) -> GRPOConfig:
    """GSPO at the run's settings, `batch` rollouts at a time; one generation batch and its optimizer steps per day."""
    profile = PROFILES[config.profile]
    rollouts = (config.headlines or 0) * config.rollouts
    engine = {"use_vllm": True, "vllm_mode": "colocate", "vllm_max_model_length": 1024} if vllm else {}
    return GRPOConfig(
        output_dir=str(folder / "trl"),
        importance_sampling_level="sequence",
        loss_type="grpo",
        epsilon=config.epsilon_low,
        epsilon_high=config.epsilon_high,
        beta=0.0,
        num_generations=config.rollouts,
        max_completion_length=config.max_tokens,
        temperature=profile.temperature,
        top_p=profile.top_p,
        top_k=profile.top_k,
        generation_kwargs=generation,
        per_device_train_batch_size=batch,
        steps_per_generation=rollouts // batch,
        gradient_accumulation_steps=rollouts // batch // config.minibatches,
        num_train_epochs=1,
        shuffle_dataset=False,
        learning_rate=config.learning_rate,
        lr_scheduler_type="constant",
        max_grad_norm=config.max_grad_norm,
        seed=config.seed,
        save_strategy="steps",
        save_steps=config.minibatches,
        model_init_kwargs={"dtype": torch.float32},
        bf16=False,
        use_cpu=True,
        disable_tqdm=True,
        report_to="none",
        logging_steps=1,
        **{RECOMPUTES: False},
        **engine,
    )


def backfill(model: str, days: list[Day], args: GRPOConfig, reward: Reward) -> Figures:
    """Train through the days in order; returns the figures."""
    config = reward.config
    rows = [
        {"prompt": prompt, "headline": headline, "date": day.date}
        for day in days
        for prompt, headline in zip(day.prompts(config), day.headlines, strict=True)
    ]
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=reward,
        args=args,
        train_dataset=Dataset.from_list(rows),
        peft_config=lora_config(config),
    )
    started = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - started
    steps = [entry for entry in trainer.state.log_history if "loss" in entry]
    return {
        "seconds": seconds,
        "tokens": reward.tokens,
        "sampled": reward.tokens,
        "reward_seconds": reward.seconds,
        "headlines": reward.headlines,
        "rollouts": reward.rollouts,
        "steps": len(steps),
        "checkpoints": len(list(Path(args.output_dir).glob("checkpoint-*/adapter_model.safetensors"))),
    }


def main() -> None:
    """Write stock.json into a folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument(
        "--batch", type=int, help="rollouts of a forward and backward pass; those of a headline if not given"
    )
    parser.add_argument("--engine", choices=["transformers", "vllm"], default="transformers")
    add_size(parser)
    options = parser.parse_args()
    config, days = run_config(options), sample_days(options.days, options.headlines)
    vllm = options.engine == "vllm"
    generation = {"stop": list(format_named(config.format).stop)} if vllm else stops(options.model, config)
    args = trl_config(config, options.folder, options.batch or config.rollouts, vllm, generation)
    write(options.folder, "stock", backfill(options.model, days, args, Reward(days, config, MiniLm())))


if __name__ == "__main__":
    main()
