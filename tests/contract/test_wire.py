"""What is sent and logged is exactly what the published schemas would write: same members, order, numbers and times."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.specs import spec_of
from shared.capabilities import TABLE
from shared.contracts.prediction import INPUT_CODES, Band, InputQuality, Prediction, ReasonPart, Source, Status, Trend
from shared.contracts.rows import DAY, ContactRow

NOW_US = 1_780_272_000_000_000
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
SHARE = st.floats(0, 1)
REASONS = st.builds(ReasonPart, TEXT, st.one_of(st.none(), st.booleans(), NUMBER, TEXT), NUMBER, TEXT)
NAMES = st.dictionaries(st.sampled_from(INPUT_CODES), st.lists(TEXT, max_size=3).map(tuple))
HEADS = st.builds(
    Prediction,
    contact_id=st.none() | TEXT,
    detail=st.none() | TEXT,
    errors=st.lists(st.builds(lambda pointer, detail: {"pointer": pointer, "detail": detail}, TEXT, TEXT), max_size=2),
    probability=st.none() | SHARE,
    score=st.none() | st.integers(1, 99),
    band=st.none() | st.sampled_from(get_args(Band)),
    trend=st.sampled_from(get_args(Trend)),
    reasons=st.lists(REASONS, max_size=3),
    source=st.none() | st.sampled_from(get_args(Source)),
    data_quality=st.lists(TEXT, max_size=3),
    inputs=st.builds(InputQuality, names=NAMES, missing_weight=SHARE, further=st.integers(0, 50)),
)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(timezones=OFFSETS | st.just(UTC)).filter(lambda at: 1900 <= at.year <= 2200)


def rewritten(schema: Any, sent: bytes) -> bytes:
    """Read as the schema and write by it."""
    return schema.model_validate_json(sent).model_dump_json().encode()


@pytest.mark.parametrize("status", get_args(Status))
@pytest.mark.parametrize("name", [line.name for line in TABLE])
def test_every_capability_says_every_status_as_its_schema_does(name: str, status: Status) -> None:
    spec = spec_of(name)

    sent = Prediction(contact_id="c-1", status=status, detail="Why.").wire(spec.absent_fields)

    assert rewritten(spec.prediction, sent) == sent


@settings(deadline=None)
@given(head=HEADS)
def test_any_head_is_written_as_its_schema_does(head: Prediction) -> None:
    spec = spec_of("scoring")

    sent = head.wire(spec.absent_fields)

    assert rewritten(spec.prediction, sent) == sent


@settings(deadline=None)
@given(moved_at=TIMES)
def test_a_time_is_written_as_its_schema_does_whatever_its_zone(moved_at: datetime) -> None:
    spec = spec_of("segmentation")

    sent = Prediction().wire({**spec.absent_fields, "moved_at": moved_at})

    assert rewritten(spec.prediction, sent) == sent


async def test_what_is_sent_is_what_the_schema_writes_and_what_is_logged(subject: Any, opened: Any) -> None:
    store = subject.database.of("demo")
    store.contacts.put([ContactRow("denies", consent={"profiling": "denied"})], recorded_at=NOW_US - DAY)
    strange = {"id": "stranger", "attributes": {"country": "FR", "Favourite opera": "Norma"}}
    mixed = ["c-1", "nobody", "denies", strange, {"id": "c-2", "colour": 1}, None, {"unresolved": "unknown"}]
    example = {name: value for name, value in subject.spec.request_example.items() if name not in ("outcome", "cutoff")}
    usual = [f"c-{number}" for number in range(3, 40)]

    async with opened() as client:
        asked = [subject.asked(*mixed), subject.asked(*usual, **{**example, "contacts": usual_ids(usual)})]
        replies = [await client.post(subject.capability.path, one) for one in asked]

    assert [reply.status for reply in replies] == [200, 200]
    for reply in replies:
        assert rewritten(subject.spec.response, reply.body) == reply.body
    (logged,) = [row for row in store.predictions.of_contact("c-1") if (row.capability, row.outcome) == subject.name]
    assert json.loads(logged.body) == replies[0].json["predictions"][0]
    assert logged.body.encode() in replies[0].body


def usual_ids(names: list[str]) -> list[dict[str, str]]:
    return [{"id": name} for name in names]
