"""Numbers and sums of money in the usual spellings; what may be two numbers is read only where the style is known.

A single mark before exactly three digits (`1,299`) groups thousands in one country and begins decimals in another.
Everything else says itself which it is: `49,90`, `1.299,00`, `0,125`, `1,299,000`.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal
from unicodedata import decimal as digit_of

from shared.values.unreadable import Ambiguous, Unreadable
from shared.values.words import cleaned

CODES: Final = frozenset(
    re.findall(
        r"\S+",
        """
        AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
        CHF CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD
        HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD
        LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP
        PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND
        TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
        """,
    )
)

SIGNS: Final[dict[str, str | None]] = {
    "€": "EUR",
    "euro": "EUR",
    "euros": "EUR",
    "£": "GBP",
    "us$": "USD",
    "usd$": "USD",
    "$us": "USD",
    "au$": "AUD",
    "a$": "AUD",
    "ca$": "CAD",
    "c$": "CAD",
    "nz$": "NZD",
    "hk$": "HKD",
    "sg$": "SGD",
    "s$": "SGD",
    "mx$": "MXN",
    "r$": "BRL",
    "nt$": "TWD",
    "₹": "INR",
    "₽": "RUB",
    "руб": "RUB",
    "₺": "TRY",
    "₩": "KRW",
    "₪": "ILS",
    "₫": "VND",
    "₴": "UAH",
    "₦": "NGN",
    "₱": "PHP",
    "฿": "THB",
    "₸": "KZT",
    "zł": "PLN",
    "kč": "CZK",
    "lei": "RON",
    "лв": "BGN",
    "fr": "CHF",
    "sfr": "CHF",
    "円": "JPY",
    "元": "CNY",
    "$": None,
    "＄": None,
    "dollar": None,
    "dollars": None,
    "¥": None,
    "￥": None,
    "kr": None,
    "rs": None,
    "£e": "EGP",
}
"""In small letters; None: several currencies are written so."""

SMALL_CODES: Final = frozenset(
    {"eur", "usd", "gbp", "chf", "cad", "aud", "nzd", "jpy", "pln", "czk", "sek", "nok", "dkk", "huf", "inr"}
)
"""Codes that are read in small letters too; `2 cup` and `3 top` are no money."""

POINT_SIGNS: Final = frozenset(
    {"$", "us$", "usd", "£", "gbp", "au$", "a$", "aud", "nz$", "nzd", "hk$", "hkd", "¥", "jpy", "₹", "inr"}
)
"""Where these stand, a comma before three digits groups thousands: nobody writes such a sum with a comma and three
decimals."""


DecimalMark = Literal["point", "comma"]
"""What begins the decimals: `1299.50` or `1299,50`."""

MAX_WHOLE: Final = 2**63 - 1
MAX_CHARACTERS: Final = 64
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_PLAIN_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.(?:[0-9]{1,2}|[0-9]{4,17})")
_SCIENTIFIC = re.compile(r"([0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)[eE]([+-]?[0-9]{1,3})")
_BODY = re.compile(r"[0-9.,'’ ]+")
_CURRENCY = re.compile(
    "(?:" + "|".join(re.escape(sign) for sign in sorted(SIGNS, key=len, reverse=True)) + r"|[a-z]{3})(?:(?<=\w)\.)?",
    re.IGNORECASE,
)
_DASH_CENTS = re.compile(r"(?<=[0-9])[.,](?:-{1,2})$")
_DASHES: Final = dict.fromkeys(map(ord, "−‐‑–—﹣－"), "-")
_MARKS: Final = {ord("٫"): ".", ord("٬"): "'", ord("，"): ",", ord("．"): ".", ord("＋"): "+", ord("＇"): "'"}
_MARK_OF: Final = {"point": ".", "comma": ","}


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written."""

    value: int | float
    """Whole numbers stay whole; all are finite, whole ones within 64 bits."""
    currency: str | None = None
    """ISO 4217 code where a code or a sign of one currency alone stands beside it; `$` and `kr` are those of many."""
    percent: bool = False
    """Whether a percent sign follows; the value is the number before it."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """A number taken apart: what stands round the digits, and the digits with their marks."""

    negative: bool
    currency: str | None
    grouped_by_comma: bool
    percent: bool
    body: str


def read_number(text: str, *, decimal: DecimalMark | None = None) -> Number:
    """Read a number or a sum of money.

    Args:
        text: as written; spaces of every width, signs, brackets for a negative sum and a currency are understood.
        decimal: the mark that begins decimals, as the column or a person says; it decides only what is ambiguous.

    Raises:
        Ambiguous: it may be two numbers (`1,299`) and `decimal` is not given.
        Unreadable: it is no number, not finite, or a whole number that 64 bits do not hold.

    >>> read_number("1.299,50 €")
    Number(value=1299.5, currency='EUR', percent=False)
    >>> read_number("(12.50)").value, read_number("1,299", decimal="comma").value, read_number("$1,000").value
    (-12.5, 1.299, 1000)
    """
    if _PLAIN.fullmatch(text):
        return Number(int(text))
    if _PLAIN_DECIMAL.fullmatch(text):
        return Number(float(text))
    if len(text) > MAX_CHARACTERS:
        raise Unreadable("It is too long for a number.")
    parts = _taken_apart(_plain_spelling(text))
    value = _value(parts, decimal)
    return Number(-value if parts.negative else value, parts.currency, parts.percent)


def absent_mark(text: str) -> DecimalMark:
    """Return the mark that would begin decimals in a column without any: what stands in this text groups thousands.

    >>> absent_mark("41,250"), absent_mark("41.250")
    ('point', 'comma')
    """
    return "point" if "," in text else "comma"


def shown_mark(text: str) -> DecimalMark | None:
    """Say which mark begins decimals, as far as one text alone shows it.

    >>> shown_mark("1.299,00"), shown_mark("1,299,000"), shown_mark("1,299"), shown_mark("7")
    ('comma', 'point', None, None)
    """
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        parts = _taken_apart(_plain_spelling(text))
    except Unreadable:
        return None
    body = parts.body
    for mark, other in (("point", "comma"), ("comma", "point")):
        if _shows(body, _MARK_OF[mark], _MARK_OF[other]):
            return "point" if mark == "point" else "comma"
    return None


def _shows(body: str, mark: str, other: str) -> bool:
    """Whether `mark` begins decimals, or `other` surely groups thousands."""
    if mark in body:
        before, _, after = body.rpartition(mark)
        lone = before.count(mark) == 0 and after.isdigit()
        return lone and (other in before or len(after) != 3 or not 1 <= len(before) <= 3 or before.startswith("0"))
    return body.count(other) > 1


def _plain_spelling(text: str) -> str:
    plain = cleaned(text)
    if plain.isascii():
        return plain
    plain = plain.translate(_DASHES).translate(_MARKS)
    return "".join(
        " " if mark.isspace() else str(digit) if (digit := digit_of(mark, None)) is not None else mark for mark in plain
    ).strip()


def _taken_apart(text: str) -> _Parts:
    bracketed = text.startswith("(") and text.endswith(")")
    rest = text[1:-1].strip() if bracketed else text
    percent = rest.endswith("%")
    rest = rest.removesuffix("%").rstrip()
    rest = _DASH_CENTS.sub("", rest)
    currency, by_comma, negative = set[str | None](), False, bracketed
    signs = 0
    while rest and not (rest[0].isdigit() or rest[0] in ".,"):
        if rest[0] in "+-":
            signs += 1
            negative = negative or rest[0] == "-"
            rest = rest[1:].lstrip()
            continue
        rest, found, point = _without_currency(rest, _CURRENCY.match(rest), at_end=False)
        currency, by_comma = currency | found, by_comma or point
    while rest and not (rest[-1].isdigit() or (rest[-1] in ".," and not _ends_in_letters(rest))):
        if rest[-1] == "-":
            signs, negative, rest = signs + 1, True, rest[:-1].rstrip()
            continue
        rest, found, point = _without_currency(rest, _currency_at_end(rest), at_end=True)
        currency, by_comma = currency | found, by_comma or point
    known = currency - {None}
    if signs + bracketed > 1 or len(known) > 1 or (percent and currency) or not rest:
        raise Unreadable("It is not a number.")
    return _Parts(negative, next(iter(known), None), by_comma, percent, rest)


def _ends_in_letters(text: str) -> bool:
    return len(text) > 1 and text[-2].isalpha()


def _currency_at_end(text: str) -> re.Match[str] | None:
    begin = len(text.rstrip("".join({mark for mark in text if not mark.isdigit()})))
    while begin < len(text) and text[begin] in "., ":
        begin += 1
    return _CURRENCY.fullmatch(text, begin)


def _without_currency(text: str, match: re.Match[str] | None, *, at_end: bool) -> tuple[str, set[str | None], bool]:
    if match is None:
        raise Unreadable("It is not a number.")
    written = match[0].rstrip(".")
    sign = written.lower()
    if sign in SIGNS:
        code = SIGNS[sign]
    elif written in CODES or (written.islower() and sign in SMALL_CODES):
        code = sign.upper()
    else:
        raise Unreadable("It is not a number.")
    rest = text[: match.start()].rstrip() if at_end else text[match.end() :].lstrip()
    return rest, {code}, sign in POINT_SIGNS


def _value(parts: _Parts, decimal: DecimalMark | None) -> int | float:
    body = parts.body
    scientific = _SCIENTIFIC.fullmatch(body)
    if scientific:
        return _finite(float(f"{scientific[1].replace(',', '.')}e{scientific[2]}"))
    if not _BODY.fullmatch(body):
        raise Unreadable("It is not a number.")
    begins = _decimal_begins(body, decimal, grouped_by_comma=parts.grouped_by_comma)
    whole, decimals = (body, "") if begins is None else (body[:begins], body[begins + 1 :])
    digits = _ungrouped(whole)
    if not (digits or decimals) or (decimals and not decimals.isdigit()):
        raise Unreadable("It is not a number.")
    if begins is not None:
        return _finite(float(f"{digits or 0}.{decimals or 0}"))
    number = int(digits)
    if number > MAX_WHOLE:
        raise Unreadable("It has more digits than a number may have; an id of that length is a text.")
    return number


def _decimal_begins(body: str, decimal: DecimalMark | None, *, grouped_by_comma: bool) -> int | None:
    """Find the place of the mark that begins the decimals; None where there are none."""
    points, commas = body.count("."), body.count(",")
    if points and commas:
        return max(body.rfind("."), body.rfind(","))
    if points + commas != 1:
        return None
    place = max(body.rfind("."), body.rfind(","))
    before, after = body[:place], body[place + 1 :]
    may_group = len(after) == 3 and before.isdigit() and len(before) <= 3 and not before.startswith("0")
    if not may_group:
        return place
    if decimal is not None:
        return place if body[place] == _MARK_OF[decimal] else None
    if commas and grouped_by_comma:
        return None
    raise Ambiguous("It may be a number of thousands or one with three decimals; say which mark begins decimals.")


def _ungrouped(whole: str) -> str:
    """Take the marks out of a whole number's thousands; its groups must be of three digits, in India of two."""
    groups = re.split(r"[.,'’ ]", whole)
    marks = {mark for mark in whole if not mark.isdigit()}
    if len(groups) == 1:
        return whole
    first, *others, last = groups
    sizes = {len(group) for group in others}
    if (
        len(marks) > 1
        or not 1 <= len(first) <= 3
        or len(last) != 3
        or not (sizes <= {3} or (sizes == {2} and marks == {","}))
    ):
        raise Unreadable("It is not a number.")
    if first.startswith("0"):
        raise Unreadable("It is not a number.")
    return "".join(groups)


def _finite(value: float) -> float:
    if value in (float("inf"), float("-inf")):
        raise Unreadable("It is larger than a number may be.")
    return value
