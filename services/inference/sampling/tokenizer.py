"""The base model's own tokenizer and chat template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, cast

from services.inference.sampling.prompts import ChatMessage
from shared.text.sanitize import without_turns


@dataclass(frozen=True)
class Prompt:
    """A prompt as text and as the tokens that the engine is given."""

    text: str
    token_ids: list[int]


class Tokenizer(Protocol):
    """A tokenizer as sampling uses it. `end` is the token that ends an answer, None if there is none."""

    @property
    def end(self) -> int | None: ...
    def prompt(self, messages: list[ChatMessage]) -> Prompt: ...
    def encode(self, text: str) -> list[int]: ...
    def decode(self, token_ids: list[int]) -> str: ...


class HfTokenizer:
    """A tokenizer that transformers loads from a folder or a hub id; `hf` is the tokenizer itself."""

    def __init__(self, source: str) -> None:
        from transformers import AutoTokenizer

        self.hf: Any = AutoTokenizer.from_pretrained(source)
        added = self.hf.added_tokens_decoder.values()
        self._special = [token.content for token in added if token.special and token.content.strip()]

    def prompt(self, messages: list[ChatMessage]) -> Prompt:
        """The messages through the chat template, the assistant's turn opened.

        No message holds a special token: it could end its own turn and begin another one's.
        """
        plain = [ChatMessage(role=m["role"], content=without_turns(m["content"], self._special)) for m in messages]
        text = self.hf.apply_chat_template(plain, add_generation_prompt=True, tokenize=False)
        return Prompt(text, list(self.hf(text, add_special_tokens=False)["input_ids"]))

    @property
    def end(self) -> int | None:
        """The tokenizer's end-of-sequence token."""
        return cast("int | None", self.hf.eos_token_id)

    def encode(self, text: str) -> list[int]:
        """The tokens of a piece of an answer."""
        return list(self.hf(text, add_special_tokens=False)["input_ids"])

    def decode(self, token_ids: list[int]) -> str:
        """The text of tokens, special ones left out."""
        return str(self.hf.decode(token_ids, skip_special_tokens=True))
