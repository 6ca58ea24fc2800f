"""REST: list price sets, show one, import daily closes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from services.coordinator.api.pagination import Cursor, Limit, Page, page_of
from services.coordinator.api.scopes import scope
from services.coordinator.dependencies import DepsDep
from services.coordinator.prices.queries import price_set_detail, price_set_views
from services.coordinator.prices.schemas import PriceSetDetail, PriceSetView, PricesImport, PricesImported
from services.coordinator.prices.service import import_prices
from shared.errors import ConflictError, NotFoundError
from shared.wire import NAME_PATTERN

router = APIRouter(prefix="/v1/prices", tags=["prices"])
SetName = Annotated[str, Path(pattern=NAME_PATTERN, description="Name of a price set.")]


@router.get("", openapi_extra=scope("read"))
def list_price_sets(deps: DepsDep, limit: Limit = 100, cursor: Cursor = None) -> Page[PriceSetView]:
    """The price sets in order of name."""
    with deps.sessions.begin() as session:
        views = price_set_views(session, after=cursor or "", limit=limit + 1)
    return page_of(views, limit, lambda view: view.name)


@router.get("/{name}", openapi_extra=scope("read", raises=[NotFoundError]))
def show_price_set(name: SetName, deps: DepsDep) -> PriceSetDetail:
    """One set with its instruments."""
    with deps.sessions.begin() as session:
        return price_set_detail(session, name)


@router.post("/{name}", openapi_extra=scope("operate", raises=[ConflictError], large=True))
def import_closes(name: SetName, request: PricesImport, deps: DepsDep) -> PricesImported:
    """Import closes: all of them or none, unless `skip_bad`. The same rows again add nothing.

    Another close of a stored symbol and date is refused (409) unless `replace`. Runs that waited for these closes are
    resumed next.
    """
    with deps.sessions.begin() as session:
        imported = import_prices(session, name, request)
    # A second transaction: the import stays if a run cannot be resumed, and the set is not locked meanwhile.
    with deps.sessions.begin() as session:
        deps.after_import(session)
    return imported
