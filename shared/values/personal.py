"""What names or finds a person: whole headers and what the values look like, never a part of a word.

`phone_service`, `Do Not Email`, `Email Opens` and `female` name nobody; `E-Mail`, `Billing Phone` and `Vorname` do.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final, Literal

from shared.values.addresses import is_address
from shared.values.personal_words import GIVEN_NAMES, TERMS
from shared.values.words import FALSE, TRUE, same_name_key

Kind = Literal[
    "email", "phone", "name", "street", "birth", "identity_number", "account_name", "network_address", "picture",
    "postal_code", "position", "gender", "belief", "free_text",
]  # fmt: skip
Look = Kind | Literal["flag"] | None
"""What one value looks like: a yes, a no or a small number is a flag, whatever its column is called."""
Treatment = Literal["identity", "leave_out", "keep"]
"""At import: hash it to recognise the contact; do not keep it; keep it, but never make it a feature unless it is
allowed."""

TREATMENT: Final[dict[Kind, Treatment]] = {
    "email": "identity",
    "phone": "leave_out",
    "name": "leave_out",
    "street": "leave_out",
    "birth": "leave_out",
    "identity_number": "leave_out",
    "account_name": "leave_out",
    "network_address": "leave_out",
    "picture": "leave_out",
    "postal_code": "keep",
    "position": "keep",
    "gender": "keep",
    "belief": "keep",
    "free_text": "keep",
}
WORDS: Final[dict[Kind, str]] = {
    "email": "e-mail addresses",
    "phone": "telephone numbers",
    "name": "names of people",
    "street": "postal addresses",
    "birth": "dates of birth",
    "identity_number": "numbers of a document or an account",
    "account_name": "names of an account or a profile",
    "network_address": "addresses of a network or a device",
    "picture": "pictures",
    "postal_code": "postal codes",
    "position": "positions on the map",
    "gender": "gender",
    "belief": "beliefs or origin",
    "free_text": "free text",
}
"""What a column of the kind holds, in plain words."""

_CODED: Final[frozenset[Kind]] = frozenset({"gender", "belief", "postal_code", "position"})
"""Kinds that may be written as small numbers."""

SHARE_OF_VALUES: Final = 0.2
"""From this share on, values that are addresses or telephone numbers make the whole column one of them."""
SHARE_OF_NAMES: Final = 0.5
MIN_VALUES: Final = 3
"""Fewer values than this say nothing about a column whose header says nothing."""
MAX_SAMPLE: Final = 1_000
_PHONE = re.compile(r"(?:tel:)?\+?\(?\+?[0-9][0-9\s().\-/]{5,20}[0-9](?:\s?(?:ext\.?|x)\s?[0-9]{1,6})?", re.IGNORECASE)
_REGIONS: Final = ("US", "DE", "GB", "FR", "ES", "IT", "NL", "PL", "AT", "CH", "IN", "BR", "AU")
_NAME = re.compile(r"[^\W\d_][\w.'’-]*(?:,? [^\W\d_][\w.'’-]*){0,3}")
_COMPANY = re.compile(
    r"\b(?:gmbh|mbh|ag|kg|ug|ohg|gbr|se|inc|ltd|llc|llp|plc|corp|co|company|group|gruppe|holding|sarl|sas|sa|spa|srl|bv|nv|ab|as"
    r"|sons|brothers|partners?|street|road|avenue|hotel|restaurant)\b",
    re.IGNORECASE,
)
_ADDRESS_IN_TEXT = re.compile(r"(?<![\w.+-])[\w!#$%&'*+/=?^`{|}~.-]{1,64}(?:@|%40)[\w-]+(?:\.[\w-]+)+")
_PHONE_IN_TEXT = re.compile(r"(?<![\w.+])\+\d[\d\s().-]{6,}\d")
_IPV4_IN_TEXT = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")


@dataclass(frozen=True, slots=True)
class Personal:
    """A column that names or finds a person."""

    kind: Kind
    by: Literal["header", "values"]

    @property
    def treatment(self) -> Treatment:
        """What is done with it at import."""
        return TREATMENT[self.kind]

    @property
    def why(self) -> str:
        """Say why in plain words.

        >>> Personal("phone", "values").why
        'its values look like telephone numbers'
        """
        return f"its {'name stands for' if self.by == 'header' else 'values look like'} {WORDS[self.kind]}"


def by_header(header: str) -> Kind | None:
    """Say what a column of this name holds of a person; the whole header counts.

    >>> by_header("E-mail Address"), by_header("Billing Phone"), by_header("dateOfBirth"), by_header("Prénom")
    ('email', 'phone', 'birth', 'name')
    >>> by_header("Do Not Email"), by_header("phone_service"), by_header("product_name"), by_header("female")
    (None, None, None, None)
    """
    match = TERMS.fullmatch(same_name_key(header))
    return match.lastgroup if match else None  # type: ignore[return-value]


def by_values(values: Iterable[Any]) -> Kind | None:
    """Say what values look like; ids, prices, years and codes are no telephone numbers.

    Args:
        values: of one column, without those that are missing; the first thousand are looked at.

    >>> by_values(["+49 151 12345678", "+33 6 12 34 56 78", "none"])
    'phone'
    >>> by_values(["20260503", "49.90", "2026"]) is None
    True
    """
    counts: Counter[Look] = Counter()
    for number, value in enumerate(values, start=1):
        counts[look_of(value)] += 1
        if number == MAX_SAMPLE:
            break
    return kind_of_counts(counts)


def kind_of_counts(counts: Counter[Look]) -> Kind | None:
    """Choose the kind of a column from how many of its values look like each; None counts those that look like none."""
    total = counts.total()
    if total < MIN_VALUES:
        return None
    for kind in ("email", "phone", "network_address"):
        if counts[kind] >= SHARE_OF_VALUES * total:
            return kind
    return "name" if counts["name"] >= SHARE_OF_NAMES * total else None


def personal(header: str, values: Iterable[Any]) -> Personal | None:
    """Say whether a column names or finds a person, by its values where they are clear, else by its header."""
    sample = [value for _, value in zip(range(MAX_SAMPLE), values, strict=False)]
    return personal_of(header, Counter(look_of(value) for value in sample))


def personal_of(header: str, counts: Counter[Look]) -> Personal | None:
    """As `personal`, from how many values look like each kind.

    A column of yes and no, or of counts, names nobody whatever it is called.
    """
    found, named = kind_of_counts(counts), by_header(header)
    if counts["flag"] > counts.total() / 2 and named not in _CODED:
        return None
    if found is not None and found != "name":
        return Personal(found, "values")
    if named is not None:
        return Personal(named, "header")
    return Personal(found, "values") if found is not None else None


def look_of(value: Any) -> Look:
    """Say what one value is: an address, a telephone number, an address of a network, or a full name.

    >>> look_of("Ann <ann@example.com>"), look_of("192.168.0.1"), look_of("Anna Smith"), look_of("New York")
    ('email', 'network_address', 'name', None)
    >>> look_of("yes"), look_of(4915112345678) is None
    ('flag', True)
    """
    if is_flag(value):
        return "flag"
    if not isinstance(value, str) or not 2 < len(value) <= 320:
        return None
    if "@" in value:
        return "email" if is_address(value) else None
    if is_phone(value):
        return "phone"
    if value.count(".") == 3 or value.count(":") >= 2:
        return "network_address" if _is_network_address(value) else None
    return "name" if _is_full_name(value) else None


def is_flag(value: Any) -> bool:
    """Whether a value is a yes, a no, or a number of one or two digits.

    >>> is_flag("No"), is_flag(True), is_flag("2"), is_flag("00501"), is_flag("Nora")
    (True, True, True, False, False)
    """
    if isinstance(value, str):
        plain = value.strip().lower()
        return plain in TRUE | FALSE or (len(plain) <= 2 and plain.isdecimal())
    return isinstance(value, (bool, int, float)) and -100 < value < 100


def is_phone(text: str) -> bool:
    """Whether a text is a telephone number: with a `+`, or written in groups as a country writes its own.

    >>> [is_phone(text) for text in ("+4915112345678", "(415) 555-2671", "0171 2345678")]
    [True, True, True]
    >>> [is_phone(text) for text in ("4155552671", "1 299 000", "2026-05-03")]
    [False, False, False]
    """
    plain = text.strip()
    if not _PHONE.fullmatch(plain):
        return False
    plain = plain.removeprefix("tel:")
    if plain.startswith(("+", "(+")):
        return _possible(plain, None)
    if plain.startswith("00"):
        return _possible(f"+{plain[2:]}", None, surely=True)
    national = plain.startswith(("0", "(")) or re.fullmatch(
        r"(?:1[ .-])?[2-9][0-9]{2}([ .-])[2-9][0-9]{2}\1[0-9]{4}", plain
    )
    grouped = re.search(r"[ ()/\-.]", plain)
    if (
        not (national and grouped)
        or re.fullmatch(r"[0-9.]+\.[0-9]{1,2}", plain)
        or re.fullmatch(r"[0-9]{1,2}([-/.])[0-9]{1,2}\1[0-9]{2,4}", plain)
    ):
        return False
    return any(_possible(plain, region) for region in _REGIONS)


def holds_address(text: str) -> bool:
    """Whether an address stands somewhere in a text, also as a link writes it (`%40`).

    >>> holds_address("asked ann@example.com twice"), holds_address("2 @ 3.50")
    (True, False)
    """
    return ("@" in text or "%40" in text) and _ADDRESS_IN_TEXT.search(text) is not None


def leads_to_person(text: str) -> bool:
    """Whether an address of a person or a network, or a telephone number with its country, stands somewhere in a text.

    >>> leads_to_person("call +1 555 0100 200"), leads_to_person("version 10.4.2")
    (True, False)
    """
    return holds_address(text) or _PHONE_IN_TEXT.search(text) is not None or _IPV4_IN_TEXT.search(text) is not None


def _possible(text: str, region: str | None, *, surely: bool = False) -> bool:
    # Here, not above: a process that only asks about headers never loads the numbering plans.
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return False
    if surely or region is not None:
        return phonenumbers.is_valid_number(number)
    return phonenumbers.is_possible_number(number)


def _is_network_address(text: str) -> bool:
    try:
        ip_address(text.strip())
    except ValueError:
        return False
    return True


def _is_full_name(text: str) -> bool:
    """Whether a text is two to four words of which one, the first or after a comma, is a usual given name."""
    if not _NAME.fullmatch(text.strip()) or _COMPANY.search(text):
        return False
    family, comma, given = text.strip().partition(",")
    first = (given if comma else family).split()[0].rstrip(".")
    return same_name_key(first) in GIVEN_NAMES
