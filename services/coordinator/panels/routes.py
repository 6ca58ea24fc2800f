"""REST: panels, headlines held out of training."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from services.coordinator.api.pagination import Cursor, Limit, Page, page_of
from services.coordinator.api.params import CorpusName
from services.coordinator.api.scopes import scope
from services.coordinator.corpora.queries import find_corpus
from services.coordinator.dependencies import DepsDep
from services.coordinator.panels.queries import panel_detail, panel_views
from services.coordinator.panels.schemas import PanelDetail, PanelRequest, PanelView
from services.coordinator.panels.service import create_panel
from shared.errors import ConflictError, NotFoundError
from shared.wire import NAME_PATTERN

router = APIRouter(prefix="/v1", tags=["panels"])
PanelName = Annotated[str, Path(pattern=NAME_PATTERN, description="Name of a panel of the corpus.")]


@router.get("/panels", openapi_extra=scope("read"))
def list_all_panels(deps: DepsDep, limit: Limit = 100, cursor: Cursor = None) -> Page[PanelView]:
    """The panels of all corpora in order of corpus and name."""
    corpus, _, name = (cursor or "/").partition("/")
    with deps.sessions.begin() as session:
        views = panel_views(session, after=(corpus, name), limit=limit + 1)
    return page_of(views, limit, lambda view: f"{view.corpus}/{view.name}")


@router.get("/corpora/{name}/panels", openapi_extra=scope("read", raises=[NotFoundError]))
def list_panels(name: CorpusName, deps: DepsDep, limit: Limit = 100, cursor: Cursor = None) -> Page[PanelView]:
    """The panels of a corpus in order of name."""
    with deps.sessions.begin() as session:
        corpus = find_corpus(session, name)
        views = panel_views(session, corpus, after=(corpus.name, cursor or ""), limit=limit + 1)
    return page_of(views, limit, lambda view: view.name)


@router.get("/corpora/{name}/panels/{panel}", openapi_extra=scope("read", raises=[NotFoundError]))
def show_panel(name: CorpusName, panel: PanelName, deps: DepsDep) -> PanelDetail:
    """One panel with its headlines."""
    with deps.sessions.begin() as session:
        return panel_detail(session, find_corpus(session, name), panel)


@router.post(
    "/corpora/{name}/panels",
    status_code=201,
    openapi_extra=scope("operate", raises=[NotFoundError, ConflictError]),
    responses={200: {"model": PanelDetail, "description": "The panel that the same request created before."}},
)
def make_panel(name: CorpusName, request: PanelRequest, deps: DepsDep, response: Response) -> PanelDetail:
    """Create a panel: select its headlines, once and for all.

    The same request again gets the same panel (200); another request under its name is refused (409).
    """
    with deps.sessions.begin() as session:
        corpus = find_corpus(session, name)
        panel, is_new = create_panel(session, corpus, request)
        response.status_code = 201 if is_new else 200
        return panel_detail(session, corpus, panel.name)
