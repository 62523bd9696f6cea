"""The file of a new import: streamed to disk as it comes; what it holds is the worker's to find out."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from fastapi import Depends, Query, Request
from starlette.types import Scope as ASGIScope

from gateway.context import AuthenticatedRequest, authenticate, gateway_of
from gateway.imports.schemas import MAX_FILE_NAME, ImportKind
from gateway.uploads import media_of, stream, temporary
from shared.batches.files import BatchFiles
from shared.contracts.call import Deadline, Scope
from shared.errors import BadRequest, UnsupportedMediaType

PATH: Final = "/imports"
_SCOPE: Final[Scope] = "ingest"
_FORMS: Final = ("multipart/form-data", "application/x-www-form-urlencoded")
FilenameParam = Annotated[
    str,
    Query(
        max_length=MAX_FILE_NAME, description="Name of the file, for people; its kind shows in what it holds.",
        examples=["leads.csv"],
    ),
]  # fmt: skip
KindParam = Annotated[ImportKind | None, Query(description="What the rows are; as the columns show when omitted.")]
TimezoneParam = Annotated[
    str | None, Query(max_length=64, description="IANA zone of times that name none.", examples=["Europe/Berlin"])
]


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A request for an import whose file has come."""

    authenticated: AuthenticatedRequest
    upload: Path
    bytes: int


def carries_file(scope: ASGIScope) -> bool:
    """Whether a request brings a file to import."""
    found: bool = scope["path"] == PATH
    return found


async def _received(request: Request) -> AsyncIterator[ReceivedFile]:
    """Authenticate, take the file in, and hold a slot for writing until the answer is made.

    Raises:
        UnsupportedMediaType: the file comes in a form.
        BadRequest: it is empty.
        BodyTooLarge: more bytes than the settings allow.
        StoreUnavailable: there is no room for the file.
    """
    authenticated = await authenticate(request, _SCOPE)
    if media_of(request.headers) in _FORMS:
        raise UnsupportedMediaType("Send the file itself as the body, not as a field of a form.")
    gateway = gateway_of(request)
    with temporary(BatchFiles(gateway.settings.files_folder)) as upload:
        written = await stream(request, upload)
        if not written:
            raise BadRequest("The file is empty: it has no header and no row.")
        async with gateway.writing(Deadline.seconds_left()):
            yield ReceivedFile(authenticated, upload, written)


_received.scope = _SCOPE  # type: ignore[attr-defined]
Received = Annotated[ReceivedFile, Depends(_received)]


async def _authenticated(received: Received) -> AuthenticatedRequest:
    return received.authenticated


ReceivedScope = Annotated[AuthenticatedRequest, Depends(_authenticated)]
"""Of the same request."""
