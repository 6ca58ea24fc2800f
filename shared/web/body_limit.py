"""Refuse a request whose body is too large before it is parsed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import InvalidInputError, TooLargeError
from shared.web.problems import problem_response


class BodyLimit:
    """ASGI middleware: a body above the limit is answered with 413 as soon as that is known, and never parsed.

    `most` is the limit in bytes, or says it of a request; `cure` ends the answer's line. A length that is declared is
    judged before anything is read, one in chunks as they come.
    """

    def __init__(self, app: ASGIApp, most: int | Callable[[Scope], int], cure: str) -> None:
        self._app = app
        self._most = most
        self._cure = cure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._most if isinstance(self._most, int) else self._most(scope)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit():
            await problem_response(InvalidInputError("Content-Length: it is no number"))(scope, receive, send)
            return
        read: deque[Message] = deque()
        size, more = 0, True
        while more and max(size, int(declared)) <= most:
            message = await receive()
            read.append(message)
            size += len(message.get("body", b""))
            more = message["type"] == "http.request" and message.get("more_body", False)
        if max(size, int(declared)) > most:
            error = TooLargeError(f"body: above {most} bytes; {self._cure}")
            await problem_response(error, {"Connection": "close"})(scope, receive, send)
            return

        async def replay() -> Message:
            return read.popleft() if read else await receive()

        await self._app(scope, replay, send)
