"""The only mapping of errors to RFC 9457 `application/problem+json`; used by the gateway and by every service."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from shared.contracts.validation import MAX_MISTAKES, mistakes
from shared.errors import BadRequest, ForetellError

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MEDIA_TYPE = "application/problem+json"
EXAMPLE_REQUEST_ID = "3f0c9a4be0d94f53a6f1c2d7e8b9a012"

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem document; `code` is stable, further members depend on it.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "URI of the kind of problem."},
        "title": {"type": "string", "description": "The kind of problem in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What happened and what to do."},
        "code": {"type": "string", "description": "Stable name of the kind of problem."},
        "request_id": {"type": ["string", "null"], "description": "Finds the request in the log."},
        "errors": {
            "type": "array",
            "description": "Where the request does not fit.",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer from the root of the body."},
                    "detail": {"type": "string", "description": "What is wrong and what would be right."},
                },
            },
        },
    },
    "additionalProperties": True,
}


class MalformedJson(BadRequest):
    """The body is not JSON; the position is sent, never the content."""

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
        "type": error.type_uri or type_of(error.code),
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id,
    }


def parts(error: ForetellError, request_id: str | None) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return status, headers (but for the length) and body of the answer to an error."""
    headers = [(b"content-type", MEDIA_TYPE.encode())]
    if error.retry_after_seconds is not None:
        headers.append((b"retry-after", str(error.retry_after_seconds).encode()))
    if "scope" in error.members:
        challenge = f'Bearer error="insufficient_scope", scope="{error.members["scope"]}"'
        headers.append((b"www-authenticate", challenge.encode()))
    elif error.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    return error.status, headers, orjson.dumps(document(error, request_id), default=str)


def response(error: ForetellError, request_id: str | None) -> Response:
    """Answer with an error."""
    status, headers, body = parts(error, request_id)
    return Response(body, status, {name.decode(): value.decode() for name, value in headers})


def install(app: FastAPI) -> None:
    """Make an app answer every error as a problem document."""
    app.add_exception_handler(ForetellError, _foretell)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)


def request_id_of(request: Request) -> str | None:
    """Return the id that the request context gave to a request."""
    return getattr(request.state, "request_id", None)


async def _foretell(request: Request, error: Exception) -> Response:
    assert isinstance(error, ForetellError)  # noqa: S101 - the handler is registered for it
    return response(error, request_id_of(request))


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    details = error.errors()
    broken = next((entry for entry in details if entry["type"] == "json_invalid"), None)
    if broken is not None:
        return response(malformed(broken["loc"][-1]), request_id_of(request))
    # The place starts with `body`, `path`, `query` or `header`; only the first one's name is no news.
    named = {entry["loc"][-1]: "" for entry in details if entry["loc"][0] == "header"}  # as written in the contract
    within = {"path": request.path_params, "query": dict(request.query_params), "header": named}
    errors = [
        mistakes([{**entry, "loc": entry["loc"][1:]}], error.body)
        if entry["loc"][0] == "body"
        else mistakes([entry], within)
        for entry in details
    ]
    wrong = BadRequest(
        "The request does not fit the contract; `errors` says where.",
        errors=[entry for found in errors for entry in found][:MAX_MISTAKES],
    )
    return response(wrong, request_id_of(request))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == HTTPStatus.BAD_REQUEST:  # the framework's word for a body that it could not parse
        return response(malformed(None), request_id_of(request))
    phrase = HTTPStatus(error.status_code).phrase
    details = {
        404: "There is nothing at this path; the paths are listed in /openapi.json.",
        405: "This path does not answer that method; the methods are listed in /openapi.json.",
    }
    answer = _Http(details.get(error.status_code, f"{phrase}."))
    body = {
        **document(answer, request_id_of(request)),
        "status": error.status_code,
        "title": phrase,
        "code": phrase.lower().replace(" ", "-"),
    }
    body["type"] = type_of(body["code"])
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
    return Response(orjson.dumps(body), status_code=error.status_code, headers=headers, media_type=MEDIA_TYPE)


def _allowed(request: Request) -> list[str]:
    """List the methods of a path: the framework lists only those of the first route that matches it."""
    routes = request.app.router.routes

    def answers(method: str) -> bool:
        return any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)

    # HEAD is answered wherever GET is, see `shared.http.middleware`.
    return [method for method in _METHODS if answers("GET" if method == "HEAD" else method)]


class _Http(ForetellError):
    """An answer of the framework; status and code are filled in from the HTTP status."""


def malformed(position: object) -> MalformedJson:
    """Describe a body that is not JSON.

    Args:
        position: byte or character at which reading stopped, when known.
    """
    if isinstance(position, int):
        return MalformedJson(f"The body is not valid JSON at position {position}.", position=position)
    return MalformedJson(
        "The body cannot be read as JSON: send UTF-8, without numbers of thousands of digits or deep nesting.",
        position=None,
    )


def invalid(errors: Sequence[Mapping[str, Any]], within: Any) -> BadRequest:
    """Describe an envelope that does not fit; the first twenty mistakes are named.

    Args:
        errors: from `ValidationError.errors()`.
        within: what was validated.
    """
    return BadRequest(
        "The request does not fit the contract; `errors` says where.",
        errors=mistakes(errors, within),
    )
