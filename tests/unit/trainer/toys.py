"""Small models, rollouts and tasks for the trainer's tests."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from services.trainer.batch.importance import score_pack
from services.trainer.batch.tensors import PackedBatch, to_tensors
from services.trainer.job import WORK, UpdateRequest
from services.trainer.objectives.advantages import make_batch
from services.trainer.objectives.base import Learner
from services.trainer.objectives.gspo import GspoTrainer, gspo_config
from services.trainer.update.base import BaseModels
from services.trainer.update.model import load_policy, load_tokenizer
from services.trainer.update.update import update
from shared.run_config import RunConfig
from shared.wire import CheckpointRef, TrainGroup, TrainRollout, TrainStats, TrainTask

VOCABULARY = 32
BASE = "toy/llama"
DAY = dt.date(2025, 8, 18)
CPU = torch.device("cpu")


def save_tiny_llama(folder: Path) -> Path:
    """Write a random model whose predictions are far from even, and a tokenizer of as many words."""
    torch.manual_seed(11)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        initializer_range=0.2,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    words = {"<pad>": 0, "<eos>": 1} | {f"w{place}": place for place in range(2, VOCABULARY)}
    tokenizer = Tokenizer(WordLevel(words, unk_token="<pad>"))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>").save_pretrained(folder)
    return folder


def run_config(**overrides: Any) -> RunConfig:
    """A run's configuration with a small adapter."""
    small = {"base_model": BASE, "lora_rank": 4, "rollouts": 4, "learning_rate": 1e-2}
    return RunConfig.model_validate(small | overrides)


def rollout(
    number: int, tokens: Sequence[int], reward: float, forced: Sequence[int] = (), logprob: float = -2.0
) -> TrainRollout:
    """A rollout whose forced tokens are at the places `forced`."""
    return TrainRollout(
        rollout_id=number,
        token_ids=list(tokens),
        logprobs=[logprob] * len(tokens),
        forced=[place in forced for place in range(len(tokens))],
        reward=reward,
        valid=True,
        normalized_score=0.5,
    )


def random_group(
    number: int, *, size: int = 4, prompt: int = 7, longest: int = 6, temperature: float = 0.7
) -> TrainGroup:
    """A seeded group with answers of different lengths, some tokens forced, sampler log-probabilities near −3."""
    rng = random.Random(number)  # noqa: S311
    rollouts = []
    for place in range(size):
        length = rng.randint(1, longest)
        one = rollout(10 * number + place, [rng.randrange(2, VOCABULARY) for _ in range(length)], rng.random())
        extra = {
            "logprobs": [-3 + rng.random() for _ in range(length)],
            "forced": [rng.random() < 0.25 for _ in range(length)],
        }
        rollouts.append(one.model_copy(update=extra))
    tokens = [rng.randrange(2, VOCABULARY) for _ in range(prompt)]
    return TrainGroup(group_id=number, prompt_token_ids=tokens, temperature=temperature, rollouts=rollouts)


def train_task(
    groups: Sequence[TrainGroup], *, day: int = 0, fence: int = 1, parent: CheckpointRef | None = None, **config: Any
) -> TrainTask:
    """A train step, of an `epochs` and `lines` of its own if they are among the settings of its run."""
    own = {name: config.pop(name) for name in ("epochs", "lines") if name in config}
    run = run_config(**config)
    return TrainTask(
        step_id=5,
        fence=fence,
        run="RUN",
        date=DAY + dt.timedelta(days=day),
        config=run,
        parent=parent,
        policy_lag=1,
        groups=list(groups),
        objective=run.objective,
        learning_rate=run.learning_rate,
        **own,
    )


def make_request(task: TrainTask, base: Path, staged: Path, parent: Path | None = None) -> UpdateRequest:
    """A request with its folders."""
    (staged / WORK).mkdir(parents=True)
    return UpdateRequest(task=task, base=str(base), parent=parent, staged=staged, device="cpu")


def run_update(request: UpdateRequest, bases: BaseModels | None = None) -> TrainStats:
    """Make a request's update in this process."""
    return update(request, bases or BaseModels(), time.perf_counter())


@torch.no_grad()
def likelihood(base: Path, checkpoint: Path | None, groups: Sequence[TrainGroup]) -> float:
    """Mean log-probability of a token of the groups' answers under a base and an adapter, by the model's own logits."""
    model: Any = LlamaForCausalLM.from_pretrained(base)
    if checkpoint:
        model = PeftModel.from_pretrained(model, checkpoint)
    logprobs: list[float] = []
    for group in groups:
        for one in group.rollouts:
            logits = model(torch.tensor([group.prompt_token_ids + one.token_ids])).logits[0]
            logps = torch.log_softmax(logits[len(group.prompt_token_ids) - 1 : -1], -1)
            logprobs += logps.gather(1, torch.tensor(one.token_ids)[:, None])[:, 0].tolist()
    return sum(logprobs) / len(logprobs)


def scored_packs(model: Any, groups: Sequence[TrainGroup], cap: float = 2.0) -> list[PackedBatch]:
    """The packs of groups that all teach something."""
    (part,) = make_batch(groups, 1).minibatches
    return [score_pack(model, to_tensors([group], 0, CPU), cap) for group in part]


def make_learner(request: UpdateRequest, model: Any = None) -> Learner:
    """A request's learner with a request's model."""
    return Learner(request, model or load_policy(request, CPU), load_tokenizer(request), CPU)


def make_trainer(
    request: UpdateRequest, minibatches: Sequence[Sequence[PackedBatch]], model: Any = None
) -> GspoTrainer:
    """A GSPO trainer on a request's model."""
    learner, config = make_learner(request, model), request.task.config
    args = gspo_config(config, learner.settings())
    return GspoTrainer(learner.model, learner.tokenizer, args, minibatches, config.importance_cap)


def gradient(model: Any) -> torch.Tensor:
    """The gradient of every trained parameter, flat."""
    return torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None])
