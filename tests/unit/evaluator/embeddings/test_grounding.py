"""A line is about its headline if it fits that better than the others of the day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.evaluator.embeddings.grounding import groundings, others
from services.evaluator.embeddings.model import Vectors

HEADLINE = "Williams-Sonoma lifts its outlook"
PEERS = ("Oil falls as OPEC pumps more", HEADLINE, "Fed holds rates", "Apple unveils a phone", "Fed holds rates")
DIRECTIONS = {
    HEADLINE: (1.0, 0.0, 0.0, 0.0),
    PEERS[0]: (0.0, 1.0, 0.0, 0.0),
    "Fed holds rates": (0.0, 0.0, 1.0, 0.0),
    "Apple unveils a phone": (0.0, 0.0, 0.0, 1.0),
    "WSM: shares rise": (0.9, 0.1, 0.0, 0.0),
    "US yield: falls": (0.1, 0.2, 0.9, 0.1),
    "of nothing": (0.5, 0.5, 0.5, 0.5),
}


class Directions:
    """An embedder that knows a few texts."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.array([DIRECTIONS[text] for text in texts], dtype=np.float32)


def test_own_headline_is_excluded_from_peers_whatever_its_case_and_spaces() -> None:
    assert others("Fed  HOLDS rates", PEERS) == [PEERS[0], HEADLINE, "Apple unveils a phone"]


def test_grounding_is_the_share_of_less_similar_headlines_with_ties_half() -> None:
    found = groundings(Directions(), HEADLINE, ["WSM: shares rise", "US yield: falls", "of nothing", ""], PEERS)
    # The second is nearer to oil (.2) and the Fed (.9) than to its own headline (.1), and ties with Apple.
    assert found == [1.0, 0.5 / 3, 0.5, 0.0]


def test_restated_headline_has_full_grounding() -> None:
    assert groundings(Directions(), HEADLINE, [HEADLINE], PEERS) == [1.0]


def test_without_other_headlines_there_is_no_grounding() -> None:
    assert groundings(Directions(), HEADLINE, ["WSM: shares rise"], [HEADLINE, HEADLINE.upper()]) is None
    assert groundings(Directions(), HEADLINE, [""], PEERS) == [0.0]
