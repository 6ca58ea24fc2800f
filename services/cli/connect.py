"""Which coordinator a command speaks to."""

from __future__ import annotations

import os

from services.cli.client import Client
from services.cli.local.home import Home
from services.cli.local.state import running
from services.cli.local.token import local_token
from shared.errors import UnavailableError
from shared.settings import morrow_home

_START = "start the local stack with `morrow up --detach`, or set MORROW_URL"


def local_home() -> Home:
    """The local stack's folders."""
    return Home(morrow_home().resolve())


def connect() -> Client:
    """The coordinator at MORROW_URL, which MORROW_TOKEN is sent to, else that of the local stack, with its own token.

    Raises UnavailableError saying how to get one.
    """
    given = os.environ.get("MORROW_URL")
    if given:
        return Client.at(given.rstrip("/"), "is MORROW_URL right?", os.environ.get("MORROW_TOKEN", "").strip())
    home = local_home()
    state = running(home)
    if state is None:
        raise UnavailableError(f"no stack is up in {home.root}: {_START}")
    if state.coordinator_url is None:
        raise UnavailableError("the local stack is still starting: try again in a few seconds")
    advice = f"it may be restarting; its log is {home.logs / 'coordinator.log'}"
    return Client.at(state.coordinator_url, advice, local_token(home))
