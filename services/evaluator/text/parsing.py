"""Parses the texts of a group, each by itself, before they are ranked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.evaluator.inputs import ScoringInputs
from services.evaluator.text.originality import Evidence, Source
from services.evaluator.text.settlement import Settler
from shared.forecast import Judgement, format_named
from shared.wire import GroupToScore, Settlement


@dataclass(frozen=True)
class ParsedText:
    """A text with its verdict, its claim, and the words of it that are its own.

    `claim` is what a ranker compares with the outcomes: the Claim slot if there is a sound one, else the text; empty if
    nothing in it is the text's own (empty text, template, headline, copied example) or if it abstains. `statement` is
    the same whether or not it is the text's own, `subject` that with the Proxy before it. `form_score` in [0, 1].
    `settlement` is there if it could be settled.
    """

    text: str
    judgement: Judgement
    evidence: Evidence
    statement: str
    subject: str
    claim: str
    form_score: float
    settlement: Settlement | None = None

    @property
    def brier(self) -> float | None:
        """The Brier score of the settled claim, in [0, 1]; None if there is none."""
        return self.settlement.brier if self.settlement else None


class TextParser:
    """Parses the texts of one group, its reference's by the same rules."""

    def __init__(self, group: GroupToScore, inputs: ScoringInputs) -> None:
        self._group = group
        self._format = format_named(inputs.config.format)
        self._source = Source.of(f"{self._format.template}\n{group.prompt_text}", group.headline)
        self._date = group.date or (inputs.date if group.outcomes is None else None)
        self._settler = Settler(inputs.prices, inputs.config)

    def parse(self, texts: Iterable[str]) -> list[ParsedText]:
        """The parsed texts, in the order given. Raises UnavailableError if closes of a matured claim are missing."""
        return [self._parse(text) for text in texts]

    def _parse(self, text: str) -> ParsedText:
        headline = self._group.headline
        judgement = self._format.judge(text, headline)
        statement = "" if judgement.verdict == "abstained" else judgement.slots.get("Claim", text).strip()
        subject = f"{judgement.slots.get('Proxy', '')}: {statement}".removeprefix(": ") if statement else ""
        claim = statement if Evidence(statement, self._source).has_own_words else ""
        return ParsedText(
            text=text,
            judgement=judgement,
            evidence=Evidence(text, self._source),
            statement=statement,
            subject=subject,
            claim=claim,
            form_score=self._format.form_score(text, headline),
            settlement=self._settler.settle(judgement.slots, self._date) if claim and self._date else None,
        )
