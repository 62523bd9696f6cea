"""What connectors send, field by field as the vendors publish it."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts.message import EXAMPLES
from shared.webhooks_out.connectors import CONNECTORS, NAMES
from shared.webhooks_out.message import FACTS, HttpCall, OutboundMessage, UnsupportedMessage, facts, joined, json_bytes

AT = "2026-06-01T00:00:00Z"
BAND = OutboundMessage("score.band_changed", AT, EXAMPLES["score.band_changed"])
LEFT = OutboundMessage("segment.left", AT, EXAMPLES["segment.left"])


def called(name: str | None, url: str, message: OutboundMessage = BAND, **settings: Any) -> HttpCall:
    connector = CONNECTORS[name]
    return connector.call(url, message, connector.settings(**settings))


def body_of(call: HttpCall) -> Any:
    return json.loads(call.body)


def about(contact_id: str, **more: Any) -> OutboundMessage:
    return OutboundMessage(BAND.type, AT, {**BAND.data, "contact_id": contact_id, **more})


def test_our_own_shape_is_that_of_standard_webhooks() -> None:
    call = called(None, "https://a.example/in?key=1")

    assert (call.method, call.url) == ("POST", "https://a.example/in?key=1")
    assert body_of(call) == {"type": "score.band_changed", "timestamp": AT, "data": EXAMPLES["score.band_changed"]}


def test_dynamics_upserts_the_score_by_its_alternate_key() -> None:
    call = called("dynamics", "https://contoso.crm.dynamics.com", about("00aa00aa-bb11-cc22-dd33-44ee44ee44ee"))

    assert call.method == "PATCH"
    assert call.url == (
        "https://contoso.crm.dynamics.com/api/data/v9.0/msdyn_predictivescores"
        "(msdyn_entityid=%2700aa00aa-bb11-cc22-dd33-44ee44ee44ee%27,msdyn_entitytype=%27lead%27)"
    )
    assert body_of(call) == {"msdyn_score": 93, "msdyn_scoretrend": 0, "msdyn_grade": 1}
    assert call.headers["Content-Type"] == "application/json"


def test_dynamics_creates_a_score_with_all_five_fields() -> None:
    call = called("dynamics", "https://contoso.crm.dynamics.com", about("id-1", trend="unknown", band="low"),
                  write="create", entity="opportunity")  # fmt: skip

    assert (call.method, call.url) == ("POST", "https://contoso.crm.dynamics.com/api/data/v9.0/msdyn_predictivescores")
    assert body_of(call) == {
        "msdyn_score": 93,
        "msdyn_scoretrend": 3,
        "msdyn_grade": 3,
        "msdyn_entityid": "id-1",
        "msdyn_entitytype": "opportunity",
    }


def test_an_id_cannot_leave_its_place_in_a_dynamics_key() -> None:
    call = called("dynamics", "https://a.example", about("x',msdyn_entitytype='y/../"))

    assert "(msdyn_entityid=%27x%27%27%2Cmsdyn_entitytype%3D%27%27y%2F..%2F%27,msdyn_entitytype=%27lead%27)" in call.url


def test_dynamics_has_nothing_to_write_without_a_score() -> None:
    with pytest.raises(UnsupportedMessage, match="without a score"):
        called("dynamics", "https://a.example", about("x", score=None))


def test_hubspot_writes_properties_as_text() -> None:
    call = called("hubspot", "https://api.hubapi.com", about("512"))

    assert (call.method, call.url) == ("PATCH", "https://api.hubapi.com/crm/v3/objects/contacts/512")
    assert body_of(call) == {
        "properties": {
            "foretell_score": "93",
            "foretell_band": "high",
            "foretell_trend": "improving",
            "foretell_reasons": "Clicked 4 emails in the last 30 days",
        }
    }


def test_hubspot_finds_a_contact_by_a_property_of_ones_own() -> None:
    call = called("hubspot", "https://api.hubapi.com", about("a/b"), id_property="crm_id", properties={"band": "band"})

    assert call.url == "https://api.hubapi.com/crm/v3/objects/contacts/a%2Fb?idProperty=crm_id"


def test_what_is_null_clears_a_hubspot_property() -> None:
    message = OutboundMessage("segment.left", AT, {**LEFT.data, "next_segment": None})

    assert body_of(called("hubspot", "https://a.example", message, properties={"group": "segment"})) == {
        "properties": {"group": ""}
    }


def test_salesforce_updates_a_record() -> None:
    call = called("salesforce", "https://acme.my.salesforce.com", about("00Q5g00000A1b2cEAB"))

    assert (call.method, call.url) == (
        "PATCH",
        "https://acme.my.salesforce.com/services/data/v63.0/sobjects/Lead/00Q5g00000A1b2cEAB",
    )
    assert body_of(call) == {
        "Foretell_Score__c": 93,
        "Foretell_Band__c": "high",
        "Foretell_Trend__c": "improving",
        "Foretell_Reasons__c": "Clicked 4 emails in the last 30 days",
    }


def test_salesforce_finds_a_record_by_an_external_id() -> None:
    call = called("salesforce", "https://a.example", external_id="Ext__c", object="Contact", api="v60.0",
                  fields={"Band__c": "band"})  # fmt: skip

    assert call.url == "https://a.example/services/data/v60.0/sobjects/Contact/Ext__c/c-42"
    assert body_of(call) == {"Band__c": "high"}


def test_klaviyo_updates_a_profile_as_json_api_with_a_revision() -> None:
    call = called("klaviyo", "https://a.klaviyo.com", about("01GDDKASAP8TKDDA2GRZDSVP4H"), properties={"b": "band"})

    assert (call.method, call.url) == ("PATCH", "https://a.klaviyo.com/api/profiles/01GDDKASAP8TKDDA2GRZDSVP4H")
    assert dict(call.headers) == {
        "Content-Type": "application/vnd.api+json",
        "Accept": "application/vnd.api+json",
        "revision": "2025-04-15",
    }
    assert body_of(call) == {
        "data": {"type": "profile", "id": "01GDDKASAP8TKDDA2GRZDSVP4H", "attributes": {"properties": {"b": "high"}}}
    }


@pytest.mark.parametrize("name", ["dynamics", "hubspot", "klaviyo", "salesforce"])
def test_a_message_about_nobody_is_written_to_no_record(name: str) -> None:
    with pytest.raises(UnsupportedMessage):
        called(name, "https://a.example", OutboundMessage("model.promoted", AT, EXAMPLES["model.promoted"]))


@pytest.mark.parametrize("name", [None, *(name for name in NAMES if name != "template")])
def test_every_connector_sends_every_type_that_it_lists(name: str | None) -> None:
    wide = {f"f{number}": fact for number, fact in enumerate(FACTS)}
    more = {"salesforce": {"fields": wide}, "hubspot": {"properties": wide}, "klaviyo": {"properties": wide}}

    for kind in CONNECTORS[name].types:
        call = called(name, "https://a.example", OutboundMessage(kind, AT, EXAMPLES[kind]), **more.get(name or "", {}))

        assert body_of(call)


def test_the_segment_of_a_contact_that_left_one_is_where_it_is_now() -> None:
    assert (facts(LEFT)["segment"], facts(LEFT)["segment_id"]) == ("Fading", "seg_fading")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("hubspot", {"properties": {"score": "email"}}),
        ("hubspot", {"properties": {}}),
        ("hubspot", {"id_property": "a/b"}),
        ("salesforce", {"object": "../Lead"}),
        ("salesforce", {"api": "63"}),
        ("klaviyo", {"revision": "today\r\nX: 1"}),
        ("dynamics", {"entity": "account"}),
        ("dynamics", {"other": 1}),
    ],
)
def test_settings_that_do_not_fit_are_refused(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CONNECTORS[name].settings(**settings)


def test_a_body_of_more_than_20_kilobytes_is_refused() -> None:
    json_bytes({"a": "x" * 19_900})

    with pytest.raises(UnsupportedMessage, match="20000 bytes"):
        json_bytes({"a": "x" * 20_000})


def test_a_url_and_a_path_are_joined_by_one_slash() -> None:
    assert joined("https://a.example/", "/x") == "https://a.example/x"
