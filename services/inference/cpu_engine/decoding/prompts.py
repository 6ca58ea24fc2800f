"""Reading prompts: each distinct one once, several at a time, and of a new one only what no earlier one shared."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import torch
from torch import Tensor

from services.inference.cpu_engine.model.attention import Reading, Span
from services.inference.cpu_engine.model.decoder import Decoder
from services.inference.cpu_engine.model.keys import Prompt, Trunk

WORTH_SHARING: Final = 16
"""Tokens from which on a common beginning becomes a trunk: every trunk is a product of its own at each step."""
TOGETHER: Final = 2048
"""Tokens of prompts that are read in one pass, at most; a longer prompt is read alone."""


def shared_length(left: Sequence[int], right: Sequence[int]) -> int:
    """How many tokens two prompts have in common from the start."""
    for index, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return index
    return min(len(left), len(right))


class _Start(NamedTuple):
    """What is known of a new prompt: the trunk, and the keys of some tokens behind it in an earlier prompt."""

    trunk: Trunk | None
    known: Tensor | None
    fresh: bool = False
    """Whether the trunk is a new cut of another prompt's."""

    @property
    def length(self) -> int:
        behind = 0 if self.known is None else self.known.shape[3]
        return (0 if self.trunk is None else len(self.trunk.ids)) + behind


_NOTHING: Final = _Start(None, None)
_New = tuple[tuple[int, ...], _Start]


class Prompts:
    """The prompts that were read last, per policy, at most `max_tokens` tokens of them.

    A policy is known by its identity and not by its name, which another may bear after it was unloaded.
    """

    def __init__(self, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        self.tokens_asked = 0
        self.tokens_reused = 0
        self._kept: OrderedDict[tuple[Hashable, tuple[int, ...]], Prompt] = OrderedDict()

    def read(self, decoder: Decoder, policy: Hashable, wanted: Sequence[tuple[int, ...]]) -> list[Prompt]:
        """Prompts, in order, that a policy with this decoder continues; every one is distinct."""
        self.tokens_asked += sum(map(len, wanted))
        found = {ids: self._kept[policy, ids] for ids in wanted if (policy, ids) in self._kept}
        self.tokens_reused += sum(map(len, found))
        for ids in found:
            self._kept.move_to_end((policy, ids))
        new = [ids for ids in wanted if ids not in found]
        while new:
            starts = [(ids, self._start(policy, ids)) for ids in new]
            # A prompt that shares nothing is read first and alone: the others may share its beginning.
            strange = next((pair for pair in starts if not pair[1].length), None)
            for pack in _packs([strange] if strange else starts):
                for prompt in _read(decoder, pack):
                    found[prompt.ids] = self._kept[policy, prompt.ids] = prompt
                self.tokens_reused += sum(start.length for _, start in pack)
            new = [ids for ids in new if ids not in found]
        self._forget()
        return [found[ids] for ids in wanted]

    def drop(self, policy: Hashable) -> None:
        """Drop what was kept for a policy, to free its memory."""
        for known, ids in list(self._kept):
            if known == policy:
                del self._kept[(known, ids)]

    def clear(self) -> None:
        """Drop all that was kept: it was computed with weights that are replaced."""
        self._kept.clear()

    def _forget(self) -> None:
        while self._size() > self.max_tokens and self._kept:
            self._kept.popitem(last=False)

    def _size(self) -> int:
        trunks = {prompt.trunk for prompt in self._kept.values()}
        return sum(len(trunk.ids) for trunk in trunks) + sum(prompt.own_length for prompt in self._kept.values())

    def _start(self, policy: Hashable, ids: tuple[int, ...]) -> _Start:
        # The last token is always read anew: its logits are what sampling starts from.
        wanted = ids[:-1]
        whole: tuple[int, Prompt | None] = (0, None)
        part: tuple[int, Prompt | None] = (0, None)
        for (known, _), prompt in self._kept.items():
            if known != policy:
                continue
            trunk = prompt.trunk.ids
            if wanted[: len(trunk)] == trunk:
                shared = len(trunk) + shared_length(prompt.ids[len(trunk) :], wanted[len(trunk) :])
                whole = max(whole, (shared, prompt), key=_length)
            elif wanted[: part[0]] == trunk[: part[0]]:
                part = max(part, (shared_length(trunk, wanted), prompt), key=_length)
        # A new trunk is a product of its own at every step: it must save something.
        if part[1] is not None and part[0] >= whole[0] + WORTH_SHARING:
            return _Start(Trunk(ids[: part[0]], part[1].first(0, part[0])), None, fresh=True)
        if whole[1] is None:
            return _NOTHING
        behind = len(whole[1].trunk.ids)
        return _Start(whole[1].trunk, whole[1].first(behind, whole[0]) if whole[0] > behind else None)


def _length(found: tuple[int, Prompt | None]) -> int:
    return found[0]


def _packs(items: list[_New]) -> list[list[_New]]:
    """Cut into runs of at most TOGETHER tokens to read."""
    packs: list[list[_New]] = []
    tokens = 0
    for ids, start in _with_common_trunk(items):
        fresh = len(ids) - start.length
        tokens += fresh
        if not packs or tokens > TOGETHER:
            packs.append([])
            tokens = fresh
        packs[-1].append((ids, start))
    return packs


def _with_common_trunk(items: list[_New]) -> list[_New]:
    """Cut new trunks to what they have in common, so that prompts which happen to share a word more share one trunk."""
    common: Trunk | None = None
    for _, start in items:
        if start.fresh and start.trunk is not None:
            common = common or start.trunk
            shared = shared_length(common.ids, start.trunk.ids)
            if WORTH_SHARING <= shared < len(common.ids):
                common = Trunk(common.ids[:shared], common.keys[:, :, :, :shared])
    if common is None:
        return items
    return [
        (ids, _Start(common, None) if start.fresh and ids[: len(common.ids)] == common.ids else start)
        for ids, start in items
    ]


def _read(decoder: Decoder, pack: list[_New]) -> list[Prompt]:
    """Prompts read in one pass."""
    spans = [_span(decoder, ids, start) for ids, start in pack]
    tokens = torch.tensor([token for ids, start in pack for token in ids[start.length :]])
    positions = torch.cat([torch.arange(start.length, len(ids)) for ids, start in pack])
    ends = torch.tensor(list(accumulate(span.fresh for span in spans))) - 1
    logits = decoder.logits(tokens, positions, Reading(spans), ends)
    return [_prompt(ids, span, row) for (ids, _), span, row in zip(pack, spans, logits, strict=True)]


def _span(decoder: Decoder, ids: tuple[int, ...], start: _Start) -> Span:
    behind = len(ids) - (0 if start.trunk is None else len(start.trunk.ids))
    shape = (len(decoder.layers), 2, decoder.shared, behind, decoder.dim)
    own = torch.empty(shape, dtype=decoder.embeddings.dtype)
    known = 0 if start.known is None else start.known.shape[3]
    if start.known is not None:
        own[:, :, :, :known] = start.known
    return Span(start.trunk, own, known)


def _prompt(ids: tuple[int, ...], span: Span, logits: Tensor) -> Prompt:
    """A prompt without a trunk is the trunk of those to come."""
    if span.trunk is None:
        return Prompt(ids, Trunk(ids, span.own), span.own[:, :, :, :0], logits.clone())
    return Prompt(ids, span.trunk, span.own, logits.clone())
