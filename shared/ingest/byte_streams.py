"""Files opened as bytes: packed ones are unpacked on the way, and what they are shows in their first bytes."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from shared.errors import FileRefused

_FIRST_BYTES = 64 * 1024
_GZIP = b"\x1f\x8b"
_OTHER_PACKERS = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7-Zip", b"Rar!": "RAR", b"(\xb5/\xfd": "zstd"}
UNPACK_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)


class Stream(NamedTuple):
    """The bytes of a file, unpacked."""

    bytes: IO[bytes]
    fraction: Callable[[], float]
    """How much of the file has been read, 0 to 1."""


@contextmanager
def opened(path: Path) -> Iterator[Stream]:
    """Open a file, and unpack it where it is gzipped, whatever it is called."""
    size = max(path.stat().st_size, 1)
    with path.open("rb") as raw:

        def fraction() -> float:
            return min(raw.tell() / size, 1.0)

        packed = raw.read(2) == _GZIP
        raw.seek(0)
        stream: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        yield Stream(cast(IO[bytes], stream), fraction)


def first_bytes(path: Path) -> bytes:
    """Read where a file begins, unpacked.

    Raises:
        FileRefused: there is no such file, it is empty, or packed by something else than gzip or broken.
    """
    if path.is_dir():
        raise FileRefused(f"{path} is a folder, not a file.")
    if not path.is_file():
        raise FileRefused(f"There is no file {path}.")
    try:
        with opened(path) as stream:
            first = stream.bytes.read(_FIRST_BYTES)
    except UNPACK_ERRORS:
        first = _readable_part(path)
    for begin, packer in _OTHER_PACKERS.items():
        if first.startswith(begin):
            raise FileRefused(f"{path.name} is packed with {packer}; unpack it first.")
    if not first.strip(b"\x00 \t\r\n"):
        raise FileRefused(f"{path.name} is empty: it has no header and no row.")
    return first


def _readable_part(path: Path) -> bytes:
    """Read what a broken packed file still gives of its beginning."""
    first = b""
    try:
        with opened(path) as stream:
            while piece := stream.bytes.read(1):
                first += piece
    except UNPACK_ERRORS as error:
        if not first:
            raise FileRefused(f"{path.name} is broken: it does not unpack; compress it again.") from error
    return first[:_FIRST_BYTES]
