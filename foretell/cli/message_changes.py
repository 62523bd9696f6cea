"""What options of `foretell messages set` change of a message's attributes and of whom it is for. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from shared.contracts.message_variant import Eligibility
from shared.errors import BadRequest


def changed_attributes(before: Mapping[str, str], given: Iterable[str]) -> dict[str, str]:
    """Return attributes with what was named changed; `NAME=` takes one away.

    >>> changed_attributes({"topic": "news", "channel": "email"}, ["topic=sale", "channel="])
    {'topic': 'sale'}
    """
    return _without_empty({**before, **dict(_pair("--attribute", text) for text in given)})


def changed_eligibility(
    before: Eligibility,
    attributes: Iterable[str] | None,
    segments: Iterable[str] | None,
    bands: Iterable[str] | None,
    *,
    everybody: bool,
) -> dict[str, Any] | None:
    """Return whom a message is for, as a wire type reads it; None: nothing of it was named.

    Args:
        before: for whom it was.
        attributes: `NAME=VALUE,VALUE`; without a value the rule goes.
        segments: ids; they replace those before.
        bands: `CAPABILITY[:OUTCOME]=BAND,BAND`; without a band the rule goes.
        everybody: whether nothing of before stays.
    """
    if not (everybody or attributes or segments or bands):
        return None
    old = Eligibility() if everybody else before
    wanted: dict[str, Any] = {name: list(values) for name, values in old.attributes.items()}
    for name, listed in (_pair("--eligible-attribute", text) for text in attributes or ()):
        wanted[name] = [_value(one) for one in _list(listed)]
    rules: dict[tuple[str, str | None], list[str]] = {
        (rule.capability, rule.outcome): [*rule.bands] for rule in old.bands
    }
    for question, listed in (_pair("--band", text) for text in bands or ()):
        capability, _, outcome = question.partition(":")
        rules[capability, outcome or None] = _list(listed)
    return {
        "attributes": _without_empty(wanted),
        "segments": list(segments or old.segments),
        "bands": [
            {"capability": capability, "outcome": outcome, "bands": listed}
            for (capability, outcome), listed in rules.items()
            if listed
        ],
    }


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise BadRequest(f'{option}: write it as {option} "NAME=VALUE".')
    return name.strip(), value.strip()


def _list(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _value(text: str) -> Any:
    """Read a value: a number, true or false where it is written so, else a text; "30" in quotes is a text.

    >>> _value("DE"), _value("30"), _value("true"), _value('"30"')
    ('DE', 30, True, '30')
    """
    try:
        read = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return read if isinstance(read, (str, int, float, bool)) else text


def _without_empty(named: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in named.items() if value not in ("", [])}
