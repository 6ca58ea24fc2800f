"""`morrow token create | list | revoke`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from services.cli.client import Client, Json
from services.cli.connect import connect
from services.cli.options import AsJson
from services.cli.output.console import err, out, print_json, table
from services.cli.output.format import moment
from shared.errors import NotFoundError

app = typer.Typer(help="Access tokens of the coordinator: create, list, revoke.", no_args_is_help=True)


class TokenScope(StrEnum):
    """Scope of a token: the requests that it authorises."""

    read = "read"
    operate = "operate"
    worker = "worker"


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the token's holder.")],
    scope: Annotated[list[TokenScope], typer.Option("--scope", help="Scope of the token; repeat for several.")],
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="Lifetime: 12h, 30d, 8w; default: no expiry.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a token. Standard output is the token alone: `export MORROW_TOKEN=$(morrow token create …)`."""
    body = {"name": name, "scopes": [one.value for one in scope]} | ({"expires": expires} if expires else {})
    token = connect().post("/v1/tokens", body)
    if as_json:
        print_json(token)
        return
    until = f", until {moment(token['expires_at'])}" if token["expires_at"] else ""
    # On standard error, so that $(…) captures the token alone.
    err().print(f"token {token['name']} ({token['id']}): {', '.join(token['scopes'])}{until}; it is shown only once")
    typer.echo(token["token"])


def _state(token: Json) -> str:
    if token["revoked_at"]:
        return f"revoked {moment(token['revoked_at'])}"
    return f"until {moment(token['expires_at'])}" if token["expires_at"] else "no expiry"


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List all tokens, including revoked ones."""
    items = list(connect().items("/v1/tokens"))
    if as_json:
        print_json(items)
        return
    if not items:
        out().print(
            "no tokens yet: only this machine has access; `morrow token create NAME --scope operate` creates one"
        )
        return
    rows = [
        (one["name"], one["id"], ", ".join(one["scopes"]), _state(one), moment(one["last_used_at"])) for one in items
    ]
    out().print(table(("token", "id", "scopes", "state", "last used"), rows))


def _find(client: Client, name: str) -> Json:
    """The token of that id or name; of several with one name, one that is not revoked."""
    items = [one for one in client.items("/v1/tokens") if name in (one["id"], one["name"])]
    if not items:
        raise NotFoundError(f"token {name} does not exist; `morrow token list` lists all")
    return next((one for one in items if not one["revoked_at"]), items[0])


@app.command("revoke")
def revoke(name: Annotated[str, typer.Argument(metavar="TOKEN", help="Name or id of the token.")]) -> None:
    """Revoke a token: the coordinator rejects its next request."""
    client = connect()
    token = client.delete(f"/v1/tokens/{_find(client, name)['id']}")
    out().print(f"token {token['name']} ({token['id']}) is revoked")
