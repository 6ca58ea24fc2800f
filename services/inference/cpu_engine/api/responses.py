"""From finished sequences to the API's answers."""

from __future__ import annotations

import time
import uuid
from functools import cache
from itertools import accumulate
from typing import Any

from services.inference.cpu_engine.api.protocol import (
    AssistantMessage,
    ChatChoice,
    ChatCompletion,
    ChatLogprobs,
    ChatRequest,
    Choice,
    Completion,
    CompletionRequest,
    GenerationRequest,
    Logprobs,
    TokenLogprob,
    TopLogprob,
    Usage,
)
from services.inference.cpu_engine.decoding.sequence import Request, Sequence


class ResponseBuilder:
    """Writes answers with one tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        # At most the vocabulary: a tokenizer takes 10 to 50 µs for a token, of which an answer has a hundred.
        self._text = cache(lambda token: str(tokenizer.decode([token])))

    def completion(self, body: CompletionRequest, request: Request, rows: list[Sequence]) -> Completion:
        """The answer of /v1/completions."""
        prompt = list(request.prompt_ids) if body.return_token_ids else None
        choices = [
            Choice(
                index=row.index,
                text=row.text,
                finish_reason=row.finish_reason or "stop",
                stop_reason=row.stop_reason,
                logprobs=None if body.logprobs is None else self._logprobs(row, body),
                token_ids=row.token_ids if body.return_token_ids else None,
                prompt_token_ids=prompt,
            )
            for row in rows
        ]
        name = f"cmpl-{uuid.uuid4().hex}"
        return Completion(
            id=name, created=int(time.time()), model=request.model, usage=_usage(request, rows), choices=choices
        )

    def chat(self, body: ChatRequest, request: Request, rows: list[Sequence]) -> ChatCompletion:
        """The answer of /v1/chat/completions."""
        choices = [
            ChatChoice(
                index=row.index,
                message=AssistantMessage(content=row.text),
                finish_reason=row.finish_reason or "stop",
                stop_reason=row.stop_reason,
                logprobs=self._chat_logprobs(row, body) if body.logprobs else None,
                token_ids=row.token_ids if body.return_token_ids else None,
            )
            for row in rows
        ]
        return ChatCompletion(
            id=f"chatcmpl-{uuid.uuid4().hex}",
            created=int(time.time()),
            model=request.model,
            usage=_usage(request, rows),
            choices=choices,
            prompt_token_ids=list(request.prompt_ids) if body.return_token_ids else None,
        )

    def _name(self, token: int, body: GenerationRequest) -> str:
        return f"token_id:{token}" if body.return_tokens_as_token_ids else self._text(token)

    def _logprobs(self, row: Sequence, body: CompletionRequest) -> Logprobs:
        lengths = [len(self._text(token.id)) for token in row.tokens]
        return Logprobs(
            tokens=[self._name(token.id, body) for token in row.tokens],
            token_logprobs=[token.logprob for token in row.tokens],
            top_logprobs=[
                {self._name(i, body): value for i, value in [*token.top, (token.id, token.logprob)]}
                for token in row.tokens
            ],
            text_offset=list(accumulate(lengths[:-1], initial=0)),
        )

    def _chat_logprobs(self, row: Sequence, body: ChatRequest) -> ChatLogprobs:
        def entry(token: int, logprob: float) -> TopLogprob:
            return TopLogprob(token=self._name(token, body), logprob=logprob, bytes=list(self._text(token).encode()))

        content = [
            TokenLogprob(**entry(token.id, token.logprob).model_dump(), top_logprobs=[entry(*top) for top in token.top])
            for token in row.tokens
        ]
        return ChatLogprobs(content=content)


def _usage(request: Request, rows: list[Sequence]) -> Usage:
    prompt, completion = len(request.prompt_ids), sum(len(row.tokens) for row in rows)
    return Usage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)
