"""Currencies: the codes of ISO 4217, and the signs and words that stand for one of them."""

import re
from typing import Final

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
"""In small letters; None: several currencies are written so, and nobody said which."""

SMALL_CODES: Final = frozenset(
    {"eur", "usd", "gbp", "chf", "cad", "aud", "nzd", "jpy", "pln", "czk", "sek", "nok", "dkk", "huf", "inr"}
)
"""Codes that are read in small letters too; `2 cup` and `3 top` are no money."""

POINT_SIGNS: Final = frozenset(
    {"$", "us$", "usd", "£", "gbp", "au$", "a$", "aud", "nz$", "nzd", "hk$", "hkd", "¥", "jpy", "₹", "inr"}
)
"""Where these stand, a comma before three digits groups thousands: nobody writes such a sum with a comma and three
decimals."""
