"""One measurement of bench/update.py: a process of its own that makes one update in one way and writes its figures."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
from trl import GRPOConfig

from bench.updating.by_hand import terms_by_hand
from bench.updating.data import stored
from bench.updating.meters import Peak, matrix_peak
from bench.updating.stock import stock_trainer
from services.trainer.batch.rules import BatchGroup, pack_groups
from services.trainer.batch.tensors import to_tensors
from services.trainer.job import UpdateRequest
from services.trainer.kernels.fuse import fuse
from services.trainer.objectives.advantages import make_batch
from services.trainer.objectives.base import trl_settings
from services.trainer.objectives.gspo import GspoTrainer, gspo_config
from services.trainer.update.model import lora_config
from shared.run_config import RunConfig

QWEN = {"hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16}
QWEN |= {"num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936}
CONFIG = RunConfig(max_grad_norm=1000.0)
CAP = CONFIG.importance_cap
PACK_TOKENS = UpdateRequest.model_fields["pack_tokens"].default


def learner(side: str, options: argparse.Namespace) -> Any:
    """The model, its adapter away from where it would change nothing."""
    torch.manual_seed(1)
    if options.device == "cuda":
        dtype = torch.bfloat16 if options.adapter == "lora" else torch.float32
        with torch.device("cuda"):
            model = Qwen3ForCausalLM._from_config(Qwen3Config(**QWEN, tie_word_embeddings=True), dtype=dtype)
    else:
        model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)
    if options.adapter == "full":
        return model
    model = get_peft_model(model, lora_config(CONFIG)).to(options.device)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.01)
    if side == "morrow":
        fuse(model)
    return model


def tokenizer() -> Any:
    """A tokenizer that TRL requires and this measurement never uses."""
    words = Tokenizer(WordLevel({"<pad>": 0, "<eos>": 1}, unk_token="<pad>"))
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>", padding_side="left")


class Update:
    """One side's update: `run` computes it, `gradient` is that of its step."""

    def __init__(self, side: str, model: Any, groups: list[BatchGroup], args: GRPOConfig, tokens: int) -> None:
        self.side, self.model, self.args = side, model, args
        self.device = torch.device("cpu" if args.use_cpu else "cuda")
        self.packs = [to_tensors(some, 0, self.device) for some in pack_groups(groups, tokens)]
        self.trainer: Any = None if side == "morrow" else stock_trainer(model, tokenizer(), groups, args, CAP)
        self.gradient = torch.empty(0)

    def run(self) -> None:
        """Old log-probabilities, loss, gradient and step. Morrow takes both log-probabilities of a first
        minibatch from one pass, as in `services.trainer.update.update`."""
        if self.side == "morrow":
            self.trainer = GspoTrainer(self.model, tokenizer(), self.args, [self.packs], CAP)
        self.trainer.create_optimizer()
        self.trainer.optimizer.register_step_pre_hook(self._keep)
        self.trainer.train()

    @property
    def loss(self) -> float:
        """The loss of its one step."""
        (loss,) = [step["loss"] for step in self.trainer.state.log_history if "loss" in step]
        return float(loss)

    def _keep(self, *_: Any) -> None:
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.gradient = torch.cat([parameter.grad.flatten().float().cpu() for parameter in trained])


def worked_by_hand(options: argparse.Namespace) -> tuple[dict[str, float], torch.Tensor]:
    """Loss and gradient of equation 5, answer by answer, and the loss of each group alone."""
    model, groups = learner("hand", options), stored(options.groups)
    losses = []
    for group in groups:
        terms = []
        # a backward pass per answer: the graphs of all of them would not fit
        for term in terms_by_hand(model, group, CONFIG.epsilon_low, CONFIG.epsilon_high, CAP):
            torch.autograd.backward([-term / len(group.rollouts) / len(groups)])
            terms.append(-term.item())
        losses.append(statistics.mean(terms))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    gradient = torch.cat([parameter.grad.flatten().float().cpu() for parameter in trained])
    alone = {f"loss of group {number}": loss for number, loss in enumerate(losses, 1)}
    return {"loss": statistics.mean(losses)} | alone, gradient


def figures(side: str, options: argparse.Namespace, folder: Path) -> tuple[dict[str, float], torch.Tensor]:
    """Measure one update."""
    device, model = torch.device(options.device), learner(side, options)
    (minibatch,) = make_batch(stored(options.groups), 1).minibatches
    groups = list(minibatch)

    def prepared(config: RunConfig) -> Update:
        args = gspo_config(config, trl_settings(config, config.learning_rate, folder / "trl", device))
        return Update(side, model, groups, args, options.pack_tokens)

    if options.warm:
        prepared(CONFIG.model_copy(update={"learning_rate": 0.0})).run()
        model.zero_grad(set_to_none=True)
    update = prepared(CONFIG)
    peak, started = Peak(device), time.perf_counter()
    counter = FlopCounterMode(display=False)
    with counter if options.operations else nullcontext():
        update.run()
    above, seconds = peak.above(), time.perf_counter() - started
    tokens = sum(len(item.group.prompt_token_ids) * len(item.advantages) + item.answer_tokens for item in groups)
    measured = {"seconds per update": seconds, "tokens per second": tokens / seconds, "MiB above the model": above}
    if options.operations:
        measured = {"operations": float(counter.get_total_flops())}
    return measured | {"loss": update.loss}, update.gradient


def main() -> None:
    """Write SIDE.json and SIDE.pt into a folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=["stock", "morrow", "hand"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--groups", type=int, default=2)
    parser.add_argument("--adapter", default="lora")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model")
    parser.add_argument("--pack-tokens", type=int, default=PACK_TOKENS)
    parser.add_argument("--warm", action="store_true", help="make the update once before, without changing weights")
    parser.add_argument("--operations", action="store_true", help="count matrix operations and time nothing")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    by_hand = options.side == "hand"
    measured, gradient = worked_by_hand(options) if by_hand else figures(options.side, options, options.folder)
    if options.device == "cuda" and not options.operations and not by_hand:
        measured["matrix peak"] = matrix_peak()
    torch.save(gradient, options.folder / f"{options.side}.pt")
    (options.folder / f"{options.side}.json").write_text(json.dumps(measured), "utf8")


if __name__ == "__main__":
    main()
