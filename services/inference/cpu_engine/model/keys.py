"""Keys and values: of prompts, whose common beginning exists once, and of answers, padded side by side."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Trunk:
    """The first tokens of one or more prompts; keys and values are [layers, 2, heads, tokens, dim]."""

    ids: tuple[int, ...]
    keys: Tensor


@dataclass(frozen=True, eq=False)
class Prompt:
    """A prompt that was read: its trunk, the keys and values of its `own` tokens behind it, the logits that follow.

    `ids` are all its tokens, `own` is [layers, 2, heads, tokens, dim] (possibly of no token), `logits` [vocabulary].
    """

    ids: tuple[int, ...]
    trunk: Trunk
    own: Tensor
    logits: Tensor

    @property
    def own_length(self) -> int:
        """How many tokens stand behind the trunk."""
        return self.own.shape[3]

    def first(self, start: int, end: int) -> Tensor:
        """Keys and values of the tokens from `start` to `end`, which lie in the trunk or behind it, not in both."""
        begin = len(self.trunk.ids)
        return self.trunk.keys[:, :, :, start:end] if end <= begin else self.own[:, :, :, start - begin : end - begin]


class Rows:
    """Keys and values of rows of different lengths in one tensor [layers, 2, rows, heads, tokens, dim].

    It doubles when there are more rows, or longer ones, than it holds. A row that leaves is replaced by the last one.
    """

    def __init__(self) -> None:
        self.data: Tensor
        self.count = 0
        self._empty = True

    def append(self, like: Tensor, width: int = 1) -> int:
        """Add a row of `width` places, shaped and typed like one [layers, 2, heads, tokens, dim]. Returns its index."""
        self.count += 1
        self.reserve(like, width)
        return self.count - 1

    def reserve(self, like: Tensor, width: int) -> None:
        """Have `width` places in every row."""
        layers, two, heads, _, dim = like.shape
        rows, places = (0, 0) if self._empty else (self.data.shape[2], self.data.shape[4])
        if self.count <= rows and width <= places:
            return
        more = (max(rows, 8) if self.count <= max(rows, 8) else 2 * rows, places if width <= places else 2 * width)
        grown = like.new_zeros((layers, two, max(more[0], self.count), heads, more[1], dim))
        if not self._empty:
            grown[:, :, :rows, :, :places] = self.data
        self.data, self._empty = grown, False

    def remove(self, row: int, width: int) -> None:
        """Drop a row: the last one, of whose places `width` are in use, takes its index."""
        self.count -= 1
        if row != self.count:
            self.data[:, :, row, :, :width] = self.data[:, :, self.count, :, :width]
