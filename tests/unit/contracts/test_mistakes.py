import pytest
from pydantic import ValidationError

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


def test_a_name_of_a_megabyte_is_not_sent_back() -> None:
    name = "x" * 1_000_000

    (entry,) = mistakes([{"loc": (name,), "msg": "No.", "type": "extra_forbidden"}], {name: 1})

    assert len(entry["pointer"]) == 129


def test_twenty_mistakes_are_enough() -> None:
    with pytest.raises(ValidationError) as raised:
        ContactInput.model_validate({"id": "a", "attributes": {f"n{i}": [] for i in range(100)}})

    assert len(mistakes(raised.value.errors(), {"attributes": {f"n{i}": [] for i in range(100)}})) == 20
