"""From the API's requests to the engine's: tokens, limits, compiled grammars."""

from __future__ import annotations

from typing import Any

from services.inference.cpu_engine.api.protocol import ChatRequest, CompletionRequest, GenerationRequest
from services.inference.cpu_engine.decoding.grammar import Grammars
from services.inference.cpu_engine.decoding.sequence import Request, Sampling
from shared.errors import InvalidInputError


class RequestParser:
    """Parses requests with one tokenizer; `context` is the maximum of prompt and answer tokens together."""

    def __init__(self, tokenizer: Any, grammars: Grammars, vocabulary: int, context: int) -> None:
        self._tokenizer, self._grammars = tokenizer, grammars
        self._vocabulary, self.context = vocabulary, context

    def tokenize(self, text: str) -> list[int]:
        """The token ids of a prompt that is given as text."""
        return list(self._tokenizer(text).input_ids)

    def completion(self, body: CompletionRequest) -> Request:
        """The request of /v1/completions; raises InvalidInputError. May take a second: a grammar is compiled."""
        if isinstance(body.prompt, str):
            ids = self.tokenize(body.prompt)
        else:
            ids = body.prompt
            if not all(0 <= token < self._vocabulary for token in ids):
                raise InvalidInputError(f"prompt: token ids lie between 0 and {self._vocabulary - 1}")
        return self._request(body, ids, body.max_tokens, body.logprobs or 0)

    def chat(self, body: ChatRequest) -> Request:
        """The request of /v1/chat/completions, its messages written out by the model's chat template."""
        messages = [message.model_dump() for message in body.messages]
        text = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = self._tokenizer(text, add_special_tokens=False).input_ids
        return self._request(body, ids, body.max_completion_tokens or body.max_tokens, body.top_logprobs)

    def _request(self, body: GenerationRequest, ids: list[int], max_tokens: int | None, logprobs: int) -> Request:
        if body.n > 1 and body.temperature == 0:
            raise InvalidInputError(f"n: it must be 1 with greedy sampling (temperature 0), got {body.n}")
        room = self.context - len(ids)
        if room < (max_tokens or 1):
            raise InvalidInputError(
                f"max_tokens: the context holds {self.context} tokens, the prompt has {len(ids)}, "
                f"so at most {max(room, 0)} can be answered"
            )
        sampling = Sampling(
            max_tokens=max_tokens or room,
            temperature=body.temperature,
            top_p=body.top_p,
            top_k=max(body.top_k, 0),
            seed=body.seed,
            stop=body.stop_strings,
            stop_token_ids=tuple(body.stop_token_ids),
            ignore_eos=body.ignore_eos,
            logprobs=logprobs,
            grammar=self._grammars.compile(body.structured_outputs.regex) if body.structured_outputs else None,
        )
        return Request(body.model, tuple(ids), sampling, body.n)
