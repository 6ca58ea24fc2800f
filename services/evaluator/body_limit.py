"""Refuse a request whose body is too large before it is parsed."""

from __future__ import annotations

from collections import deque

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import TooLargeError
from shared.web import problem_response


class BodyLimit:
    """ASGI middleware: a body above `most` bytes is answered with 413 as soon as that is known, and never parsed."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        read: deque[Message] = deque()
        size = int(dict(scope["headers"]).get(b"content-length", b"0"))
        while size <= self._most:
            message = await receive()
            read.append(message)
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                break
            size = max(size, sum(len(part.get("body", b"")) for part in read))
        if size > self._most or sum(len(part.get("body", b"")) for part in read) > self._most:
            answer = problem_response(TooLargeError(f"body: above {self._most} bytes; send fewer outcomes or texts"))
            await answer(scope, receive, send)
            return

        async def replay() -> Message:
            return read.popleft() if read else await receive()

        await self._app(scope, replay, send)
