"""The local stack's own token: it authenticates local requests once tokens exist and loopback no longer suffices."""

from __future__ import annotations

import os
import stat

from services.cli.local.home import Home
from shared.errors import UnavailableError
from shared.tokens import new_token, parse_token


def local_token(home: Home) -> str:
    """The token in the stack's folder, created at the first call with read permission for its owner only.

    Raises UnavailableError if the file has no token.
    """
    try:
        descriptor = os.open(home.token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
    except FileExistsError:
        return _stored(home)
    with os.fdopen(descriptor, "w", encoding="utf8") as file:
        file.write(new_token().text + "\n")
    return _stored(home)


def _stored(home: Home) -> str:
    text = home.token.read_text("utf8").strip()
    if parse_token(text) is None:
        raise UnavailableError(f"{home.token} has no valid token: remove it and restart the local stack")
    return text
