"""Reading prompts: each distinct one once, and of a new one only what no earlier prompt began with."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

import torch

from services.inference.cpu_engine.model.attention import Prompt


def shared_length(left: tuple[int, ...], right: tuple[int, ...]) -> int:
    """How many tokens two prompts have in common from the start."""
    for index, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return index
    return min(len(left), len(right))


class Prompts:
    """The prompts that were read last, per policy, at most `max_tokens` tokens of them.

    A policy is known by its identity and not by its name, which another may bear after it was unloaded.
    """

    def __init__(self, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        self.tokens_asked = 0
        self.tokens_reused = 0
        self._kept: OrderedDict[tuple[Hashable, tuple[int, ...]], Prompt] = OrderedDict()

    @torch.inference_mode()
    def read(self, model: Any, policy: Hashable, ids: tuple[int, ...]) -> Prompt:
        """Keys, values and next-token logits of a prompt under a policy, whose active model is `model`."""
        self.tokens_asked += len(ids)
        prompt = self._kept.pop((policy, ids), None)
        if prompt is None:
            known, shared = self._closest(policy, ids)
            prompt = _read(model, ids, known, shared)
            self.tokens_reused += shared
        else:
            self.tokens_reused += len(ids)
        self._kept[(policy, ids)] = prompt
        while sum(len(kept) for _, kept in self._kept) > self.max_tokens:
            self._kept.popitem(last=False)
        return prompt

    def drop(self, policy: Hashable) -> None:
        """Drop what was kept for a policy, to free its memory."""
        for known, ids in list(self._kept):
            if known == policy:
                del self._kept[(known, ids)]

    def clear(self) -> None:
        """Drop all that was kept: it was computed with weights that are replaced."""
        self._kept.clear()

    def _closest(self, policy: Hashable, ids: tuple[int, ...]) -> tuple[Prompt | None, int]:
        # The last token is always read anew: its logits are what sampling starts from.
        candidates = [(shared_length(p.ids, ids[:-1]), p) for (known, _), p in self._kept.items() if known == policy]
        shared, prompt = max(candidates, key=lambda pair: pair[0], default=(0, None))
        return (prompt, shared) if shared else (None, 0)


def _read(model: Any, ids: tuple[int, ...], known: Prompt | None, shared: int) -> Prompt:
    from transformers import DynamicCache

    cache, mask = DynamicCache(), None
    if known is not None:
        for layer, (keys, values) in enumerate(known.layers):
            cache.update(keys[None, :, :shared], values[None, :, :shared], layer)
        mask = torch.ones(len(ids) - shared, len(ids), dtype=torch.bool).tril(shared)[None, None]
    out = model(
        input_ids=torch.tensor([ids[shared:]]),
        position_ids=torch.arange(shared, len(ids))[None],
        attention_mask=mask,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    return Prompt(ids, [(layer.keys[0], layer.values[0]) for layer in cache.layers], out.logits[0, -1].clone())
