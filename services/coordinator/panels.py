"""Panels as they are stored: make one, find one, say what it holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.coordinator.models import Corpus, Headline, Panel, Run
from services.coordinator.panel_choice import Candidate, draw
from services.coordinator.panel_messages import PanelDetail, PanelHeadline, PanelRequest, PanelView
from shared.errors import ConflictError, InvalidInputError, NotFoundError


def find_panel(session: Session, corpus: Corpus, name: str) -> Panel:
    """The corpus' panel of that name; raises NotFoundError."""
    found = session.scalars(select(Panel).where(Panel.corpus_id == corpus.id, Panel.name == name)).one_or_none()
    if found is None:
        raise NotFoundError(
            f"corpus {corpus.name!r} has no panel {name!r}; `morrow panel create {corpus.name} {name}` makes it, "
            f"`morrow panel list {corpus.name}` shows those there are"
        )
    return found


def held_out(session: Session, panel: Panel) -> set[int]:
    """Ids of the headlines that nothing may be trained on: the panel's, and those of the same text on other days."""
    texts = select(Headline.text_key).where(Headline.id.in_(panel.headline_ids))
    same = select(Headline.id).where(Headline.corpus_id == panel.corpus_id, Headline.text_key.in_(texts))
    return set(session.scalars(same))


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


def _calendar(session: Session, corpus_id: int) -> list[dt.date]:
    """The corpus' days that hold a headline with a sound date."""
    dates = select(Headline.date).where(Headline.corpus_id == corpus_id, Headline.flag.is_(None)).distinct()
    return list(session.scalars(dates.order_by(Headline.date)))


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


def panel_views(
    session: Session, corpus: Corpus | None = None, *, after: tuple[str, str] = ("", ""), limit: int = 100
) -> list[PanelView]:
    """Panels in order of corpus and name: the first `limit` after `after`, of one corpus or of all."""
    query = select(Panel, Corpus).join(Corpus, Corpus.id == Panel.corpus_id)
    query = query.where(
        (Corpus.name > after[0]) | ((Corpus.name == after[0]) & (Panel.name > after[1])),
        *([Panel.corpus_id == corpus.id] if corpus else []),
    )
    rows = session.execute(query.order_by(Corpus.name, Panel.name).limit(limit)).all()
    return [panel_view(session, of, panel) for panel, of in rows]


def panel_view(session: Session, corpus: Corpus, panel: Panel) -> PanelView:
    """A panel without its headlines."""
    return PanelView(
        corpus=corpus.name,
        name=panel.name,
        first=panel.first,
        last=panel.last,
        headlines=len(panel.headline_ids),
        seed=panel.seed,
        runs=_runs_on(session, panel),
        created_at=panel.created_at,
    )


def _runs_on(session: Session, panel: Panel) -> list[str]:
    on_it = select(Run.name).where(Run.corpus_id == panel.corpus_id, Run.config["panel"].astext == panel.name)
    return list(session.scalars(on_it.order_by(Run.id)))


def panel_detail(session: Session, corpus: Corpus, name: str) -> PanelDetail:
    """A panel with its headlines; raises NotFoundError."""
    panel = find_panel(session, corpus, name)
    rows = session.scalars(select(Headline).where(Headline.id.in_(panel.headline_ids)))
    headlines = sorted(rows, key=lambda headline: (headline.date, headline.position))
    days = _calendar(session, corpus.id)
    items = [
        PanelHeadline(
            id=headline.id,
            date=headline.date,
            outcome_date=next((day for day in days if day > headline.date), None),
            published_at=headline.published_at,
            text=headline.text,
        )
        for headline in headlines
    ]
    view = panel_view(session, corpus, panel)
    return PanelDetail(**view.model_dump(), items=items, look_ahead=look_ahead_note(items))


def look_ahead_note(items: Sequence[PanelHeadline]) -> str:
    """When figures on a panel are of foresight and when they are not, for its own dates."""
    first, last = items[0].date, items[-1].date
    settled = max(item.outcome_date or item.date for item in items)
    return (
        f"Its headlines are of {first} to {last}, their outcomes of up to {settled}. A checkpoint that has learned "
        f"only from days before {first} is scored on news it could not know; one that has learned from later days "
        "knows later news (look-ahead): its figures on this panel show form and style, not foresight. "
        "`morrow compare` counts such lines."
    )
