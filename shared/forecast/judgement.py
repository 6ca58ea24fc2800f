"""What a text is worth in its format."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.forecast.slots import Slots
from shared.wire import Verdict


@dataclass(frozen=True)
class Judgement:
    """The verdict on a text: strict, normalized (a near miss put right), malformed or abstained.

    `slots` are the parts of the forecast by name: all of a valid text's, in their strict form, and those that stand on
    their own of a malformed one's. What a ranker compares with outcomes is the slot `Claim`, or the whole text in a
    format that has none. `normalized_text` is the strict form of a valid text (for `strict` the text itself).
    `failed_slot` is the first part that failed, None where the text as a whole did; `failure` says why in words.
    """

    verdict: Verdict
    slots: Slots = field(default_factory=dict)
    normalized_text: str | None = None
    changes: tuple[str, ...] = ()
    failed_slot: str | None = None
    failure: str | None = None

    @property
    def valid(self) -> bool:
        """Whether the text counts as a forecast: strict or normalized."""
        return self.verdict in ("strict", "normalized")
