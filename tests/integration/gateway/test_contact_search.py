from typing import Any

import pytest
import yarl

from shared.contracts.contact import ContactInput, EventInput
from shared.contracts.rows import SECOND, instant_of
from shared.ingest import contact_row, event_row
from tests.integration.gateway.conftest import LONG_AGO, SIGNING_KEY


def put(gateway: Any, contact_id: str, *, later: int = 0, **given: Any) -> None:
    at = LONG_AGO + later * SECOND
    contact = ContactInput.model_validate({"id": contact_id, **given})
    row = contact_row(contact, recorded_at=at, identity_key=SIGNING_KEY.encode())
    gateway.store.of("acme").contacts.put([row], recorded_at=at)


def did(gateway: Any, contact_id: str, *events: tuple[str, int], **more: Any) -> None:
    rows = []
    for type_, seconds in events:
        at = instant_of(LONG_AGO + seconds * SECOND)
        given = EventInput.model_validate({"contact_id": contact_id, "type": type_, "occurred_at": at, **more})
        rows.append(event_row(given, recorded_at=LONG_AGO + 999 * SECOND))
    gateway.store.of("acme").events.add(rows)


async def searched(gateway: Any, **wanted: Any) -> tuple[int, Any]:
    status, answer, _ = await gateway.request("POST", "/contacts/search", gateway.key(scopes=("read",)), json=wanted)
    return status, [one["id"] for one in answer["contacts"]] if status == 200 else answer


async def test_contacts_are_listed_by_how_their_ids_begin(any_gateway) -> None:
    for one in ("a", "a/1", "a/2", "a0", "b", "a%", "A/3"):
        put(any_gateway, one)
    key = any_gateway.key(scopes=("read",))

    first = (await any_gateway.request("GET", "/contacts?id_prefix=a/&limit=1", key))[1]
    rest = (await any_gateway.request("GET", f"/contacts?id_prefix=a/&cursor={first['next_cursor']}", key))[1]
    literal = (await any_gateway.request("GET", "/contacts?id_prefix=a%25", key))[1]

    assert [one["id"] for one in first["contacts"] + rest["contacts"]] == ["a/1", "a/2"]
    assert [one["id"] for one in literal["contacts"]] == ["a%"]


async def test_a_contact_is_found_by_its_address_with_what_is_known(any_gateway) -> None:
    put(any_gateway, "c-1", email="ann@example.com", timezone="Europe/Paris", consent={"profiling": "granted"})
    put(any_gateway, "c-2", email="bob@example.com")

    key = any_gateway.key(scopes=("read",))
    answer = (await any_gateway.request("POST", "/contacts/search", key, json={"email": " ANN@example.com"}))[1]

    assert answer["contacts"] == [
        {"id": "c-1", "created_at": None, "timezone": "Europe/Paris", "consent": {"profiling": "granted"}}
    ]
    assert await searched(any_gateway, email="nobody@example.com") == (200, [])


async def test_a_search_by_a_value_knows_only_the_newest_and_goes_on(any_gateway) -> None:
    for one in "abcd":
        put(any_gateway, one, attributes={"plan": "Müller & Söhne", "seats": 5})
    put(any_gateway, "b", later=1, attributes={"plan": None})
    store = any_gateway.store.of("acme")

    assert await searched(any_gateway, attribute="plan", value="Müller & Söhne") == (200, ["a", "c", "d"])
    assert await searched(any_gateway, attribute="seats", value=5) == (200, ["a", "b", "c", "d"])
    first = store.contacts.search("plan", "Müller & Söhne", limit=9, searched=2)
    second = store.contacts.search("plan", "Müller & Söhne", limit=9, searched=2, after=first.after)
    assert ([one.contact_id for one in first.contacts], first.after) == (["a"], "b")
    assert [one.contact_id for one in second.contacts] == ["c", "d"]


async def test_names_and_values_are_meant_as_a_person_writes_them(any_gateway) -> None:
    for one, plan in (("a", "PRO"), ("b", "pro"), ("c", "Élan"), ("d", "free")):
        put(any_gateway, one, attributes={"Current Plan": plan, "seats": 2.5})

    assert await searched(any_gateway, attribute="current_plan", value=" Pro ") == (200, ["a", "b"])
    assert await searched(any_gateway, attribute="Current Plan", value="élan") == (200, ["c"])
    assert await searched(any_gateway, attribute="Seats", value="2.50") == (200, ["a", "b", "c", "d"])
    status, problem = await searched(any_gateway, attribute="curent plan", value="pro")
    assert (status, problem["errors"][0]["pointer"]) == (422, "/attribute")
    assert "near: 'Current Plan'" in problem["detail"]


