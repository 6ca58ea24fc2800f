"""The base model's own tokenizer and chat template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from services.inference.prompts import ChatMessage


@dataclass(frozen=True)
class Prompt:
    """A prompt as text and as the tokens that the engine is given."""

    text: str
    token_ids: list[int]


class Tokenizer(Protocol):
    """What sampling needs of a tokenizer."""

    def prompt(self, messages: list[ChatMessage]) -> Prompt: ...


class HfTokenizer:
    """A tokenizer that transformers loads from a folder or a hub id; `hf` is the tokenizer itself."""

    def __init__(self, source: str) -> None:
        from transformers import AutoTokenizer

        self.hf: Any = AutoTokenizer.from_pretrained(source)

    def prompt(self, messages: list[ChatMessage]) -> Prompt:
        """The messages through the chat template, the assistant's turn opened."""
        text = self.hf.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return Prompt(text, list(self.hf(text, add_special_tokens=False)["input_ids"]))
