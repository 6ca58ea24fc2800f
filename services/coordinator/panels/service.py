"""Panels as they are stored: make one, find one, say what it holds."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.coordinator.models import Corpus, Headline, Panel
from services.coordinator.panels.queries import _calendar, find_panel
from services.coordinator.panels.rules import Candidate, draw
from services.coordinator.panels.schemas import PanelRequest
from shared.errors import ConflictError, InvalidInputError


def create_panel(session: Session, corpus: Corpus, request: PanelRequest) -> tuple[Panel, bool]:
    """Make a panel, and whether it is new: the same request again answers the panel that it made.

    Raises ConflictError if the name stands for another one, InvalidInputError if there are too few headlines.
    """
    stored = session.scalars(select(Panel).where(Panel.corpus_id == corpus.id, Panel.name == request.name))
    if (panel := stored.one_or_none()) is not None:
        _refuse_another(corpus, panel, request)
        return panel, False
    candidates = _candidates(session, corpus, request)
    chosen = draw(candidates, request.headlines, request.seed)
    if len(chosen) < request.headlines:
        raise InvalidInputError(_too_few(session, corpus, request, len(chosen)))
    values = {
        "corpus_id": corpus.id,
        "name": request.name,
        "headline_ids": [candidate.id for candidate in chosen],
        "first": request.first or min(candidate.date for candidate in candidates),
        "last": request.last or max(candidate.date for candidate in candidates),
        "seed": request.seed,
        "asked": _asked(request),
    }
    made = session.scalar(insert(Panel).values(values).on_conflict_do_nothing().returning(Panel.id))
    panel = find_panel(session, corpus, request.name)
    _refuse_another(corpus, panel, request)
    return panel, made is not None


def _asked(request: PanelRequest) -> dict[str, object]:
    return request.model_dump(mode="json", by_alias=True, exclude={"name"})


def _refuse_another(corpus: Corpus, panel: Panel, request: PanelRequest) -> None:
    wanted = _asked(request)
    stored = panel.asked or {
        "from": str(panel.first),
        "to": str(panel.last),
        "headlines": len(panel.headline_ids),
        "seed": panel.seed,
    }
    differing = [
        f"{key} {'open' if stored[key] is None else stored[key]}, not {'open' if asked is None else asked}"
        for key, asked in wanted.items()
        if stored[key] != asked
    ]
    if differing:
        raise ConflictError(
            f"name: panel {panel.name!r} of corpus {corpus.name!r} was made with {'; '.join(differing)}, and a panel "
            "never changes; choose another name"
        )


def _candidates(session: Session, corpus: Corpus, request: PanelRequest) -> list[Candidate]:
    """The sound headlines of the range that a later day of the corpus can settle."""
    if request.first and request.last and request.first > request.last:
        raise InvalidInputError(f"from: {request.first} lies after to ({request.last}); swap them")
    last_day = select(func.max(Headline.date)).where(Headline.corpus_id == corpus.id, Headline.flag.is_(None))
    query = select(Headline.id, Headline.date, Headline.position, Headline.text_key).where(
        Headline.corpus_id == corpus.id, Headline.flag.is_(None), Headline.date < last_day.scalar_subquery()
    )
    if request.first:
        query = query.where(Headline.date >= request.first)
    if request.last:
        query = query.where(Headline.date <= request.last)
    return [Candidate(*row) for row in session.execute(query.order_by(Headline.date, Headline.position))]


def _too_few(session: Session, corpus: Corpus, request: PanelRequest, found: int) -> str:
    days = _calendar(session, corpus.id)
    span = f"its days with sound dates lie from {days[0]} to {days[-1]}" if days else "it has no day with sound dates"
    return (
        f"headlines: corpus {corpus.name!r} has {found} different headlines with a sound date and an outcome day from "
        f"{request.first or 'its start'} to {request.last or 'its end'}, not {request.headlines}: ask for fewer or "
        f"widen from and to; {span}, and the last of them has no outcome day"
    )
