"""REST: create, list and revoke API tokens."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Request, Response

from services.coordinator.api.pagination import Cursor, Limit, Page, page_of
from services.coordinator.api.scopes import scope
from services.coordinator.auth import service
from services.coordinator.auth.identity import Caller
from services.coordinator.auth.middleware import CALLER
from services.coordinator.auth.schemas import TokenCreated, TokenRequest, TokenView
from services.coordinator.dependencies import DepsDep
from shared.errors import ConflictError, InvalidInputError, NotFoundError
from shared.tokens import new_token

router = APIRouter(prefix="/v1/tokens", tags=["tokens"])
log = logging.getLogger(__name__)


def _caller(request: Request) -> Caller:
    caller: Caller = getattr(request.state, CALLER)
    return caller


@router.post("", status_code=201, openapi_extra=scope("operate", raises=[ConflictError]))
def create_token(body: TokenRequest, request: Request, response: Response, deps: DepsDep) -> TokenCreated:
    """Create a token. Only this response contains its text.

    Raises InvalidInputError for a first token without scope `operate`.
    """
    by, fresh = _caller(request).token, new_token()
    with deps.sessions.begin() as session:
        if "operate" not in body.scopes and not service.any_token(session):
            raise InvalidInputError(
                "scopes: the first token must have operate, since from then on it takes a token to create others"
            )
        view = service.create(session, fresh, body, by)
    log.info("token %s (%s) is created for %s", view.name, view.id, ", ".join(view.scopes))
    # The response contains the secret.
    response.headers["Cache-Control"] = "no-store"
    return TokenCreated(**view.model_dump(), token=fresh.text)


@router.get("", openapi_extra=scope("operate"))
def list_tokens(deps: DepsDep, limit: Limit = 100, cursor: Cursor = None) -> Page[TokenView]:
    """Tokens in order of id, revoked ones too, without their secrets."""
    with deps.sessions.begin() as session:
        views = service.listed(session, cursor or "", limit + 1)
    return page_of(views, limit, lambda view: view.id)


@router.delete("/{token_id}", openapi_extra=scope("operate", raises=[NotFoundError, ConflictError]))
def revoke_token(token_id: str, request: Request, deps: DepsDep) -> TokenView:
    """Revoke a token: later requests with it get 401. Again changes nothing; 409 for the token of this request."""
    with deps.sessions.begin() as session:
        revoked = service.revoke(session, token_id, _caller(request).token)
    log.info("token %s (%s) is revoked", revoked.name, revoked.id)
    return revoked
