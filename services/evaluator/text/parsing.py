"""What the texts of a group say, each for itself, before they are compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.evaluator.context import Job
from services.evaluator.text.originality import Evidence, Source
from services.evaluator.text.settlement import Settler
from shared.forecast import Judgement, format_named
from shared.wire import GroupToScore, Settlement


@dataclass(frozen=True)
class Reading:
    """A text, the verdict on it, and what of it is its own.

    `claim` is what a ranker compares with the outcomes: the Claim slot if there is a sound one, else the text; empty if
    nothing in it is the text's own (empty text, template, headline, copied example) or if it abstains. `said` is the
    same whether or not it is the text's own, `subject` that with the Proxy before it. `form_score` in [0, 1].
    `settlement` is there if it could be settled.
    """

    text: str
    judgement: Judgement
    evidence: Evidence
    said: str
    subject: str
    claim: str
    form_score: float
    settlement: Settlement | None = None

    @property
    def brier(self) -> float | None:
        """The Brier score of the settled claim, in [0, 1]; None if there is none."""
        return self.settlement.brier if self.settlement else None


class Reader:
    """Reads the texts of one group, its reference's by the same rules."""

    def __init__(self, group: GroupToScore, job: Job) -> None:
        self._group = group
        self._format = format_named(job.config.format)
        self._source = Source.of(f"{self._format.template}\n{group.prompt_text}", group.headline)
        self._date = group.date or (job.date if group.outcomes is None else None)
        self._settler = Settler(job.prices, job.config)

    def read(self, texts: Iterable[str]) -> list[Reading]:
        """The readings, in the order of the texts."""
        return [self._read(text) for text in texts]

    def _read(self, text: str) -> Reading:
        headline = self._group.headline
        judgement = self._format.judge(text, headline)
        said = "" if judgement.verdict == "abstained" else judgement.slots.get("Claim", text).strip()
        subject = f"{judgement.slots.get('Proxy', '')}: {said}".removeprefix(": ") if said else ""
        claim = said if Evidence(said, self._source).speaks else ""
        return Reading(
            text=text,
            judgement=judgement,
            evidence=Evidence(text, self._source),
            said=said,
            subject=subject,
            claim=claim,
            form_score=self._format.form_score(text, headline),
            settlement=self._settler.settle(judgement.slots, self._date) if claim and self._date else None,
        )
