"""Bodies that are files: streamed to disk as they come, within bounds of their own; no more than a buffer is held."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import Scope as ASGIScope

from shared.batches.files import BatchFiles, needing_space, open_private
from shared.settings import GatewaySettings

BUFFER_BYTES: Final = 1_000_000
"""So much is gathered before a thread writes it."""
CarriesFile = Callable[[ASGIScope], bool]
"""Whether the body of a request is a file."""


def upload_bounds(settings: GatewaySettings, *kinds: CarriesFile) -> Callable[[ASGIScope], tuple[int, float] | None]:
    """Return what says how many bytes and seconds a file may take; None: the request carries none.

    Args:
        settings: the bounds.
        kinds: of requests that carry files.
    """

    def bounds(scope: ASGIScope) -> tuple[int, float] | None:
        is_file = scope["method"] == "POST" and any(carries_file(scope) for carries_file in kinds)
        return (settings.batch_upload_bytes, settings.batch_upload_seconds) if is_file else None

    return bounds


def media_of(headers: Headers) -> str:
    """Read what a body is said to be."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


@contextmanager
def temporary(files: BatchFiles) -> Iterator[Path]:
    """Name a file that is gone in the end, unless it was moved to its place."""
    upload = files.new_upload()
    try:
        yield upload
    finally:
        upload.unlink(missing_ok=True)


async def stream(request: Request, upload: Path) -> int:
    """Write a body to a file as it comes; return how many bytes it has."""
    held, written = bytearray(), 0
    with needing_space(), open_private(upload) as target:
        async for chunk in request.stream():
            held += chunk
            written += len(chunk)
            if len(held) >= BUFFER_BYTES:
                await asyncio.to_thread(_write, target, bytes(held))
                held.clear()
        await asyncio.to_thread(_write, target, bytes(held))
    request.state.body_is_read = True
    return written


def _write(target: IO[bytes], content: bytes) -> None:
    target.write(content)
