import json
from typing import Any

from gateway.privacy.schemas import ContactExport
from shared.store import PredictionRow

EVENT = {"contact_id": "crm/7", "id": "e-1", "type": "order_placed", "occurred_at": "2026-05-03T10:15:00Z", "value": 9}
REASON = {"feature": "clicks", "value": 4, "effect": "raises", "contribution": 0.8, "text": "Clicked 4 times"}
PREDICTION = PredictionRow(
    "crm/7", "scoring", "customer", "1", 10, 10, "r", "ok", 0.5, 50, "high", "model", json.dumps({"reasons": [REASON]})
)
PATH = "/contacts/crm%2F7"


async def known(gateway: Any, key: str) -> None:
    fields = {"attributes": {"country": "FR"}, "email": "ada@example.org", "timezone": "Europe/Paris"}
    await gateway.request("PUT", PATH, key, json=fields)
    await gateway.request("POST", "/events", key, json={"events": [EVENT]})
    gateway.store.of("acme").predictions.log([PREDICTION])


async def test_an_erased_contact_is_gone_and_a_second_erasure_finds_nothing(gateway) -> None:
    key = gateway.key()
    await known(gateway, key)

    first = await gateway.request("DELETE", PATH, key)
    second = await gateway.request("DELETE", PATH, key)

    assert (first[0], first[1], second[0], second[1]["code"]) == (204, b"", 404, "not-found")
    assert [(await gateway.request("GET", PATH + rest, key))[0] for rest in ("", "/predictions", "/export")] == [
        404
    ] * 3


async def test_a_late_event_of_an_erased_contact_is_answered_as_erased_and_the_others_are_taken(gateway) -> None:
    key = gateway.key()
    await known(gateway, key)
    await gateway.request("DELETE", PATH, key)

    events = [EVENT, {**EVENT, "contact_id": "other"}]
    _, answer, _ = await gateway.request("POST", "/events", key, json={"events": events})

    assert [result["status"] for result in answer["results"]] == ["erased", "created"]
    assert answer["counts"] == {"created": 1, "duplicate": 0, "erased": 1, "invalid": 0}


async def test_a_put_brings_an_erased_contact_back_as_a_new_one(gateway) -> None:
    key = gateway.key()
    await known(gateway, key)
    await gateway.request("DELETE", PATH, key)

    put = await gateway.request("POST", "/contacts", key, json={"contacts": [{"id": "crm/7"}]})
    event = await gateway.request("POST", "/events", key, json={"events": [EVENT]})
    shown = await gateway.request("GET", PATH, key)

    assert [answer[1]["results"][0]["status"] for answer in (put, event)] == ["created", "created"]
    assert shown[1]["attributes"] == {}


async def test_an_export_gives_everything_held_in_the_shape_that_is_published(gateway) -> None:
    key = gateway.key()
    await known(gateway, key)

    status, document, headers = await gateway.request("GET", PATH + "/export", key)

    assert (status, headers["Content-Type"]) == (200, "application/json")
    told = ContactExport.model_validate_json(json.dumps(document))
    assert told.contact is not None
    assert (told.contact_id, told.contact.timezone) == ("crm/7", "Europe/Paris")
    assert [(one.name, one.value) for one in told.attributes] == [("country", "FR")]
    assert [one.kind for one in told.identities] == ["email"]
    assert [(one.event_id, one.value) for one in told.events] == [("e-1", 9.0)]
    assert [one.body for one in told.predictions] == [{"reasons": [REASON]}]
    latest = [{**one.model_dump(), "withheld_probability": None} for one in told.latest_predictions]
    assert latest == [one.model_dump() for one in told.predictions]


async def test_neither_export_nor_erasure_is_for_a_key_without_admin_nor_reaches_another_account(gateway) -> None:
    await known(gateway, gateway.key())
    reader, stranger = gateway.key(scopes=("read", "ingest", "predict")), gateway.key("other")
    asked = [("GET", PATH + "/export"), ("DELETE", PATH)]

    assert [(await gateway.request(method, path, reader))[0] for method, path in asked] == [403, 403]
    assert [(await gateway.request(method, path, stranger))[0] for method, path in asked] == [404, 404]
    assert gateway.store.of("acme").contacts.find("crm/7") is not None


async def test_the_audit_log_names_who_did_what_and_never_the_contact(gateway) -> None:
    key = gateway.key()
    await known(gateway, key)
    outcome = {"event_types": ["deal_won"]}
    await gateway.request("PUT", "/outcomes/won", key, json=outcome)
    await gateway.request("GET", PATH + "/export", key)
    await gateway.request("DELETE", PATH, key)

    _, first, _ = await gateway.request("GET", "/audit?limit=2", key)
    _, last, _ = await gateway.request("GET", f"/audit?limit=2&cursor={first['next_cursor']}", key)

    entries = [*first["entries"], *last["entries"]]
    assert [entry["action"] for entry in entries] == ["contact.erased", "contact.exported", "outcome.set"]
    assert {entry["actor"] for entry in entries} == {key.split("_")[1]}
    assert "crm/7" not in json.dumps(entries)
    assert (await gateway.request("GET", "/audit", gateway.key(scopes=("read",))))[0] == 403


async def test_a_contact_that_denies_profiling_leaves_the_ranked_list_at_once(gateway) -> None:
    key = gateway.key()
    await known(gateway, key)
    # Who has ordered is a customer already, and in no list of those who may become one: another outcome is asked about.
    gateway.store.of("acme").predictions.log([PREDICTION._replace(outcome="opportunity")])
    ranked = "/predictions?capability=scoring&outcome=opportunity"

    _, before, _ = await gateway.request("GET", ranked, key)
    await gateway.request("PUT", PATH, key, json={"consent": {"profiling": "denied"}})
    _, after, _ = await gateway.request("GET", ranked, key)

    assert (len(before["predictions"]), after["predictions"]) == (1, [])
