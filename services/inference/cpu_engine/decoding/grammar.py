"""Constrained decoding: regular expressions compiled by xgrammar, and their masks on a batch's logits."""

from __future__ import annotations

from typing import Any

import xgrammar
from torch import Tensor

from services.inference.cpu_engine.decoding.sequence import Sequence
from shared.errors import InvalidInputError


class Grammars:
    """Compiled grammars over one tokenizer; the compiler keeps what it compiled."""

    def __init__(self, tokenizer: Any, vocabulary: int, end_ids: frozenset[int], threads: int) -> None:
        info = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=vocabulary, stop_token_ids=sorted(end_ids))
        self._compiler = xgrammar.GrammarCompiler(info, max_threads=threads, cache_limit_bytes=256 * 2**20)

    def compile(self, regex: str) -> Any:
        """The compiled form of a regular expression that the whole answer must match; raises InvalidInputError."""
        try:
            return self._compiler.compile_regex(regex)
        except RuntimeError as error:
            raise InvalidInputError(f"structured_outputs.regex cannot be compiled: {error}") from error


def constrain(logits: Tensor, rows: list[Sequence]) -> None:
    """Set to -inf, in place, what each guided row's grammar does not admit next. `logits` is [rows, vocabulary]."""
    guided = [i for i, row in enumerate(rows) if row.sampling.grammar is not None]
    if not guided:
        return
    bitmask = xgrammar.allocate_token_bitmask(len(rows), logits.shape[1])
    for i in guided:
        row = rows[i]
        if row.matcher is None:
            row.matcher = xgrammar.GrammarMatcher(row.sampling.grammar)
        row.matcher.fill_next_token_bitmask(bitmask, i)
    xgrammar.apply_token_bitmask_inplace(logits, bitmask, indices=guided)
