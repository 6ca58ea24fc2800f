"""Free loopback ports."""

from __future__ import annotations

import socket
from collections.abc import Iterable

HOST = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether the loopback port is free."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        # As servers do, so that connections of an ended server in TIME_WAIT do not count.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((HOST, port))
        except OSError:
            return False
    return True


def _any_free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.bind((HOST, 0))
        return int(candidate.getsockname()[1])


def pick_port(preferred: int, taken: Iterable[int] = ()) -> int:
    """`preferred` if it is free and not in `taken`, else any free port."""
    excluded = set(taken)
    if preferred not in excluded and is_free(preferred):
        return preferred
    while (port := _any_free_port()) in excluded:
        continue
    return port
