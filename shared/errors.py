"""The one error tree. Each class is an HTTP problem (RFC 9457): its docstring is the title, `code` its type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class MorrowError(Exception):
    """Something went wrong in Morrow"""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, *, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors or []

    def problem(self) -> dict[str, object]:
        """The problem+json body: type, title, status, detail and, where fields are at fault, errors."""
        body: dict[str, object] = {
            "type": f"urn:morrow:problem:{self.code}",
            "title": (type(self).__doc__ or "").strip(),
            "status": self.status,
            "detail": self.detail,
        }
        return body | ({"errors": self.errors} if self.errors else {})


class InvalidInputError(MorrowError):
    """The input is not valid"""

    status = 422
    code = "invalid-input"


class UnauthorizedError(MorrowError):
    """A valid token is needed"""

    status = 401
    code = "unauthorized"


class ForbiddenError(MorrowError):
    """The token may not do this"""

    status = 403
    code = "forbidden"


class NotFoundError(MorrowError):
    """There is no such thing"""

    status = 404
    code = "not-found"


class ConflictError(MorrowError):
    """The request conflicts with the present state"""

    status = 409
    code = "conflict"


class StaleFenceError(ConflictError):
    """The fence is not the step's current attempt"""

    code = "stale-fence"


class TooLargeError(MorrowError):
    """The request is too large"""

    status = 413
    code = "too-large"


class TooManyError(MorrowError):
    """Too many requests"""

    status = 429
    code = "too-many"
    retryable = True

    def __init__(self, detail: str, *, wait: float = 1.0, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(detail, errors=errors)
        self.wait = wait
        """Seconds after which a request may pass."""


class UnavailableError(MorrowError):
    """A part that is needed does not answer"""

    status = 503
    code = "unavailable"
    retryable = True


class NotInTimeError(MorrowError):
    """It has not happened in time"""

    status = 504
    code = "not-in-time"


class CheckpointCorruptError(MorrowError):
    """A checkpoint's files do not match its manifest"""

    code = "checkpoint-corrupt"


class ProcessFailedError(MorrowError):
    """A process that was started for the work failed"""

    code = "process-failed"
    retryable = True


class StoppedError(MorrowError):
    """The coordinator told the worker to stop"""

    status = 409
    code = "stopped"


KINDS: tuple[type[MorrowError], ...] = (
    InvalidInputError,
    UnauthorizedError,
    ForbiddenError,
    NotFoundError,
    ConflictError,
    StaleFenceError,
    TooLargeError,
    TooManyError,
    UnavailableError,
    NotInTimeError,
    CheckpointCorruptError,
)


def message_of(error: BaseException) -> str:
    """An exception's text, or its class where it has none: a timeout often comes without one."""
    return str(error) or type(error).__name__


def from_problem(status: int, body: Mapping[str, object]) -> MorrowError:
    """The error a problem+json answer stands for; an unknown type becomes a plain MorrowError."""
    code = str(body.get("type", "")).rsplit(":", 1)[-1]
    kind = next((k for k in KINDS if k.code == code), None) or next(
        (k for k in KINDS if k.status == status), MorrowError
    )
    errors = body.get("errors")
    return kind(str(body.get("detail") or f"HTTP {status}"), errors=errors if isinstance(errors, list) else None)
