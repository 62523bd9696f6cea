from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated

import pytest
from pydantic import BaseModel, Field, ValidationError

from shared.contracts.contact import ContactInput
from shared.contracts.validation import mistakes


def test_mistakes_point_to_their_place_once_and_repeat_no_value() -> None:
    bad = {
        "id": "a",
        "attributes": {
            "plan": {"value": "secret", "valid_from": "2020-01-01T00:00:00"},
            "a/b~c": ["secret"],
            "size": float("nan"),
            "DatedScalar": {"value": ["secret"], "valid_from": "2020-01-01T00:00:00Z"},
        },
        "timezone": "Mars/Secret",
        "nickname": "secret",
    }

    with pytest.raises(ValidationError) as raised:
        ContactInput.model_validate(bad)
    found = mistakes(raised.value.errors(), bad, "/contacts/3")

    assert found == [
        {
            "pointer": "/contacts/3/attributes/plan/valid_from",
            "detail": "Give the time a zone, such as 2026-06-01T09:30:00Z.",
        },
        {"pointer": "/contacts/3/attributes/a~1b~0c", "detail": "must be a string, a number, true, false or null"},
        {"pointer": "/contacts/3/attributes/size", "detail": "must be a finite number"},
        {
            "pointer": "/contacts/3/attributes/DatedScalar/value",
            "detail": "must be a string, a number, true, false or null",
        },
        {"pointer": "/contacts/3/timezone", "detail": "not an IANA time zone such as Europe/Paris"},
        {"pointer": "/contacts/3/nickname", "detail": "This field is not known here; leave it out."},
    ]


def test_a_class_of_ours_is_not_named_to_a_client() -> None:
    with pytest.raises(ValidationError) as raised:
        ContactInput.model_validate(None)

    assert mistakes(raised.value.errors(), None) == [{"pointer": "", "detail": "Send a JSON object."}]


class Asked(BaseModel):
    """A field of each kind whose mistake pydantic names in words of Python."""

    pair: tuple[int, ...] = ()
    some: list[int] = []
    unlike: set[int] = set()
    frozen: frozenset[int] = frozenset()
    named: dict[str, int] = {}
    mapped: Mapping[str, int] = {}
    inner: "Asked | None" = None
    nothing: None = None
    few: Annotated[tuple[int, ...], Field(min_length=2, max_length=3)] = (1, 2)
    at: datetime | None = None
    day: date | None = None
    whole: int = 0
    part: float = 0.0
    flag: bool = False
    text: str = ""


@pytest.mark.parametrize(
    ("field", "value", "detail"),
    [
        *((field, "30", "Send a JSON array.") for field in ("pair", "some", "unlike", "frozen", "few")),
        *((field, "30", "Send a JSON object.") for field in ("named", "mapped", "inner")),
        ("nothing", 1, "Send null."),
        ("few", [1], "Give at least 2."),
        ("few", [1, 2, 3, 4], "Give at most 3."),
        ("at", {}, "Give a time, such as 2026-06-01T09:30:00Z."),
        ("at", "soon", "Give a time, such as 2026-06-01T09:30:00Z (input is too short)."),
        (
            "at",
            1e30,
            "Give a time, such as 2026-06-01T09:30:00Z (dates after 9999 are not supported as unix timestamps).",
        ),
        *(("day", value, "Give a date, such as 2026-06-01.") for value in ({}, "2026-06-01T09:30:00Z")),
        ("day", "2026-02-30", "Give a date, such as 2026-06-01 (day value is outside expected range)."),
        *(("whole", value, "Send an integer.") for value in ("x", 1.5, [])),
        *(("part", value, "Send a number.") for value in ("x", [])),
        *(("flag", value, "Send true or false.") for value in ("x", [])),
        ("text", 1, "Send a string."),
    ],
)
def test_a_mistake_is_described_without_words_of_python(field: str, value: object, detail: str) -> None:
    body = {field: value}
    with pytest.raises(ValidationError) as raised:
        Asked.model_validate(body)

    assert mistakes(raised.value.errors(), body) == [{"pointer": f"/{field}", "detail": detail}]


def test_a_name_of_a_megabyte_is_not_sent_back() -> None:
    name = "x" * 1_000_000

    (entry,) = mistakes([{"loc": (name,), "msg": "No.", "type": "extra_forbidden"}], {name: 1})

    assert len(entry["pointer"]) == 129


def test_twenty_mistakes_are_enough() -> None:
    with pytest.raises(ValidationError) as raised:
        ContactInput.model_validate({"id": "a", "attributes": {f"n{i}": [] for i in range(100)}})

    assert len(mistakes(raised.value.errors(), {"attributes": {f"n{i}": [] for i in range(100)}})) == 20
