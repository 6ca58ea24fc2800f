"""`morrow token create | list | revoke`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from services.cli.client import Json
from services.cli.connect import connect
from services.cli.options import AsJson
from services.cli.output.console import err, out, print_json, table
from services.cli.output.format import moment
from shared.errors import NotFoundError

app = typer.Typer(help="Tokens: who may ask the coordinator for what.", no_args_is_help=True)


class TokenScope(StrEnum):
    """What a token may do."""

    read = "read"
    operate = "operate"
    worker = "worker"


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who or what holds it.")],
    scope: Annotated[list[TokenScope], typer.Option("--scope", help="What it may do; may be given several times.")],
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long it is good for: 12h, 30d, 8w; for ever if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token and print it: once, and nothing else, for `export MORROW_TOKEN=$(morrow token create …)`."""
    body = {"name": name, "scopes": [one.value for one in scope]} | ({"expires": expires} if expires else {})
    made = connect().post("/v1/tokens", body)
    if as_json:
        print_json(made)
        return
    until = f", until {moment(made['expires_at'])}" if made["expires_at"] else ""
    err().print(f"token {made['name']} ({made['id']}): {', '.join(made['scopes'])}{until}; it is not shown again")
    typer.echo(made["token"])


def _state(token: Json) -> str:
    if token["revoked_at"]:
        return f"revoked {moment(token['revoked_at'])}"
    return f"until {moment(token['expires_at'])}" if token["expires_at"] else "good for ever"


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the tokens, revoked ones too."""
    items = list(connect().items("/v1/tokens"))
    if as_json:
        print_json(items)
        return
    if not items:
        out().print("no tokens yet: only this machine is served; `morrow token create NAME --scope operate` makes one")
        return
    rows = [
        (one["name"], one["id"], ", ".join(one["scopes"]), _state(one), moment(one["last_used_at"])) for one in items
    ]
    out().print(table(("token", "id", "scopes", "state", "last used"), rows))


@app.command("revoke")
def revoke(name: Annotated[str, typer.Argument(metavar="TOKEN", help="Its name or id.")]) -> None:
    """Revoke a token: the next request that bears it is refused."""
    client = connect()
    items = [one for one in client.items("/v1/tokens") if name in (one["id"], one["name"])]
    if not items:
        raise NotFoundError(f"there is no token {name}; `morrow token list` has them all")
    chosen = next((one for one in items if not one["revoked_at"]), items[0])
    gone = client.delete(f"/v1/tokens/{chosen['id']}")
    out().print(f"token {gone['name']} ({gone['id']}) is revoked")
