"""The forced tokens of a constrained answer, found by replaying the grammar's matcher over them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, Protocol

CERTAIN: Final = -1e-5
"""Log-probability above which a token may have been without alternative, whatever the engine's rounding."""


class Forcing(Protocol):
    """Finds the forced tokens of an answer that was sampled under a regular expression."""

    def forced(self, regex: str, token_ids: Sequence[int], logprobs: Sequence[float]) -> list[bool]: ...


class XgrammarForcing:
    """Replays answers through xgrammar, whichever engine sampled them. Compiled grammars are kept per expression."""

    def __init__(self, tokenizer: Any) -> None:
        import xgrammar

        info = xgrammar.TokenizerInfo.from_huggingface(tokenizer)
        self._vocabulary: int = info.vocab_size
        self._compiler = xgrammar.GrammarCompiler(info)
        self._grammars: dict[str, Any] = {}
        self._text = cache(lambda token: str(tokenizer.decode([token], skip_special_tokens=True)))
        self._bitmask = xgrammar.allocate_token_bitmask(1, self._vocabulary)

    def forced(self, regex: str, token_ids: Sequence[int], logprobs: Sequence[float]) -> list[bool]:
        """One entry per token: whether there was no choice. After a token outside the grammar, all False.

        A certain token, of log-probability 0, was no choice if it was the only one allowed, or part of a text without
        alternative: an engine that jumps ahead feeds such a text as its tokenizer cuts it.
        """
        import xgrammar

        if regex not in self._grammars:
            self._grammars[regex] = self._compiler.compile_regex(regex)
        matcher = xgrammar.GrammarMatcher(self._grammars[regex])
        forced: list[bool] = []
        for token, logprob in zip(token_ids, logprobs, strict=True):
            if matcher.is_terminated():
                break
            without_choice = logprob > CERTAIN and self._without_choice(matcher, token)
            if token >= self._vocabulary or not matcher.accept_token(token):
                break
            forced.append(without_choice)
        return forced + [False] * (len(token_ids) - len(forced))

    def _without_choice(self, matcher: Any, token: int) -> bool:
        text = self._text(token) if token < self._vocabulary else ""
        if text and matcher.find_jump_forward_string().startswith(text):
            return True
        return bool(matcher.fill_next_token_bitmask(self._bitmask)) and _only_one(self._bitmask[0])


def _only_one(words: Any) -> bool:
    """Whether one bit is set in a tensor of 32-bit words."""
    used: list[int] = words[words != 0].tolist()
    return len(used) == 1 and (used[0] & 0xFFFFFFFF).bit_count() == 1
