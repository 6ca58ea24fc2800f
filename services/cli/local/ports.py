"""Free loopback ports."""

from __future__ import annotations

import socket
from collections.abc import Iterable

HOST = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on the loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((HOST, port))
        except OSError:
            return False
    return True


def _any() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.bind((HOST, 0))
        return int(candidate.getsockname()[1])


def pick_port(preferred: int, taken: Iterable[int] = ()) -> int:
    """`preferred` if it is free and not in `taken`, else any free port."""
    excluded = set(taken)
    if preferred not in excluded and is_free(preferred):
        return preferred
    while (port := _any()) in excluded:
        continue
    return port
