"""Attention while prompts are read and while answers are decoded.

What prompts have in common is read and kept once: all answers of a policy attend to it in one product.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from services.inference.cpu_engine.model.keys import Prompt, Rows, Trunk


class Attention(Protocol):
    """Where the tokens of a forward pass look. They lie one behind the other, of whatever rows they are."""

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """From [tokens, heads, dim] (fewer heads for key and value) to [tokens, heads x dim]; keys are stored."""
        ...


@dataclass(frozen=True, eq=False)
class Span:
    """A prompt that is being read: `own` has room for all tokens behind the trunk, the first `known` of them filled."""

    trunk: Trunk | None
    own: Tensor
    known: int

    @property
    def fresh(self) -> int:
        """How many tokens are read."""
        return self.own.shape[3] - self.known


class Reading:
    """Attention of prompts that are read together: each to its own trunk and tokens."""

    def __init__(self, spans: list[Span]) -> None:
        self._spans = spans
        self._masks = [_causal(span) for span in spans]

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """See `Attention`."""
        tokens, heads, dim = query.shape
        result = query.new_empty(tokens, heads, dim)
        start = 0
        for span, mask in zip(self._spans, self._masks, strict=True):
            end = start + span.fresh
            span.own[layer, 0, :, span.known :] = key[start:end].transpose(0, 1)
            span.own[layer, 1, :, span.known :] = value[start:end].transpose(0, 1)
            keys, values = span.own[layer]
            if span.trunk is not None:
                keys, values = torch.cat((span.trunk.keys[layer], span.own[layer]), 2)
            result[start:end] = _grouped(query[start:end], keys, values, mask)
            start = end
        return result.view(tokens, heads * dim)


def _causal(span: Span) -> Tensor:
    """True where a fresh token may look: at what lies before it and at itself; [fresh, trunk and own]."""
    behind = span.own.shape[3] + (len(span.trunk.ids) if span.trunk else 0)
    return torch.ones(span.fresh, behind, dtype=torch.bool).tril(behind - span.fresh)


def _grouped(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """[tokens, heads, dim] over keys and values [shared heads, places, dim], whose copies for repeats are not made."""
    tokens, _, dim = query.shape
    shared = keys.shape[0]
    together = query.view(tokens, shared, -1, dim).permute(1, 2, 0, 3)
    repeats = together.shape[1]
    flat = together.reshape(1, shared, repeats * tokens, dim)
    out = scaled_dot_product_attention(flat, keys[None], values[None], attn_mask=mask.repeat(repeats, 1)[None, None])
    return out.view(shared, repeats, tokens, dim).permute(2, 0, 1, 3).reshape(tokens, -1, dim)


class Answers:
    """Attention of answers being decoded; row i continues `prompts[i]` and has stored `lengths[i]` of its tokens."""

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []
        self.lengths: list[int] = []
        self._answers, self._owns = Rows(), Rows()
        self._own_rows: list[Prompt] = []
        self._uses: Counter[Prompt] = Counter()
        self._step: _Step

    def join(self, prompt: Prompt) -> None:
        """Add a row whose answer has no stored tokens yet."""
        self.prompts.append(prompt)
        self.lengths.append(0)
        self._answers.append(prompt.own)
        self._uses[prompt] += 1
        if self._uses[prompt] == 1 and prompt.own_length:
            row = self._owns.append(prompt.own, prompt.own_length)
            self._owns.data[:, :, row, :, : prompt.own_length] = prompt.own
            self._own_rows.append(prompt)

    def leave(self, row: int) -> None:
        """Drop a row: the last one takes its index."""
        prompt = self.prompts[row]
        self._answers.remove(row, self.lengths[-1])
        self.prompts[row], self.lengths[row] = self.prompts[-1], self.lengths[-1]
        self.prompts.pop()
        self.lengths.pop()
        self._uses[prompt] -= 1
        if not self._uses[prompt]:
            del self._uses[prompt]
            if prompt.own_length:
                place = self._own_rows.index(prompt)
                self._owns.remove(place, self._own_rows[-1].own_length)
                self._own_rows[place] = self._own_rows[-1]
                self._own_rows.pop()

    def advance(self, counts: list[int]) -> Tensor:
        """Prepare for `counts[i]` ≥ 1 more tokens of row i. Returns the positions [tokens].

        The tokens of a step are the first one of every row, in their order, and then the further ones, row by row.
        """
        rows = list(range(len(counts)))
        rows += [row for row, count in enumerate(counts) for _ in range(count - 1)]
        places = self.lengths + [self.lengths[row] + i for row, n in enumerate(counts) for i in range(1, n)]
        self.lengths = [length + count for length, count in zip(self.lengths, counts, strict=True)]
        self._answers.reserve(self.prompts[0].own, max(self.lengths))
        self._step = _Step(self.prompts, rows, places, self._own_rows, max(self.lengths))
        return self._step.positions

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """See `Attention`."""
        step, tokens, dim = self._step, query.shape[0], query.shape[2]
        shared = key.shape[1]
        query = (query * dim**-0.5).view(tokens, shared, -1, dim)
        stored = self._answers.data[layer]
        stored[:, step.rows, :, step.places] = torch.stack((key, value), 1)
        keys, values = stored[:, : step.count, :, : step.width]
        scores = query.new_empty((tokens, shared, query.shape[2], step.trunk + step.own + step.width))
        answers, owns = scores[..., step.trunk + step.own :], scores[..., step.trunk : step.trunk + step.own]
        step.trunk_scores(layer, query, scores)
        if step.own:
            owns.copy_(step.over_prompts(query, self._owns.data[layer, 0].transpose(2, 3)[..., : step.own]))
        step.over_rows(query, keys.transpose(2, 3), answers)
        scores[..., step.trunk :].masked_fill_(step.hidden, -torch.inf)
        weights = scores.softmax(-1)
        result = torch.empty_like(query)
        step.over_rows(weights[..., step.trunk + step.own :], values, result)
        if step.own:
            own_weights = weights[..., step.trunk : step.trunk + step.own]
            result += step.over_prompts(own_weights, self._owns.data[layer, 1, :, :, : step.own])
        step.add_trunk_values(layer, weights, result)
        return result.view(tokens, -1)


class _Step:
    """The indices of one decoding step: which row and prompt each token has, and what it may not look at."""

    def __init__(
        self, prompts: list[Prompt], rows: list[int], places: list[int], owns: list[Prompt], width: int
    ) -> None:
        self.count, self.width = len(prompts), width
        self.rows, self.places = torch.tensor(rows), torch.tensor(places)
        self.positions = torch.tensor([len(prompts[row].ids) for row in rows]) + self.places
        self.own = max((prompt.own_length for prompt in owns), default=0)
        self.trunk = max(len(prompt.trunk.ids) for prompt in prompts)
        by_trunk: dict[Trunk, list[int]] = {}
        for token, row in enumerate(rows):
            by_trunk.setdefault(prompts[row].trunk, []).append(token)
        self._trunks = [(_selector(tokens), trunk) for trunk, tokens in by_trunk.items()]
        own_lengths = torch.tensor([prompts[row].own_length for row in rows])
        hidden = torch.cat(
            (
                torch.arange(self.own) >= own_lengths[:, None],
                torch.arange(width) > self.places[:, None],
            ),
            1,
        )
        self.hidden = hidden[:, None, None]
        if self.own:
            self._index_prompts([prompts[row] for row in rows], owns)

    def _index_prompts(self, prompts: list[Prompt], owns: list[Prompt]) -> None:
        """Lay the tokens out as a table [prompts, most tokens of one], so that one product serves them all."""
        number = {prompt: index for index, prompt in enumerate(owns)}
        members: list[list[int]] = [[] for _ in owns]
        at: list[tuple[int, int]] = []
        for token, prompt in enumerate(prompts):
            index = number.get(prompt, 0)  # one without own tokens may look at any: all of it is hidden from it
            at.append((index, len(members[index])))
            members[index].append(token)
        depth = max(map(len, members))
        self._table = torch.tensor([some + [0] * (depth - len(some)) for some in members])
        self._prompt, self._place = torch.tensor(at).unbind(1)

    def trunk_scores(self, layer: int, query: Tensor, scores: Tensor) -> None:
        """Fill in the scores of every token's trunk; the rest of the longest trunk's places is hidden."""
        for tokens, trunk in self._trunks:
            length = len(trunk.ids)
            part = _together(query[tokens]) @ trunk.keys[layer, 0].transpose(1, 2)
            scores[tokens, ..., :length] = _apart(part, query.shape[2])
            if length < self.trunk:
                scores[tokens, ..., length : self.trunk] = -torch.inf

    def add_trunk_values(self, layer: int, weights: Tensor, result: Tensor) -> None:
        """Add every token's weighted values of its trunk."""
        for tokens, trunk in self._trunks:
            part = _together(weights[tokens, ..., : len(trunk.ids)]) @ trunk.keys[layer, 1]
            result[tokens] += _apart(part, result.shape[2])

    def over_prompts(self, left: Tensor, right: Tensor) -> Tensor:
        """[tokens, heads, repeats, x] times [heads, x, y] of each token's prompt: [tokens, heads, repeats, y]."""
        prompts, depth = self._table.shape
        table = left[self._table].transpose(1, 2)
        heads, repeats = table.shape[1], table.shape[3]
        product = table.reshape(prompts, heads, depth * repeats, -1) @ right[:prompts]
        apart = product.view(prompts, heads, depth, repeats, -1)
        return apart[self._prompt, :, self._place]

    def over_rows(self, left: Tensor, right: Tensor, out: Tensor) -> None:
        """Write [tokens, heads, repeats, x] times each token's row's [rows, heads, x, y] to `out`."""
        out[: self.count] = left[: self.count] @ right
        if len(left) > self.count:
            out[self.count :] = left[self.count :] @ right[self.rows[self.count :]]


def _selector(tokens: list[int]) -> slice | Tensor:
    """What selects these ascending tokens: a slice, which copies nothing, if they lie side by side."""
    first, last = tokens[0], tokens[-1]
    return slice(first, last + 1) if last - first + 1 == len(tokens) else torch.tensor(tokens)


def _together(tokens: Tensor) -> Tensor:
    """[tokens, heads, repeats, x] to [heads, tokens x repeats, x]."""
    return tokens.transpose(0, 1).reshape(tokens.shape[1], -1, tokens.shape[3])


def _apart(together: Tensor, repeats: int) -> Tensor:
    """The inverse of `_together`."""
    return together.view(together.shape[0], -1, repeats, together.shape[2]).transpose(0, 1)
