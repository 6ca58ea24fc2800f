"""Create a panel."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.coordinator.models import Corpus, Headline, Panel
from services.coordinator.panels.queries import find_panel, sound_days
from services.coordinator.panels.rules import Candidate, seeded_sample
from services.coordinator.panels.schemas import PanelRequest
from shared.errors import ConflictError, InvalidInputError


def create_panel(session: Session, corpus: Corpus, request: PanelRequest) -> tuple[Panel, bool]:
    """Create a panel; returns it, and whether it is new: the same request again gets the panel that it created.

    Raises ConflictError if the name is taken by another one, InvalidInputError if there are too few headlines.
    """
    stored = session.scalars(select(Panel).where(Panel.corpus_id == corpus.id, Panel.name == request.name))
    if (panel := stored.one_or_none()) is not None:
        _refuse_another(corpus, panel, request)
        return panel, False
    candidates = _candidates(session, corpus, request)
    chosen = seeded_sample(candidates, request.headlines, request.seed)
    if len(chosen) < request.headlines:
        raise InvalidInputError(_too_few(session, corpus, request, len(chosen)))
    values = {
        "corpus_id": corpus.id,
        "name": request.name,
        "headline_ids": [candidate.id for candidate in chosen],
        "first": request.first or min(candidate.date for candidate in candidates),
        "last": request.last or max(candidate.date for candidate in candidates),
        "seed": request.seed,
        "request": _request_fields(request),
    }
    inserted = session.scalar(insert(Panel).values(values).on_conflict_do_nothing().returning(Panel.id))
    # Read again: a request at the same time may have inserted the panel, then this one must equal it.
    panel = find_panel(session, corpus, request.name)
    _refuse_another(corpus, panel, request)
    return panel, inserted is not None


def _request_fields(request: PanelRequest) -> dict[str, object]:
    return request.model_dump(mode="json", by_alias=True, exclude={"name"})


def _refuse_another(corpus: Corpus, panel: Panel, request: PanelRequest) -> None:
    requested = _request_fields(request)
    # Panels from before requests were stored are compared by what they became.
    stored = panel.request or {
        "from": str(panel.first),
        "to": str(panel.last),
        "headlines": len(panel.headline_ids),
        "seed": panel.seed,
    }
    differing = [
        f"{key} {'open' if stored[key] is None else stored[key]}, not {'open' if value is None else value}"
        for key, value in requested.items()
        if stored[key] != value
    ]
    if differing:
        raise ConflictError(
            f"name: panel {panel.name!r} of corpus {corpus.name!r} was created with {'; '.join(differing)}, and a "
            "panel never changes; choose another name"
        )


def _candidates(session: Session, corpus: Corpus, request: PanelRequest) -> list[Candidate]:
    """The headlines of the range with a sound date and a later day of the corpus that settles them."""
    if request.first and request.last and request.first > request.last:
        raise InvalidInputError(f"from: {request.first} lies after to ({request.last}); swap them")
    # The corpus' last day has no later one that would settle a forecast.
    last_day = select(func.max(Headline.date)).where(Headline.corpus_id == corpus.id, Headline.flag.is_(None))
    query = select(Headline.id, Headline.date, Headline.position, Headline.text_key).where(
        Headline.corpus_id == corpus.id, Headline.flag.is_(None), Headline.date < last_day.scalar_subquery()
    )
    if request.first:
        query = query.where(Headline.date >= request.first)
    if request.last:
        query = query.where(Headline.date <= request.last)
    return [Candidate(*row) for row in session.execute(query.order_by(Headline.date, Headline.position))]


def _too_few(session: Session, corpus: Corpus, request: PanelRequest, number: int) -> str:
    days = sound_days(session, corpus.id)
    span = f"its days with sound dates lie from {days[0]} to {days[-1]}" if days else "it has no day with sound dates"
    return (
        f"headlines: corpus {corpus.name!r} has {number} different headlines with a sound date and an outcome day from "
        f"{request.first or 'its start'} to {request.last or 'its end'}, not {request.headlines}: ask for fewer or "
        f"widen from and to; {span}, and the last of them has no outcome day"
    )
