from datetime import UTC, datetime

import pytest

from shared.contracts.message_variant import MessageState, MessageVariant, MessageVariantFields

MAY, JUNE = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "at", "state"),
    [
        ({}, MAY, MessageState.running),
        ({"from": MAY, "until": JUNE}, MAY, MessageState.running),
        ({"from": JUNE}, MAY, MessageState.not_yet),
        ({"until": JUNE}, JUNE, MessageState.over),
        ({"active": False, "from": JUNE}, MAY, MessageState.switched_off),
    ],
)
def test_a_message_runs_from_its_begin_to_before_its_end_unless_it_is_off(
    fields: dict[str, object], at: datetime, state: MessageState
) -> None:
    message = MessageVariant.model_validate({"id": "a", **fields})

    assert (message.state_at(at), message.runs_at(at)) == (state, state is MessageState.running)


def test_what_was_given_is_what_was_named() -> None:
    read = MessageVariantFields.model_validate({"name": None, "from": "2026-05-01T00:00:00Z"})

    assert read.given() == {"name": None, "from_": MAY}


@pytest.mark.parametrize(
    "eligible",
    [
        {"attributes": {"plan": []}},
        {"attributes": {"plan": ["x" * 2_001]}},
        {"attributes": {"plan": [None]}},
        {"attributes": {"plan": [2.0**60]}},
        {"bands": [{"capability": "scoring", "bands": ["best"]}]},
    ],
)
def test_what_no_contact_could_have_is_refused(eligible: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="eligible"):
        MessageVariantFields.model_validate({"eligible": eligible})


def test_values_keep_their_kind_as_json() -> None:
    read = MessageVariantFields.model_validate({"eligible": {"attributes": {"a": ["30", 30, True, 1.5]}}})

    again = MessageVariantFields.model_validate_json(read.model_dump_json(by_alias=True))

    assert again.eligible.attributes["a"] == ("30", 30.0, True, 1.5)
    assert [type(one) for one in again.eligible.attributes["a"]] == [str, float, bool, float]
