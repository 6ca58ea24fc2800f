"""Daily closes that claims are settled against: what sets there are, and how one is filled."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from services.coordinator.api.pagination import Cursor, Limit, Page, page_of
from services.coordinator.dependencies import DepsDep
from services.coordinator.prices.queries import price_set_detail, price_set_views
from services.coordinator.prices.schemas import PriceSetDetail, PriceSetView, PricesImport, PricesImported
from services.coordinator.prices.service import import_prices
from services.coordinator.scheduling.service import resume_waiting
from shared.wire import NAME_PATTERN

router = APIRouter(prefix="/v1/prices", tags=["prices"])
SetName = Annotated[str, Path(pattern=NAME_PATTERN, description="Name of a price set.")]


@router.get("")
def list_price_sets(deps: DepsDep, limit: Limit = 100, cursor: Cursor = None) -> Page[PriceSetView]:
    """The price sets in order of name."""
    with deps.sessions.begin() as session:
        views = price_set_views(session, after=cursor or "", limit=limit + 1)
    return page_of(views, limit, lambda view: view.name)


@router.get("/{name}")
def show_price_set(name: SetName, deps: DepsDep) -> PriceSetDetail:
    """One set, instrument by instrument."""
    with deps.sessions.begin() as session:
        return price_set_detail(session, name)


@router.post("/{name}")
def import_closes(name: SetName, request: PricesImport, deps: DepsDep) -> PricesImported:
    """Import closes: all of them or none, unless `skip_bad`. The same rows again add nothing.

    Another close of a stored symbol and date is refused (409) unless `replace`. Forecasts that waited for these closes
    are settled next.
    """
    with deps.sessions.begin() as session:
        imported = import_prices(session, name, request)
    with deps.sessions.begin() as session:
        resume_waiting(session)
    return imported
