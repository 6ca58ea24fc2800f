"""Diversity of the lines of a group: distinct-n and the share of duplicates.

Distinct-n is taken over pairs of lines: over whole groups it falls with every further line, however different, and
would call a policy monotonous for writing more valid lines. Source of the figure: Li et al. 2016, arXiv 1510.03055.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain

from services.coordinator.stats.means import mean_or_none

_WORD = re.compile(r"\w+(?:[.,'’]\w+)*%?")


@lru_cache(maxsize=10_000)
def words(text: str) -> tuple[str, ...]:
    """The words and numbers of a text in lower case, without punctuation: `2.5%` is one, `Prob=60%` two."""
    return tuple(_WORD.findall(text.lower()))


def _grams(text: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(text[start : start + n]) for start in range(len(text) - n + 1)]


def distinct(texts: Sequence[str], n: int) -> float | None:
    """Distinct-n of the pairs of a group's texts: different n-grams over all n-grams, both summed over the pairs.

    In [0, 1]; of two texts the ordinary distinct-n. None for fewer than two texts, or if none has n words. A pair of
    equal texts without repetitions has .5, a pair without a common n-gram and without repetitions has 1.
    """
    lines = [_grams(words(text), n) for text in texts]
    # Each line is in len(lines) − 1 pairs, so that no pair has to be formed: a group may have 64 lines.
    total = (len(lines) - 1) * sum(map(len, lines))
    if total <= 0:
        return None
    sets = [set(line) for line in lines]
    # An n-gram of k lines is shared by k(k − 1)/2 pairs, and counts once in each of them.
    shared = sum(count * (count - 1) // 2 for count in Counter(chain.from_iterable(sets)).values())
    return ((len(sets) - 1) * sum(map(len, sets)) - shared) / total


def mean_distinct(groups: Iterable[Sequence[str]], n: int) -> float | None:
    """The mean of `distinct` over groups; None if no group has two texts."""
    return mean_or_none(distinct(texts, n) for texts in groups)


def duplicate_share(groups: Iterable[Sequence[str]]) -> float | None:
    """Share of texts, in [0, 1], whose words are those of an earlier text of their group; None without a text."""
    texts = [[words(text) for text in group] for group in groups]
    total = sum(map(len, texts))
    return sum(len(group) - len(set(group)) for group in texts) / total if total else None
