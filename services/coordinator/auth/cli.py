"""Tokens beside the database: `create`, `list`, `revoke`, and `mint`, which prints a fresh one and stores nothing.

For the first token of a coordinator that others reach, and for whoever lost the last. It needs MORROW_DATABASE_URL.
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
    create.add_argument("--expires", help="how long it is good for, as in 12h, 30d, 8w; for ever if not given")
    create.add_argument(
        "--given-in", metavar="VARIABLE", help="store the token that this variable holds, minted before; prints nothing"
    )
    commands.add_parser("list", help="list the tokens")
    commands.add_parser("revoke", help="revoke a token").add_argument("token", help="its name or id")
    commands.add_parser("mint", help="print a fresh token; nothing is stored")
    return parser


def _given(variable: str | None) -> Token:
    if variable is None:
        return new_token()
    found = parse_token(os.environ.get(variable, "").strip())
    if found is None:
        raise InvalidInputError(f"{variable} holds no token: put the output of `mint` there")
    return found


def _create(session: Session, arguments: argparse.Namespace) -> str:
    try:
        request = TokenRequest(name=arguments.name, scopes=arguments.scope, expires=arguments.expires)
    except ValidationError as error:
        said = "; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors())
        raise InvalidInputError(said) from error
    given = _given(arguments.given_in)
    made = service.create(session, given, request)
    print(f"token {made.name} ({made.id}): {', '.join(made.scopes)}", file=sys.stderr)
    return "" if arguments.given_in else given.text


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
    """What a command prints. Raises MorrowError."""
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
    """Run the command that the arguments name; 1 for a failure, with one line that says why."""
    try:
        printed = run()
    except MorrowError as error:
        sys.exit(f"tokens: {masked(error.detail)}")
    if printed:
        print(printed)


if __name__ == "__main__":
    main()
