"""The only mapping of errors to RFC 9457 `application/problem+json`; used by the gateway and by every service."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from shared.errors import BadRequest, ForetellError

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 20
MAX_SEGMENT = 128
"""Longest field name that a pointer repeats: a name of a megabyte is not sent back."""


class MalformedJson(BadRequest):
    """The body is not JSON; the position is told, never the content."""

    code = "malformed-json"
    title = "Malformed JSON"


def type_of(code: str) -> str:
    """Name a kind of problem by a URI.

    >>> type_of("no-model-trained")
    'urn:foretell:problem:no-model-trained'
    """
    return f"urn:foretell:problem:{code}"


def document(error: ForetellError, request_id: str | None) -> dict[str, Any]:
    """Write an error as a problem document.

    Args:
        error: what was raised.
        request_id: of the request that failed; null before it has one.

    Returns:
        The members; those of the error never hide the standard ones.
    """
    waiting = {} if error.retry_after_seconds is None else {"retry_after_seconds": error.retry_after_seconds}
    return {
        **error.members,
        **waiting,
        "type": type_of(error.code),
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id,
    }


def response(error: ForetellError, request_id: str | None) -> Response:
    """Answer with an error."""
    headers = {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body = orjson.dumps(document(error, request_id), default=str)
    return Response(body, status_code=error.status, headers=headers, media_type=MEDIA_TYPE)


def unexpected(request_id: str | None) -> Response:
    """Answer for a bug: nothing of what went wrong is told, the request id finds it in the log."""
    return response(ForetellError("An unexpected error; the request id finds it in the log."), request_id)


def install(app: FastAPI) -> None:
    """Make an app answer every error as a problem document."""
    app.add_exception_handler(ForetellError, _foretell)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)


def request_id_of(request: Request) -> str | None:
    """Tell the id that the request context gave to a request."""
    return getattr(request.state, "request_id", None)


async def _foretell(request: Request, error: Exception) -> Response:
    assert isinstance(error, ForetellError)  # noqa: S101 - told by the registration above
    return response(error, request_id_of(request))


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    details = error.errors()
    broken = next((entry for entry in details if entry["type"] == "json_invalid"), None)
    if broken is not None:
        return response(malformed(broken["loc"][-1]), request_id_of(request))
    places = [{**entry, "loc": _within_body(entry["loc"])} for entry in details]
    return response(invalid(places), request_id_of(request))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    phrase = HTTPStatus(error.status_code).phrase
    told = {
        404: "There is nothing at this path; the paths are listed in /openapi.json.",
        405: "This path does not answer that method; the methods are listed in /openapi.json.",
    }
    answer = _Http(told.get(error.status_code, f"{phrase}."))
    body = {
        **document(answer, request_id_of(request)),
        "status": error.status_code,
        "title": phrase,
        "code": phrase.lower().replace(" ", "-"),
    }
    body["type"] = type_of(body["code"])
    return Response(orjson.dumps(body), status_code=error.status_code, headers=error.headers, media_type=MEDIA_TYPE)


class _Http(ForetellError):
    """An answer of the framework; status and code are filled in from the HTTP status."""


def malformed(position: object) -> MalformedJson:
    """Describe a body that is not JSON.

    Args:
        position: byte or character at which reading stopped, when known.
    """
    where = f" at position {position}" if isinstance(position, int) else ""
    return MalformedJson(f"The body is not valid JSON{where}.", position=position if where else None)


def invalid(errors: Sequence[Mapping[str, Any]]) -> BadRequest:
    """Describe an envelope that does not fit; the first twenty mistakes are named."""
    return BadRequest(
        "The request does not fit the contract; `errors` says where.",
        errors=pointers(errors)[:MAX_ERRORS],
    )


def pointers(errors: Sequence[Mapping[str, Any]], prefix: str = "") -> list[dict[str, str]]:
    """Turn pydantic's error details into JSON pointers; the input is never repeated.

    Args:
        errors: from `ValidationError.errors()`.
        prefix: pointer of the validated part within the body, such as `/contacts/3`.

    Returns:
        One {"pointer", "detail"} a mistake, each once, in order.

    >>> pointers([{"loc": ("cutoff",), "msg": "Input should have timezone info", "type": "timezone_aware"}])
    [{'pointer': '/cutoff', 'detail': 'Input should have timezone info'}]
    """
    found = {(prefix + _pointer(entry["loc"]), _sentence(entry)): None for entry in errors}
    return [{"pointer": pointer, "detail": detail} for pointer, detail in found]


def _within_body(place: Sequence[int | str]) -> tuple[int | str, ...]:
    """Drop FastAPI's `body`; `path`, `query` and `header` stay, so that the mistake is found."""
    return tuple(place[1:] if place and place[0] == "body" else place)


def _pointer(place: Sequence[int | str]) -> str:
    kept = [part for part in place if not _is_inner(part)]
    return "".join(f"/{_escaped(part)}" for part in kept)


def _is_inner(part: int | str) -> bool:
    """Tell pydantic's own names of union members and keys from names in the data."""
    return isinstance(part, str) and (part == "[key]" or part.endswith((")", "]")))


def _escaped(part: int | str) -> str:
    return str(part)[:MAX_SEGMENT].replace("~", "~0").replace("/", "~1")


_SENTENCES = {
    "extra_forbidden": "This field is not known here; leave it out.",
    "missing": "This field is required.",
    "timezone_aware": "Give the time a zone, such as 2026-06-01T09:30:00Z.",
    "finite_number": "Give a finite number.",
}


def _sentence(entry: Mapping[str, Any]) -> str:
    return _SENTENCES.get(entry["type"], str(entry["msg"]).removeprefix("Value error, "))
