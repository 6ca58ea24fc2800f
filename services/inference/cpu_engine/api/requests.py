"""From the API's requests to the engine's: tokens, limits, compiled grammars."""

from __future__ import annotations

from typing import Any

from services.inference.cpu_engine.api.protocol import ChatRequest, CompletionRequest, GenerationRequest
from services.inference.cpu_engine.decoding.grammar import Grammars
from services.inference.cpu_engine.decoding.sequence import Request, Sampling
from shared.errors import InvalidInputError


class Intake:
    """Reads requests with one tokenizer; `context` is the most tokens of prompt and answer together."""

    def __init__(self, tokenizer: Any, grammars: Grammars, vocabulary: int, context: int) -> None:
        self._tokenizer, self._grammars = tokenizer, grammars
        self._vocabulary, self.context = vocabulary, context

    def tokenize(self, text: str) -> list[int]:
        """The token ids of a prompt that is given as text."""
        return list(self._tokenizer(text).input_ids)

    def completion(self, asked: CompletionRequest) -> Request:
        """The request of /v1/completions; raises InvalidInputError. May take a second: a grammar is compiled."""
        if isinstance(asked.prompt, str):
            ids = self.tokenize(asked.prompt)
        else:
            ids = asked.prompt
            if not all(0 <= token < self._vocabulary for token in ids):
                raise InvalidInputError(f"prompt: token ids lie between 0 and {self._vocabulary - 1}")
        return self._request(asked, ids, asked.max_tokens, asked.logprobs or 0)

    def chat(self, asked: ChatRequest) -> Request:
        """The request of /v1/chat/completions, its messages written out by the model's chat template."""
        messages = [message.model_dump() for message in asked.messages]
        text = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = self._tokenizer(text, add_special_tokens=False).input_ids
        return self._request(asked, ids, asked.max_completion_tokens or asked.max_tokens, asked.top_logprobs)

    def _request(self, asked: GenerationRequest, ids: list[int], max_tokens: int | None, logprobs: int) -> Request:
        if asked.n > 1 and asked.temperature == 0:
            raise InvalidInputError(f"n: it must be 1 with greedy sampling (temperature 0), got {asked.n}")
        room = self.context - len(ids)
        if room < (max_tokens or 1):
            raise InvalidInputError(
                f"max_tokens: the context holds {self.context} tokens, the prompt has {len(ids)}, "
                f"so at most {max(room, 0)} can be answered"
            )
        sampling = Sampling(
            max_tokens=max_tokens or room,
            temperature=asked.temperature,
            top_p=asked.top_p,
            top_k=max(asked.top_k, 0),
            seed=asked.seed,
            stop=asked.stop_strings,
            stop_token_ids=tuple(asked.stop_token_ids),
            ignore_eos=asked.ignore_eos,
            logprobs=logprobs,
            grammar=self._grammars.compile(asked.structured_outputs.regex) if asked.structured_outputs else None,
        )
        return Request(asked.model, tuple(ids), sampling, asked.n)