async def test_pages_of_a_search_are_cut_where_they_are_full(gateway) -> None:
    for one in "abc":
        put(gateway, one, attributes={"new": True})
    key, wanted = gateway.key(scopes=("read",)), {"attribute": "new", "value": True, "limit": 2}

    first = (await gateway.request("POST", "/contacts/search", key, json=wanted))[1]
    rest = (await gateway.request("POST", "/contacts/search", key, json={**wanted, "cursor": first["next_cursor"]}))[1]

    assert [[one["id"] for one in part["contacts"]] for part in (first, rest)] == [["a", "b"], ["c"]]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    "wanted",
    [{}, {"email": "a@b.de", "attribute": "x", "value": 1}, {"attribute": "x"}, {"value": 1}, {"email": "no address"}],
)
async def test_a_search_says_what_it_needs(gateway, wanted) -> None:
    assert (await searched(gateway, **wanted))[0] == 422


async def test_a_search_needs_the_scope_read(gateway) -> None:
    key = gateway.key(scopes=("ingest",))

    assert (await gateway.request("POST", "/contacts/search", key, json={"email": "a@b.de"}))[0] == 403


async def test_a_contacts_events_are_listed_newest_first_page_by_page(any_gateway) -> None:
    did(any_gateway, "a/1", ("email_sent", 1), ("order_placed", 3), ("email_clicked", 3), ("email_sent", 2))
    did(any_gateway, "b", ("email_sent", 9))
    key = any_gateway.key(scopes=("read",))

    first = (await any_gateway.request("GET", "/contacts/a%2F1/events?limit=3", key))[1]
    rest = (await any_gateway.request("GET", f"/contacts/a%2F1/events?limit=3&cursor={first['next_cursor']}", key))[1]
    sent = (await any_gateway.request("GET", "/contacts/a%2F1/events?type=email_sent", key))[1]

    assert {one["type"] for one in first["events"][:2]} == {"order_placed", "email_clicked"}
    assert [one["type"] for one in first["events"][2:] + rest["events"]] == ["email_sent", "email_sent"]
    assert [one["occurred_at"][-3:-1] for one in sent["events"]] == ["22", "21"]
    assert rest["next_cursor"] is None


async def test_an_event_is_shown_as_it_was_recorded(gateway) -> None:
    did(gateway, "a", ("order_placed", 0), id="o-1", value=49.9, currency="EUR", properties={"x": [1]}, human=False)

    answer = (await gateway.request("GET", "/contacts/a/events", gateway.key(scopes=("read",))))[1]

    assert answer["events"] == [
        {
            "id": "o-1", "type": "order_placed", "occurred_at": "2023-11-14T22:13:20Z",
            "recorded_at": "2023-11-14T22:29:59Z", "value": 49.9, "currency": "EUR", "message_id": None,
            "campaign_id": None, "item": None, "item_name": None, "properties": {"x": [1]}, "human": False,
        }
    ]  # fmt: skip


async def test_a_contact_whose_id_ends_like_the_path_of_events_is_still_shown(gateway) -> None:
    put(gateway, "a/events", timezone="Europe/Paris")
    put(gateway, "quiet")
    key = gateway.key(scopes=("read",))

    assert (await gateway.request("GET", "/contacts/a%2Fevents", key))[1]["timezone"] == "Europe/Paris"
    assert (await gateway.request("GET", "/contacts/a%2Fevents?limit=5", key))[0] == 422  # no parameter of a contact
    assert (await gateway.request("GET", "/contacts/quiet/events", key))[1]["events"] == []
    assert (await gateway.request("GET", "/contacts/nobody/events", key))[0] == 404


@pytest.mark.parametrize("ending", ["events", "predictions", "export"])
async def test_an_id_that_ends_like_another_path_is_a_contact_s(gateway, ending: str) -> None:
    put(gateway, "a", timezone="Europe/Paris")
    put(gateway, f"a/{ending}", timezone="Asia/Tokyo")

    for path in (f"a%2F{ending}", f"a%2f{ending}", f"a%2F{letter_encoded(ending)}", f"a%2F{ending}/"):
        assert (await shown(gateway, path))[1]["timezone"] == "Asia/Tokyo", path


@pytest.mark.parametrize("ending", ["events", "predictions", "export"])
@pytest.mark.parametrize("contact_id", ["a", "a/events", "a/export/"])
async def test_what_follows_an_id_is_reached_however_it_is_written(gateway, ending: str, contact_id: str) -> None:
    put(gateway, contact_id, timezone="Europe/Paris")
    written = contact_id.replace("/", "%2F")

    for path in (f"{written}/{ending}", f"{contact_id}/{ending}", f"{written}/{letter_encoded(ending)}"):
        status, found = await shown(gateway, path)
        assert status == 200, path
        assert "timezone" not in found, path


def letter_encoded(word: str) -> str:
    return f"%{ord(word[0]):02x}{word[1:]}"


async def shown(gateway: Any, path: str) -> tuple[int, Any]:
    """Ask for a path of contacts exactly as it is written: the client would write it anew."""
    url = yarl.URL(f"{gateway.url}/contacts/{path}", encoded=True)
    status, found, _ = await gateway.request("GET", url, gateway.key(scopes=("read", "admin")))
    return status, found
