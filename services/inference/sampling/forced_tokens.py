"""The forced tokens of a constrained answer, found by replaying the grammar's matcher over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Forcing(Protocol):
    """Finds the forced tokens of an answer that was sampled under a regular expression."""

    def forced(self, regex: str, token_ids: Sequence[int]) -> list[bool]: ...


class XgrammarForcing:
    """Replays answers through xgrammar, whichever engine sampled them. Compiled grammars are kept per expression."""

    def __init__(self, tokenizer: Any) -> None:
        import xgrammar

        info = xgrammar.TokenizerInfo.from_huggingface(tokenizer)
        self._vocabulary: int = info.vocab_size
        self._compiler = xgrammar.GrammarCompiler(info)
        self._grammars: dict[str, Any] = {}

    def forced(self, regex: str, token_ids: Sequence[int]) -> list[bool]:
        """One entry per token: whether it was the only one allowed. After a token outside the grammar, all False."""
        import xgrammar

        if regex not in self._grammars:
            self._grammars[regex] = self._compiler.compile_regex(regex)
        matcher = xgrammar.GrammarMatcher(self._grammars[regex])
        bitmask = xgrammar.allocate_token_bitmask(1, self._vocabulary)
        forced: list[bool] = []
        for token in token_ids:
            if matcher.is_terminated():
                break
            restricted = matcher.fill_next_token_bitmask(bitmask)
            if token >= self._vocabulary or not matcher.accept_token(token):
                break
            forced.append(bool(restricted) and _only_one(bitmask[0]))
        return forced + [False] * (len(token_ids) - len(forced))


def _only_one(words: Any) -> bool:
    """Whether one bit is set in a tensor of 32-bit words."""
    used: list[int] = words[words != 0].tolist()
    return len(used) == 1 and (used[0] & 0xFFFFFFFF).bit_count() == 1
