"""E-mail addresses as people and exports write them, brought to the one spelling that is hashed."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

from email_validator import EmailNotValidError, validate_email

from shared.values.unreadable import Unreadable
from shared.values.words import cleaned, is_missing

Note = Literal["several", "named", "invisible", "link"]
"""What was taken away: further addresses, a name beside it, characters without width, `mailto:`."""

MAX_CHARACTERS: Final = 254
"""Of one address (RFC 5321)."""
MAX_CELL_CHARACTERS: Final = 2_000
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ORDINARY = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?:[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9]))")
_NAMED = re.compile(r"[^<>]*<([^<>]*)>\s*")
_SEPARATORS = re.compile(
    r"[;,|\n\r\t]+|\s[/&]\s|\s(?:or|and|oder|und)\s|(?<=\S\.[a-z]{2})\s+(?=\S+@)|(?<=\S\.[a-z]{3})\s+(?=\S+@)",
    re.IGNORECASE,
)
_BESIDE = re.compile(r"(\S+@\S+)\s*\([^()]*\)")

_MARKS = re.compile(r"[\W_]+")
_NOBODY: Final = frozenset(
    re.findall(
        r"\S+",
        """
        unknown none noemail nomail noreply donotreply dontreply notprovided notavailable notapplicable nobody anonymous
        anonym placeholder dummy fake fakeemail missing undefined invalid noaddress noemailaddress donthave nothave
        noemailgiven emailunknown unknownemail keinemail keineemail keinemailadresse unbekannt ohneemail ohnemail
        sansemail sansmail pasdemail inconnu sinemail sinmail sincorreo desconocido nessunaemail geenemail onbekend
        brakemaila postmaster mailerdaemon
        """,
    )
)
"""Before the `@`, whatever the domain, and in a field of addresses alone; marks do not count (`no-reply`)."""
_NO_DOMAINS: Final = _NOBODY | frozenset({"na", "null", "nowhere", "noone"})
"""The name of a domain without its ending: `x@noemail.com`."""
_REPEATED: Final = frozenset(
    re.findall(
        r"\S+",
        """
        test none null unknown na no a aa aaa abc asdf asd qwe qwerty b x xx xxx xyz y z email e-mail mail name user
        foo bar example
        """,
    )
)
"""On both sides of the `@`: `test@test.com`, `a@a.de`. `test@example.com` is what documentation writes for a person,
and stays one."""
_PLACEHOLDERS: Final = frozenset(
    re.findall(
        r"\S+",
        """
        name@domain.com user@domain.com email@domain.com yourname@domain.com your@email.com youremail@email.com
        no@email.com none@email.com name@email.com user@email.com fake@email.com email@email.com me@me.com no@no.no
        foo@bar.com asd@asd.asd test@mail.com test@email.com test@gmail.com abc@gmail.com abc@xyz.com xyz@abc.com
        abc@def.com 123@123.com 1@1.com
        """,
    )
)


class NotAnAddress(Unreadable):
    """A text holds no e-mail address."""


@dataclass(frozen=True, slots=True)
class Address:
    """One address in the spelling that is hashed, and what was taken away to come to it."""

    email: str
    """In small letters, the domain in its ASCII form (punycode)."""
    notes: tuple[Note, ...] = ()

    @property
    def is_placeholder(self) -> bool:
        """Whether it was written because a field had to be filled in, and is no person's."""
        return is_placeholder(self.email)


def read_address(text: str) -> Address:
    r"""Read an e-mail address; of several the first counts.

    `Ann <ann@..>`, `mailto:`, characters without width and domains in any script are understood; the case of letters
    does not matter, a part after `+` does.

    Raises:
        NotAnAddress: it holds none.

    >>> read_address("Ann Smith <Ann@Example.com>"), read_address("fritz@m\u00fcller.example").email
    (Address(email='ann@example.com', notes=('named',)), 'fritz@xn--mller-kva.example')
    """
    plain = text.strip().lower()
    if _ORDINARY.fullmatch(plain) and len(plain) <= MAX_CHARACTERS and plain[:7] != "mailto:":
        return Address(plain)
    if len(text) > MAX_CELL_CHARACTERS:
        raise NotAnAddress("It is too long for an e-mail address.")
    notes: dict[Note, None] = {}
    plain = cleaned(text)
    if len(plain) != len(text.strip()):
        notes["invisible"] = None
    first = _first(plain, notes)
    return Address(_checked(first), tuple(notes))


