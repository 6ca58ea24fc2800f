"""API tokens: create, authenticate, list, revoke."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services.coordinator.auth.schemas import TokenRequest, TokenView
from services.coordinator.database import database_now
from services.coordinator.models import ApiToken
from shared.errors import ConflictError, InvalidInputError, NotFoundError, UnauthorizedError
from shared.tokens import Token

USE_RECORDED_EVERY = dt.timedelta(minutes=1)
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def any_token(session: Session) -> bool:
    """True once any token exists (even revoked); from then on authentication is mandatory."""
    return bool(session.execute(select(exists().select_from(ApiToken))).scalar_one())


def authenticate(session: Session, token: Token) -> ApiToken:
    """The stored row of a token that is valid now; records its use. Raises UnauthorizedError."""
    # In front of every request: the row and the clock in one statement.
    stored = session.execute(select(ApiToken, func.clock_timestamp()).where(ApiToken.id == token.id)).one_or_none()
    if stored is None or not token.fits(stored[0].secret_sha256):
        raise UnauthorizedError("this token is unknown here; `morrow token create` makes one")
    row: ApiToken = stored[0]
    now: dt.datetime = stored[1]
    if row.revoked_at is not None:
        raise UnauthorizedError(f"the token {row.name} was revoked; ask for another one")
    if row.expires_at is not None and row.expires_at <= now:
        raise UnauthorizedError(
            f"the token {row.name} expired at {row.expires_at:%Y-%m-%d %H:%M} UTC; make another one"
        )
    # At most once a minute, so that not every read of the API costs a write.
    if row.last_used_at is None or now - row.last_used_at >= USE_RECORDED_EVERY:
        _record_use(session, row, now)
    return row


def _record_use(session: Session, row: ApiToken, now: dt.datetime) -> None:
    stale = or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at <= now - USE_RECORDED_EVERY)
    # Conditional, so that of many requests in the same minute one writes.
    session.execute(update(ApiToken).where(ApiToken.id == row.id, stale).values(last_used_at=now))


def create(session: Session, token: Token, request: TokenRequest, by: ApiToken | None = None) -> TokenView:
    """Store a token; it expires no later than `by`, the token that requests it.

    The same token again, under the same name and scopes, changes nothing. Raises ConflictError for a name in use,
    InvalidInputError for an expiry beyond that of `by`.
    """
    live = select(ApiToken).where(ApiToken.name == request.name, ApiToken.revoked_at.is_(None))
    existing = session.scalars(live).one_or_none()
    if existing is not None:
        if (
            existing.id == token.id
            and token.fits(existing.secret_sha256)
            and set(existing.scopes) == set(request.scopes)
        ):
            return view(existing)
        raise ConflictError(f"name: there is a token {request.name} already; revoke it first, or take another name")
    if session.get(ApiToken, token.id) is not None:
        raise ConflictError("this token was stored before, under another name or revoked; make a fresh one")
    row = ApiToken(
        id=token.id,
        name=request.name,
        secret_sha256=token.sha256,
        scopes=sorted(set(request.scopes)),
        created_by=by.id if by else None,
        expires_at=_expiry(session, request, by),
    )
    session.add(row)
    # The unique index decides between two requests for one name at the same time.
    try:
        session.flush()
    except IntegrityError as error:
        raise ConflictError(
            f"name: a token {request.name} was created at the same moment; take another name"
        ) from error
    # `created_at` is set by the database.
    session.refresh(row)
    return view(row)


def _expiry(session: Session, request: TokenRequest, by: ApiToken | None) -> dt.datetime | None:
    bound = by.expires_at if by else None
    if request.expires is None:
        return bound
    expiry = database_now(session) + dt.timedelta(**{_UNITS[request.expires[-1]]: int(request.expires[:-1])})
    if bound is not None and expiry > bound:
        raise InvalidInputError(
            f"expires: a token creates none that outlives it; yours expires at {bound:%Y-%m-%d %H:%M} UTC"
        )
    return expiry


def revoke(session: Session, token_id: str, by: ApiToken | None = None) -> TokenView:
    """Revoke a token by its id; again changes nothing.

    Raises NotFoundError, and ConflictError if it is `by` itself.
    """
    row = session.get(ApiToken, token_id, with_for_update=True)
    if row is None:
        raise NotFoundError(f"there is no token {token_id}")
    if by is not None and by.id == row.id:
        raise ConflictError("a token cannot revoke itself, since that could lock out its last holder; use another one")
    if row.revoked_at is None:
        row.revoked_at = database_now(session)
        session.flush()
    return view(row)


def listed(session: Session, after: str, limit: int) -> list[TokenView]:
    """Tokens in order of id, revoked ones too: the first `limit` after `after`."""
    rows = session.scalars(select(ApiToken).where(ApiToken.id > after).order_by(ApiToken.id).limit(limit))
    return [view(row) for row in rows]


def live_id(session: Session, name_or_id: str) -> str:
    """The id of the live token of that name, or else the text itself, as an id."""
    named = select(ApiToken.id).where(ApiToken.name == name_or_id, ApiToken.revoked_at.is_(None))
    return session.scalars(named).one_or_none() or name_or_id


def view(row: ApiToken) -> TokenView:
    """A token as the API returns it."""
    return TokenView.model_validate(row, from_attributes=True)
