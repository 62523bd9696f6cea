"""Contacts in whose place the gateway wrote that their e-mail address leads to no id."""

import pytest

from shared.contracts.prediction import Prediction
from shared.serving.request_contacts import NOBODY, slots


def test_an_unknown_address_is_an_unknown_contact() -> None:
    assert slots([{"unresolved": "unknown"}, {"id": "c-1", "unresolved": "unknown"}]) == [
        Prediction(status="unknown_contact", detail=NOBODY),
        Prediction(contact_id="c-1", status="unknown_contact", detail=NOBODY),
    ]


@pytest.mark.parametrize("why", ["malformed", "differs"])
def test_a_bad_address_is_invalid_where_it_stood(why: str) -> None:
    _, slot = slots([{"id": "a"}, {"id": "c-1", "unresolved": why}])

    assert isinstance(slot, Prediction)
    assert (slot.contact_id, slot.status, slot.errors[0]["pointer"]) == ("c-1", "invalid", "/contacts/1/email")


async def test_the_place_in_the_answer_is_kept(running) -> None:
    async with running() as client:
        reply = await client.post("/score", {"contacts": [{"id": "c-1"}, {"unresolved": "unknown"}, {"id": "c-1"}]})

    assert [(one["contact_id"], one["status"]) for one in reply.json["predictions"]] == [
        ("c-1", "ok"), (None, "unknown_contact"), ("c-1", "ok"),
    ]  # fmt: skip
