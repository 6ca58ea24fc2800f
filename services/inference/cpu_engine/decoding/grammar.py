"""Constrained decoding: regular expressions compiled by xgrammar, their masks on logits, and the text they force."""

from __future__ import annotations

from typing import Any

import xgrammar
from torch import Tensor

from services.inference.cpu_engine.decoding.sequence import Sequence, Token
from shared.errors import InvalidInputError


class Grammars:
    """Compiled grammars over one tokenizer; the compiler keeps what it compiled."""

    def __init__(self, tokenizer: Any, vocabulary: int, end_ids: frozenset[int], threads: int) -> None:
        info = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=vocabulary, stop_token_ids=sorted(end_ids))
        self._compiler = xgrammar.GrammarCompiler(info, max_threads=threads, cache_limit_bytes=256 * 2**20)
        self._tokenizer = tokenizer
        self._tokens: dict[str, list[int]] = {}

    def compile(self, regex: str) -> Any:
        """The compiled form of a regular expression that the whole answer must match; raises InvalidInputError."""
        try:
            return self._compiler.compile_regex(regex)
        except RuntimeError as error:
            raise InvalidInputError(f"structured_outputs.regex cannot be compiled: {error}") from error

    def forced(self, row: Sequence) -> list[Token]:
        """The tokens of the text that has no alternative next, each with log-probability 0; often none.

        They are what the tokenizer makes of that text. A space at its end is left to be sampled: tokens begin with one.
        """
        matcher = matcher_of(row)
        if matcher.is_terminated():
            return []
        text = matcher.find_jump_forward_string().rstrip(" ")
        if not text:
            return []
        if text not in self._tokens:
            ids = list(self._tokenizer(text, add_special_tokens=False).input_ids)
            # Some tokenizers put a space before every text, which the grammar does not admit.
            self._tokens[text] = ids if self._tokenizer.decode(ids) == text else []
        tokens = self._tokens[text]
        reported = min(row.sampling.logprobs, 1)
        return [Token(token, 0.0, [(token, 0.0)] * reported) for token in tokens]


def matcher_of(row: Sequence) -> Any:
    """The state of a guided row in its grammar."""
    if row.matcher is None:
        row.matcher = xgrammar.GrammarMatcher(row.sampling.grammar)
    return row.matcher


def constrain(logits: Tensor, rows: list[Sequence]) -> None:
    """Set to -inf, in place, what each guided row's grammar does not admit next. `logits` is [rows, vocabulary]."""
    guided = [i for i, row in enumerate(rows) if row.sampling.grammar is not None]
    if not guided:
        return
    bitmask = xgrammar.allocate_token_bitmask(len(rows), logits.shape[1])
    for i in guided:
        matcher_of(rows[i]).fill_next_token_bitmask(bitmask, i)
    xgrammar.apply_token_bitmask_inplace(logits, bitmask, indices=guided)
