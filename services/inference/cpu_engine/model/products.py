"""Products with a layer's weights, packed ahead for MKL.

A matrix product first copies its weights into the order in which the processor reads them. For the few rows of a
decoding step that copy costs as much as the product, and the weights are the same at every step: they are packed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import linear

ROWS: Final = 128
"""The rows that MKL packs for. Packed so, weights serve any number of rows; this one was fastest from 3 to 800."""


@dataclass(frozen=True)
class Product:
    """A linear layer: weight [out, in] and bias [out] or None."""

    weight: Tensor
    bias: Tensor | None

    def __call__(self, x: Tensor) -> Tensor:
        """[tokens, in] to [tokens, out]."""
        return linear(x, self.weight, self.bias)


@dataclass(frozen=True)
class PackedProduct(Product):
    """A product with `packed`, a copy of the weights in MKL's order; of `weight` it reads the shape only."""

    packed: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """[tokens, in] to [tokens, out]."""
        result: Tensor = torch.ops.mkl._mkl_linear(x, self.packed, self.weight, self.bias, len(x))
        return result


def packed(weight: Tensor, like: Product) -> Product:
    """The product with a weight, packed where torch stands on MKL. `like` has its shape and lends bias and weight."""
    if weight.dtype != torch.float32 or not torch.backends.mkl.is_available():  # type: ignore[no-untyped-call]
        return Product(weight, like.bias)
    return PackedProduct(like.weight, like.bias, torch.ops.mkl._mkl_reorder_linear_weight(weight, ROWS))
