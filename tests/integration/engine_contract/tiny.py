"""A tiny random Llama with a byte-level tokenizer and a LoRA adapter on it, to be served by any engine.

`python -m tests.integration.engine_contract.tiny FOLDER` writes model/ and adapter/ for an engine started elsewhere.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

TEXT = [
    "Oil falls as supply returns; the index rises by 3.5 percent.",
    "The central bank holds rates and the market rises by noon.",
    "user assistant system forecast up down flat",
]
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def tiny_tokenizer(texts: list[str], vocabulary: int) -> Any:
    """Byte-level BPE, merged as in the texts, with the special tokens of ChatML; <|im_end|> ends an answer."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(texts * 4, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
        chat_template=TEMPLATE,
    )


def write_model(folder: Path, texts: list[str] = TEXT, vocabulary: int = 320, context: int = 1024) -> Path:
    """Two layers, hidden size 64, float32; weights large enough for uneven distributions."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tiny_tokenizer(texts, vocabulary)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=context,
        initializer_range=0.15,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(7)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_adapter(model: Path, folder: Path, *, seed: int = 11, rank: int = 8) -> Path:
    """A LoRA adapter whose random weights change the model visibly."""
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaForCausalLM

    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["q_proj", "v_proj", "down_proj"], lora_dropout=0.0)
    adapted = get_peft_model(LlamaForCausalLM.from_pretrained(model), config)
    torch.manual_seed(seed)
    for name, weight in adapted.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.2)
    adapted.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    root = Path(sys.argv[1])
    write_adapter(write_model(root / "model"), root / "adapter")