def maybe_address(text: str) -> Address | None:
    """Read an e-mail address; None where the text says that there is none (`n/a`, `unknown`, `no email`).

    Raises:
        NotAnAddress: it says something else.

    >>> maybe_address("No e-mail") is None, maybe_address("ann@example.com")
    (True, Address(email='ann@example.com', notes=()))
    """
    if "@" not in text and (is_missing(cleaned(text)) or _MARKS.sub("", text.lower()) in _NOBODY):
        return None
    return read_address(text)


def normal_address(text: str) -> str:
    """Bring an address to the spelling that is hashed; a text that is none is only stripped and put in small letters.

    >>> normal_address(" ANN@Example.com"), normal_address(" Nobody ")
    ('ann@example.com', 'nobody')
    """
    try:
        return read_address(text).email
    except NotAnAddress:
        return text.strip().lower()


def is_address(text: str) -> bool:
    """Whether a text is an address, or names one.

    >>> is_address("mailto:ann@example.com"), is_address("ann at home")
    (True, False)
    """
    try:
        read_address(text)
    except NotAnAddress:
        return False
    return True


def is_placeholder(email: str) -> bool:
    """Whether an address in its normal spelling is on the stated list: no person's, so nobody is recognised by it.

    >>> [is_placeholder(f"{name}@shop.example") for name in ("unknown", "no-reply", "nora", "info")]
    [True, True, False, False]
    >>> is_placeholder("test@test.com"), is_placeholder("ann@example.com")
    (True, False)
    """
    local, _, domain = email.rpartition("@")
    if not local:
        return False
    *above, name, ending = ["", *domain.split(".")]
    if len(name) <= 3 and len(ending) == 2 and above[-1]:  # the name of `noemail.co.uk`
        name = above[-1]
    return (
        _MARKS.sub("", local.partition("+")[0]) in _NOBODY
        or local in ("n/a", "na/na")
        or set(local) <= set("-._?0")
        or _MARKS.sub("", name) in _NO_DOMAINS
        or ending == "invalid"
        or (local in _REPEATED and name == local)
        or email in _PLACEHOLDERS
    )


def _first(plain: str, notes: dict[Note, None]) -> str:
    """Take the first address of a cell.

    A name beside it stands in front of brackets or apart from it; else nobody knows where the name ends.
    """
    named = _NAMED.match(plain)
    if named is not None:
        rest, plain = plain[named.end() :], named[1]
        notes["named"] = None
    else:
        first, *others = [part.strip() for part in _SEPARATORS.split(plain) if part.strip()] or [plain]
        if others and "@" not in first:
            holding = [part for part in others if "@" in part]
            notes["named"] = None
            first, others = (holding[0], holding[1:]) if holding else (first, [])
        beside = _BESIDE.fullmatch(first)
        if beside is not None:
            notes["named"] = None
            first = beside[1]
        rest, plain = " ".join(others), first
    if "@" in rest:
        notes["several"] = None
    if plain[:7].lower() == "mailto:":
        notes["link"] = None
        plain = plain[7:].partition("?")[0]
    return plain.strip(" '\"<>()").rstrip(".")


def _checked(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    if _ORDINARY.fullmatch(plain) and len(plain) <= MAX_CHARACTERS:
        return plain
    try:
        found = validate_email(plain, check_deliverability=False, allow_quoted_local=True)
    except EmailNotValidError as error:
        raise NotAnAddress("It is not an e-mail address.") from error
    return f"{found.local_part}@{found.ascii_domain}".lower()
