"""Manage API tokens in the database: `create`, `list`, `revoke`, and `mint`, which prints a new one and stores nothing.

For the first token of a coordinator that other machines reach, or if the last one is lost. Needs MORROW_DATABASE_URL.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from pydantic import ValidationError
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from services.coordinator.api.scopes import SCOPES
from services.coordinator.auth import service
from services.coordinator.auth.schemas import TokenRequest, TokenView
from services.coordinator.database import make_engine, make_sessions
from services.coordinator.settings import CoordinatorSettings
from shared.errors import InvalidInputError, MorrowError, UnavailableError
from shared.text.redact import masked
from shared.tokens import Token, new_token, parse_token


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.coordinator.auth.cli", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="store a token and print it, once")
    create.add_argument("name")
    create.add_argument("--scope", action="append", choices=SCOPES, required=True, help="may be given several times")
    create.add_argument("--expires", help="lifetime, as in 12h, 30d, 8w; without end if not set")
    create.add_argument(
        "--given-in",
        metavar="VARIABLE",
        help="store the token minted before that this variable contains; prints nothing",
    )
    commands.add_parser("list", help="list the tokens")
    commands.add_parser("revoke", help="revoke a token").add_argument("token", help="its name or id")
    commands.add_parser("mint", help="print a new token; stores nothing")
    return parser


def _token_in(variable: str | None) -> Token:
    if variable is None:
        return new_token()
    token = parse_token(os.environ.get(variable, "").strip())
    if token is None:
        raise InvalidInputError(f"{variable} contains no token: set it to the output of `mint`")
    return token


def _create(session: Session, arguments: argparse.Namespace) -> str:
    try:
        request = TokenRequest(name=arguments.name, scopes=arguments.scope, expires=arguments.expires)
    except ValidationError as error:
        problems = "; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors())
        raise InvalidInputError(problems) from error
    token = _token_in(arguments.given_in)
    view = service.create(session, token, request)
    # To stderr: stdout has the token alone, for `$(...)`.
    print(f"token {view.name} ({view.id}): {', '.join(view.scopes)}", file=sys.stderr)
    return "" if arguments.given_in else token.text


def _line(view: TokenView) -> str:
    state = (
        "revoked" if view.revoked_at else f"until {view.expires_at:%Y-%m-%d %H:%M} UTC" if view.expires_at else "live"
    )
    return f"{view.id}  {view.name}  {','.join(view.scopes)}  {state}"


def _do(session: Session, arguments: argparse.Namespace) -> str:
    match arguments.command:
        case "create":
            return _create(session, arguments)
        case "list":
            return "\n".join(map(_line, service.listed(session, "", 10_000)))
        case _:
            return f"revoked {_line(service.revoke(session, service.live_id(session, arguments.token)))}"


def run(arguments: Sequence[str] | None = None) -> str:
    """Run a command; returns its output. Raises MorrowError."""
    parsed = _parser().parse_args(arguments)
    if parsed.command == "mint":
        return new_token().text
    engine = make_engine(CoordinatorSettings().database_url)
    try:
        with make_sessions(engine).begin() as session:
            return _do(session, parsed)
    except OperationalError as error:
        raise UnavailableError(f"MORROW_DATABASE_URL: the database does not answer: {error.orig}") from error
    except ProgrammingError as error:
        raise UnavailableError(
            "the database has no table of tokens: run `python -m services.coordinator.main migrate` first"
        ) from error
    finally:
        engine.dispose()


def main() -> None:
    """Run the command in the arguments; on failure exit with 1 and one line of reason."""
    try:
        printed = run()
    except MorrowError as error:
        sys.exit(f"tokens: {masked(error.detail)}")
    if printed:
        print(printed)


if __name__ == "__main__":
    main()
