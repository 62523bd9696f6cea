from dataclasses import replace

from shared.contracts.contact import EventInput
from shared.ingest import event_row
from shared.serving.request_contacts import AttributeNames, RequestContact, merge_inline, slots
from shared.timeline import ContactFacts, DatedValue, PackedEvents, PastRows

AT = "2026-05-03T10:00:00Z"
LINE = {"type": "order_placed", "occurred_at": AT, "value": 9.99, "currency": "EUR", "item": "SKU-A"}
CUTOFF = 1_780_272_000_000_000


def valid(raw: dict[str, object]) -> RequestContact:
    (contact,) = slots([raw])
    assert isinstance(contact, RequestContact)
    return contact


def stored(*lines: dict[str, object]) -> PastRows:
    rows = [event_row(EventInput.model_validate({"contact_id": "c-1", **line}), recorded_at=1) for line in lines]
    events = [
        (row.contact_id, row.event_id, row.type, row.occurred_at, row.value, None, None, row.item, None) for row in rows
    ]
    return PastRows({"c-1": ContactFacts()}, events)


def test_an_inline_event_is_the_stored_one_only_where_all_that_distinguishes_them_is_equal() -> None:
    lines = [LINE, {**LINE, "item": "SKU-B"}, {**LINE, "currency": "USD"}, {**LINE, "campaign_id": "spring"}]
    contact = valid({"id": "c-1", "events": [*lines, *lines]})

    assert len(merge_inline([contact], stored(LINE), cutoff=CUTOFF).events) == 4
    assert len(merge_inline([contact], stored(*lines), cutoff=CUTOFF).events) == 4


def test_a_value_that_could_not_be_read_is_named_until_the_call_brings_one() -> None:
    past = stored()
    past.facts["c-1"] = past.facts["c-1"]._replace(unreadable=frozenset({"size"}))
    plain, brought = ({"id": "c-1", "attributes": given} for given in ({"plan": "pro"}, {"size": 3}))

    facts = [merge_inline([valid(one)], past, cutoff=CUTOFF).facts["c-1"].unreadable for one in (plain, brought)]

    assert facts == [{"size"}, frozenset()]


def test_names_are_matched_as_at_import_those_of_the_call_and_those_stored() -> None:
    names = AttributeNames.of(("contract", "Total Charges"))
    contact = valid({"id": "c-1", "attributes": {"CONTRACT": "a", "total_charges": 1, "x": 2}})
    stored_one = ContactFacts(attributes=(DatedValue("totalCharges", 5, 1), DatedValue("y", 5, 2)))

    (matched,), unknown = names.matched([contact])

    assert (dict(matched.attributes), unknown) == ({"contract": "a", "Total Charges": 1, "x": 2}, [{"x"}])
    assert names.matched_facts({"c-1": stored_one})["c-1"].attributes == (
        DatedValue("Total Charges", 5, 1),
        DatedValue("y", 5, 2),
    )


def test_of_several_spellings_of_one_name_one_counts_and_the_others_are_named() -> None:
    names = AttributeNames.of(("contract",))
    own = valid({"id": "c-1", "attributes": {"Contract": "a", "contract": "b"}})
    others = valid({"id": "c-2", "attributes": {"Contract": "a", "CONTRACT": "b"}})

    found, unknown = names.matched([own, others])

    assert [one.attributes["contract"] for one in found] == ["b", "b"]
    assert unknown == [{"Contract"}, {"Contract"}]


def test_a_name_that_two_attributes_of_the_training_could_be_is_neither() -> None:
    names = AttributeNames.of(("net value", "net_value"))
    contact = valid({"id": "c-1", "attributes": {"NetValue": 1}})

    assert names.matched([contact])[1] == [{"NetValue"}]


def test_events_that_nothing_is_united_with_stay_the_columns_that_they_were() -> None:
    past = replace(stored(LINE), events=PackedEvents.of(stored(LINE).events))

    assert merge_inline([valid({"id": "c-1"}), valid({"id": "c-2"})], past, cutoff=CUTOFF).events is past.events


def test_packed_events_are_united_with_those_of_a_call_as_their_rows_are() -> None:
    past = stored(LINE, {**LINE, "item": "SKU-B"})
    packed = replace(past, events=PackedEvents.of(past.events))
    contacts = [valid({"id": "c-1", "events": [LINE, {**LINE, "item": "SKU-C"}]}), valid({"id": "c-1"})]

    found = merge_inline(contacts, packed, cutoff=CUTOFF)

    assert len(found.events) == 5
    assert found == merge_inline(contacts, past, cutoff=CUTOFF)
