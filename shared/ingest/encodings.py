"""Which encoding a text file is written in: a mark or its own pattern says it, else it is UTF-8 or a code page."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from shared.errors import FileRefused
from shared.ingest.table import Layout

BROKEN = "\udc80"
"""Stands where bytes are none of the encoding's; no valid text holds it."""
_BLOCK = 1 << 20
_SAMPLE_BYTES = 64 * 1024
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CODE_PAGES = [
    "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp850", "cp932", "cp949",
    "big5", "gb18030", "euc_jp", "koi8_r", "mac_roman",
]  # fmt: skip
_WESTERN_PAGES = ("cp1252", "cp850", "mac_roman")
_WESTERN = frozenset("äöüßÄÖÜéèêëÉÈÊàâáãåÀÂÁÃÅçÇñÑíìîïÍÎóòôõøÓÔÕØúùûÚÙÛæÆœŒÿ€£§°«»‘’“”„‚–—…•·´®©™¡¿ªº²½±×¨\xa0")
_FOREIGN_RUN = re.compile(r"[^\W\d_a-zA-Z]{3,}")
_WITHIN_WORD = re.compile(r"(?<=[a-z])[^\W\d_a-zA-Z]|(?<=[a-z])[¿¡²½±×°ªº”„…•‚–—€«»](?=[a-z])")


def _mark_broken(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError):
        return BROKEN, error.end
    raise error


codecs.register_error("foretell-broken", _mark_broken)
BROKEN_HANDLER = "foretell-broken"


@dataclass(slots=True)
class _Scan:
    is_utf8: bool = True
    is_mostly_utf8: bool = False
    """Whether most characters beyond ASCII are valid UTF-8, so that the others are broken ones."""
    sample: bytes = b""
    """Lines with bytes beyond ASCII."""


def encoding_of(stream: IO[bytes], given: str | None, layout: Layout) -> str:
    """Find out the encoding of a text file, and say it where it was guessed.

    Args:
        stream: at the beginning of the file; it is read to the end if need be.
        given: by the caller, who knows it.
        layout: takes the encoding and its warnings.

    Raises:
        FileRefused: the given encoding is not known.
    """
    layout.encoding = _known(given) if given is not None else _found(stream, layout)
    return layout.encoding


def _known(given: str) -> str:
    try:
        found = codecs.lookup(given)
    except (LookupError, ValueError) as error:
        raise FileRefused(f"--encoding: {given[:40]!r} is none; give utf-8, utf-16, cp1252 or another.") from error
    if not found._is_text_encoding:  # rot13, base64 and zip are no encodings of text
        raise FileRefused(f"--encoding: {given[:40]!r} is none; give utf-8, utf-16, cp1252 or another.")
    return "utf-8-sig" if found.name == "utf-8" else found.name


def _found(stream: IO[bytes], layout: Layout) -> str:
    first = stream.read(_BLOCK)
    for mark, name in _MARKS:
        if first.startswith(mark):
            if name != "utf-8-sig":
                layout.note(f"The file is {name.upper()}.")
            return name
    wide = _wide(first)
    if wide is not None:
        layout.note(f"The file is {wide.upper()} without a mark.")
        return wide
    scan = _scanned(first, stream)
    if scan.is_utf8 or scan.is_mostly_utf8:
        return "utf-8-sig"
    page = code_page(scan.sample)
    layout.note(f"The file is not UTF-8; it was read as {page}, the likeliest. If letters look wrong, say --encoding.")
    return page


def _wide(first: bytes) -> str | None:
    """Recognise UTF-16 by the zero bytes beside ASCII."""
    sample = first[:4096]
    if len(sample) < 4 or b"\x00" not in sample:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > 0.6 * half and even < 0.1 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.6 * half and odd < 0.1 * half else None


def _scanned(first: bytes, stream: IO[bytes]) -> _Scan:
    scan, decoder = _Scan(), codecs.getincrementaldecoder("utf-8")()
    for block in _blocks(first, stream):
        if len(scan.sample) < _SAMPLE_BYTES and not block.isascii():
            lines = (line for line in block.splitlines(keepends=True) if not line.isascii())
            scan.sample = (scan.sample + b"".join(lines))[:_SAMPLE_BYTES]
        if scan.is_utf8:
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                scan.is_utf8 = False
        if not scan.is_utf8:
            break
    if scan.is_utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            scan.is_utf8 = False
    text = scan.sample.decode("utf-8", BROKEN_HANDLER)
    broken = text.count(BROKEN)
    scan.is_mostly_utf8 = sum(not char.isascii() for char in text) >= 2 * broken
    return scan


def _blocks(first: bytes, stream: IO[bytes]) -> Iterator[bytes]:
    block = first
    while block:
        yield block
        block = stream.read(_BLOCK)


def code_page(sample: bytes) -> str:
    """Choose the likeliest code page of a text that is not UTF-8; Western where it makes sense in it.

    Args:
        sample: lines with bytes beyond ASCII.

    >>> code_page("Müllerweg, Straße".encode("cp1252")), code_page("Привет, Москва".encode("cp1251"))
    ('cp1252', 'cp1251')
    """
    for page in _WESTERN_PAGES:
        if _looks_western(sample, page):
            return page
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=_CODE_PAGES).best()
    return best.encoding if best is not None else "cp1252"


def _looks_western(sample: bytes, page: str) -> bool:
    try:
        text = sample.decode(page)
    except UnicodeDecodeError:
        return False
    beyond = {char for char in text if not char.isascii()}
    return beyond <= _WESTERN and not _FOREIGN_RUN.search(text) and not _WITHIN_WORD.search(_without_lower(text))


def _without_lower(text: str) -> str:
    # Small letters of the West may stand anywhere in a word; capitals and signs within one point to another page.
    return "".join("a" if char in _WESTERN and char.islower() else char for char in text)
