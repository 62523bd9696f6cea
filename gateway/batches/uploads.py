"""The body of a request for a batch: JSON in memory, or a file of contacts streamed to its place as it comes."""

import asyncio
import codecs
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers
from starlette.types import Scope as ASGIScope

from gateway.batches.schemas import NewBatch, UploadedBatch
from gateway.context import AuthenticatedRequest, authenticate, gateway_of
from gateway.uploads import media_of, stream, temporary
from shared.batches.files import BatchFiles
from shared.batches.request import ANY_FILE, UPLOADS
from shared.contracts.call import Deadline, Scope
from shared.errors import BadRequest, UnsupportedMediaType
from shared.http import problem
from shared.http.middleware import parse_json

PATH: Final = "/batches"
_SCOPE: Final[Scope] = "predict"
_PARQUET: Final = b"PAR1"
CapabilitiesParam = Annotated[
    str | None,
    Query(max_length=500, description="With a file: which questions, separated by commas.", examples=["scoring"]),
]
OutcomeParam = Annotated[str | None, Query(max_length=63, description="With a file: as in the JSON.")]
ReasonsParam = Annotated[str | None, Query(max_length=3, description="With a file: as in the JSON.")]
CutoffParam = Annotated[str | None, Query(max_length=64, description="With a file: as in the JSON.")]
FormatParam = Annotated[str | None, Query(max_length=10, description="With a file: as in the JSON.")]


Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ReceivedBatch:
    """A request for a batch whose body has come."""

    authenticated: AuthenticatedRequest
    requested: NewBatch | UploadedBatch
    upload: Path | None = None
    """Where the file of contacts lies for now; None: the body was JSON."""
    ending: str = ""
    """Of that file."""


def carries_file(scope: ASGIScope) -> bool:
    """Whether a request brings a file of contacts."""
    media = media_of(Headers(scope=scope))
    return scope["path"] == PATH and (media in UPLOADS or media == ANY_FILE)


async def _received(
    request: Request,
    capabilities: CapabilitiesParam = None,
    outcome: OutcomeParam = None,
    reasons: ReasonsParam = None,
    cutoff: CutoffParam = None,
    result_format: Annotated[FormatParam, Query(alias="format")] = None,
) -> AsyncIterator[ReceivedBatch]:
    """Authenticate, take the body in, and hold a slot for writing until the answer is made.

    Raises:
        UnsupportedMediaType: neither JSON nor a file of contacts.
        BadRequest: it does not fit the contract.
        BodyTooLarge: more bytes than the settings allow.
        StoreUnavailable: there is no room for the file.
    """
    authenticated = await authenticate(request, _SCOPE)
    query = {"capabilities": capabilities, "outcome": outcome, "reasons": reasons, "cutoff": cutoff}
    given = {name: value for name, value in {**query, "format": result_format}.items() if value is not None}
    media = media_of(request.headers)
    gateway = gateway_of(request)
    if media == "application/json":
        received = ReceivedBatch(authenticated, _from_json(await request.body(), given))
        async with gateway.writing(Deadline.seconds_left()):
            yield received
        return
    if media not in UPLOADS and media != ANY_FILE:
        known = ", ".join(("application/json", *UPLOADS, ANY_FILE))
        raise UnsupportedMediaType(f"Name in Content-Type what the body is: {known}.")
    requested = _from_query(given)
    with temporary(BatchFiles(gateway.settings.files_folder)) as upload:
        await stream(request, upload)
        ending = await asyncio.to_thread(_checked, upload, UPLOADS.get(media))
        async with gateway.writing(Deadline.seconds_left()):
            yield ReceivedBatch(authenticated, requested, upload, ending)


_received.scope = _SCOPE  # type: ignore[attr-defined]
Received = Annotated[ReceivedBatch, Depends(_received)]


async def _authenticated(received: Received) -> AuthenticatedRequest:
    return received.authenticated


ReceivedScope = Annotated[AuthenticatedRequest, Depends(_authenticated)]
"""Of the same request."""


def _checked(upload: Path, ending: str | None) -> str:
    """Refuse at once what can be no file of contacts; what is wrong further down, its rows and the batch say.

    Args:
        upload: the file.
        ending: what it is said to be; None: what it begins as.

    Returns:
        The ending of such files.
    """
    with upload.open("rb") as source:
        beginning = source.read(65_536).removeprefix(codecs.BOM_UTF8)
        if not beginning.strip():
            raise _refused("The file is empty: send at least one contact.")
        ending = ending or _ending_of(beginning)
        if ending == "parquet":
            source.seek(-min(4, len(beginning)), 2)
            if not beginning.startswith(_PARQUET) or source.read() != _PARQUET:
                raise _refused("This is no whole Parquet file; write it again.")
        elif ending == "ndjson" and not beginning.lstrip().startswith(b"{"):
            raise _refused('Send one JSON object a line: {"id": "c-42"}.')
    return ending


def _ending_of(beginning: bytes) -> str:
    if beginning.startswith(_PARQUET):
        return "parquet"
    return "ndjson" if beginning.lstrip().startswith(b"{") else "csv"


def _refused(detail: str) -> BadRequest:
    return BadRequest(
        "The request does not fit the contract; `errors` says where.", errors=[{"pointer": "", "detail": detail}]
    )


def _from_json(body: bytes, query: dict[str, str]) -> NewBatch:
    if query:
        raise BadRequest(
            "With JSON everything stands in the body.",
            errors=[{"pointer": f"/query/{name}", "detail": "put it into the body"} for name in query],
        )
    return _validated(NewBatch, parse_json(body))


def _from_query(query: dict[str, str]) -> UploadedBatch:
    fields: dict[str, Any] = dict(query)
    if "capabilities" in fields:
        fields["capabilities"] = [name.strip() for name in fields["capabilities"].split(",")]
    return _validated(UploadedBatch, fields)


def _validated(model: type[Model], content: Any) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise problem.invalid([dict(entry) for entry in details], content) from None
