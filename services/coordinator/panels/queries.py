"""Queries of panels and of their held-out headlines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.coordinator.models import Corpus, Headline, Panel, Run
from services.coordinator.panels.schemas import PanelDetail, PanelHeadline, PanelView
from shared.errors import NotFoundError


def find_panel(session: Session, corpus: Corpus, name: str) -> Panel:
    """The corpus' panel of that name; raises NotFoundError."""
    panel = session.scalars(select(Panel).where(Panel.corpus_id == corpus.id, Panel.name == name)).one_or_none()
    if panel is None:
        raise NotFoundError(
            f"corpus {corpus.name!r} has no panel {name!r}; `morrow panel create {corpus.name} {name}` creates it, "
            f"`morrow panel list {corpus.name}` shows all"
        )
    return panel


def held_out(session: Session, panel: Panel) -> set[int]:
    """Ids of the headlines excluded from training: the panel's, and those of the same text on other days."""
    # By text: a repeated headline on another day would teach the panel's prompt.
    texts = select(Headline.text_key).where(Headline.id.in_(panel.headline_ids))
    same = select(Headline.id).where(Headline.corpus_id == panel.corpus_id, Headline.text_key.in_(texts))
    return set(session.scalars(same))


def sound_days(session: Session, corpus_id: int) -> list[dt.date]:
    """The corpus' days that have a headline with a sound date."""
    dates = select(Headline.date).where(Headline.corpus_id == corpus_id, Headline.flag.is_(None)).distinct()
    return list(session.scalars(dates.order_by(Headline.date)))


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
    days = sound_days(session, corpus.id)
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
    """Which checkpoints show foresight on a panel, and which look ahead, by its dates."""
    first, last = items[0].date, items[-1].date
    settled = max(item.outcome_date or item.date for item in items)
    return (
        f"Its headlines are of {first} to {last}, their outcomes of up to {settled}. A checkpoint that has learned "
        f"only from days before {first} is scored on news it could not know; one that has learned from later days "
        "knows later news (look-ahead): its figures on this panel show form and style, not foresight. "
        "`morrow compare` counts such lines."
    )
