"""Errors as the OpenAI API writes them, with vLLM's status codes."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared.errors import MorrowError

log = logging.getLogger(__name__)
_TYPES = {400: "BadRequestError", 404: "NotFoundError", 405: "MethodNotAllowedError", 503: "ServiceUnavailableError"}
_BAD_REQUEST = {409, 422}


def error_response(status: int, message: str, param: str | None = None) -> JSONResponse:
    """{"error": {message, type, param, code}}; conflicts and invalid input are 400, as in vLLM."""
    status = 400 if status in _BAD_REQUEST else status
    kind = _TYPES.get(status, "InternalServerError")
    return JSONResponse({"error": {"message": message, "type": kind, "param": param, "code": status}}, status)


def install_errors(app: FastAPI) -> None:
    """Answer every error in this shape."""

    @app.exception_handler(MorrowError)
    def _morrow(_: Request, error: MorrowError) -> Response:
        return error_response(error.status, error.detail)

    @app.exception_handler(RequestValidationError)
    def _invalid(_: Request, error: RequestValidationError) -> Response:
        fields = [(".".join(str(part) for part in e["loc"][1:]), str(e["msg"])) for e in error.errors()]
        return error_response(400, "; ".join(f"{field}: {text}" for field, text in fields), fields[0][0] or None)

    @app.exception_handler(HTTPException)
    def _http(_: Request, error: HTTPException) -> Response:
        return error_response(error.status_code, str(error.detail))

    @app.exception_handler(Exception)
    def _unexpected(request: Request, error: Exception) -> Response:
        log.error("unhandled error at %s", request.url.path, exc_info=error)
        return error_response(500, "an unexpected error occurred; the engine's log has it")
