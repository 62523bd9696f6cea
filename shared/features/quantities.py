"""Numbers, money, lengths of time and shares, as a salesperson writes them."""

import re

import numpy as np

YEARS = (1000, 2200)
_YEAR = re.compile(
    r"\b(years?|yr|birthyear|yearbuilt|founded|founding|built|established|since|born|vintage|jahr|gegruendet)\b",
    re.IGNORECASE,
)
_HOW_LONG = re.compile(r"\b(number|num|count|income|revenue|sales|age|tenure|per|total)\b", re.IGNORECASE)
_LABEL = re.compile(r"\b(id|zip|zipcode|postal|postcode|plz)\b|\b(code|no|nr|number)$", re.IGNORECASE)
_AMOUNT_OF = re.compile(r"\b(number|no|nr) of\b", re.IGNORECASE)
YEAR_DAYS = 365.25
LONG_DAYS = 730
"""Days from which years are said."""


def number(value: float) -> str:
    """Write a number with as many digits as anybody reads.

    >>> number(1234.5), number(3.04), number(0.126), number(-2500.0), number(0.000031)
    ('1,234', '3', '0.13', '-2,500', '0.000031')
    """
    if abs(value) >= 100 or value.is_integer():
        return f"{value:,.0f}"
    if abs(value) < 1:
        return np.format_float_positional(float(f"{value:.2g}"), trim="-")
    return f"{value:.1f}".removesuffix(".0")


def money(value: float) -> str:
    """Write an amount; whose currency it is, the values in the data say.

    >>> money(12.5), money(0.126), money(80.0), money(1234.5)
    ('12.50', '0.13', '80', '1,234')
    """
    return f"{value:,.0f}" if abs(value) >= 100 or value.is_integer() else f"{value:.2f}"


def days(value: float) -> str:
    """Write a length of time in its natural unit.

    >>> days(0.01), days(0.5), days(1.2), days(400.0), days(1204.0), days(14600.0)
    ('1 hour', '12 hours', '1 day', '400 days', '3.3 years', '40 years')
    """
    hours = round(value * 24)
    if hours < 24:
        return "1 hour" if hours <= 1 else f"{hours} hours"
    if round(value) < LONG_DAYS:
        return "1 day" if round(value) == 1 else f"{value:,.0f} days"
    years = value / YEAR_DAYS
    return f"{years:,.0f} years" if years >= 10 else f"{years:.1f} years".replace(".0 ", " ")


def span(days: int | None) -> str:
    """Name a window; None: the whole lookback."""
    named = {None: "in the last two years", 730: "in the last two years", 365: "in the last year"}
    return named.get(days, f"in the last {days} days")


def share(value: float, many: str, when: str) -> str:
    """Say which share of some things has a property; none, all and nearly so in words.

    >>> share(0.384, "orders", "at night"), share(0.002, "orders", "at night"), share(1.0, "orders", "at night")
    ('38% of orders at night', 'Less than 1% of orders at night', 'All orders at night')
    """
    if value == 0:
        return f"No {many} {when}"
    if value == 1:
        return f"All {many} {when}"
    if value < 0.005:
        return f"Less than 1% of {many} {when}"
    return f"More than 99% of {many} {when}" if value >= 0.995 else f"{value:.0%} of {many} {when}"


def given_number(name: str, value: float) -> str:
    """Write the number of an attribute: a year, and a number that only names something, without marks in it.

    >>> given_number("Founded", 1998.0), given_number("Zip code", 10115.0), given_number("Lead number", 656729.0)
    ('1998', '10115', '656729')
    >>> given_number("Employees", 1998.0), given_number("Number of employees", 1998.0)
    ('1,998', '1,998')
    """
    if value.is_integer() and (_is_year(name, value) or (_LABEL.search(name) and not _AMOUNT_OF.search(name))):
        return f"{value:.0f}"
    return number(value)


def _is_year(name: str, value: float) -> bool:
    return YEARS[0] <= value <= YEARS[1] and bool(_YEAR.search(name) and not _HOW_LONG.search(name))
