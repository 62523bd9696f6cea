"""`PATCH /contacts/{id}` as JSON Merge Patch, and many contacts erased in one call."""

import pytest

KNOWN = {"attributes": {"plan": "pro", "country": "FR"}, "timezone": "Europe/Paris", "consent": {"profiling": "denied"}}


async def test_a_patch_changes_what_it_says_and_null_ends_what_is_known(gateway) -> None:
    key = gateway.key()
    await gateway.request("PUT", "/contacts/c-1", key, json=KNOWN)

    status, answer, _ = await gateway.request(
        "PATCH", "/contacts/c-1", key, json={"attributes": {"plan": None, "seats": 3}, "timezone": None}
    )
    shown = (await gateway.request("GET", "/contacts/c-1", key))[1]

    assert (status, answer["status"]) == (200, "updated")
    assert {name: one["value"] for name, one in shown["attributes"].items()} == {
        "country": "FR", "plan": None, "seats": 3,
    }  # fmt: skip
    assert (shown["timezone"], shown["consent"]) == (None, {"profiling": "denied"})


async def test_an_empty_patch_changes_nothing(gateway) -> None:
    key = gateway.key()
    await gateway.request("PUT", "/contacts/c-1", key, json=KNOWN)

    assert (await gateway.request("PATCH", "/contacts/c-1", key, json={}))[1]["status"] == "unchanged"
    assert (await gateway.request("GET", "/contacts/c-1", key))[1]["timezone"] == "Europe/Paris"


async def test_a_patch_never_makes_a_contact_nor_brings_an_erased_one_back(gateway) -> None:
    key = gateway.key()
    await gateway.request("PUT", "/contacts/gone", key, json={})
    await gateway.request("DELETE", "/contacts/gone", key)

    answers = [await gateway.request("PATCH", f"/contacts/{name}", key, json={}) for name in ("nobody", "gone")]

    assert [(one[0], one[1]["code"]) for one in answers] == [(404, "not-found")] * 2
    assert (await gateway.request("GET", "/contacts", key))[1]["contacts"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"email": "{"}, "/email"),
        ({"attributes": None}, "/attributes"),
        ({"consent": None}, "/consent"),
        ({"consent": {"profiling": None}}, "/consent/profiling"),
        ({"email": None}, "/email"),
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"plan": "pro"}, "/plan"),
        ({"id": "other"}, "/id"),
    ],
)
async def test_a_patch_that_does_not_fit_is_refused_with_its_place(gateway, body: object, pointer: str) -> None:
    key = gateway.key()
    await gateway.request("PUT", "/contacts/c-1", key, json=KNOWN)

    status, problem, _ = await gateway.request("PATCH", "/contacts/c-1", key, json=body)

    assert (status, problem["errors"][0]["pointer"]) == (422, pointer)


async def test_many_are_erased_each_as_if_alone(gateway) -> None:
    key = gateway.key()
    await gateway.request("POST", "/contacts", key, json={"contacts": [{"id": "a"}, {"id": "b"}, {"id": "c"}]})

    status, answer, _ = await gateway.request(
        "POST", "/contacts/delete", key, json={"contact_ids": ["a", "nobody", 7, "b", "a"]}
    )
    event = {"contact_id": "a", "type": "page_viewed", "occurred_at": "2026-05-03T10:15:00Z"}
    late = await gateway.request("POST", "/events", key, json={"events": [event]})

    assert status == 200
    assert [one["status"] for one in answer["results"]] == ["erased", "unknown", "invalid", "erased", "unknown"]
    assert answer["results"][2]["errors"][0]["pointer"] == "/contact_ids/2"
    assert answer["counts"] == {"erased": 2, "unknown": 2, "invalid": 1}
    assert late[1]["results"][0]["status"] == "erased"
    listed = (await gateway.request("GET", "/contacts", key))[1]["contacts"]
    assert [one["id"] for one in listed] == ["c"]


async def test_erasing_many_needs_admin_and_keeps_to_its_bounds(gateway) -> None:
    wrong = [{"contact_ids": []}, {"contact_ids": ["x"] * 1_001}, {"ids": ["x"]}]

    refused = [(await gateway.request("POST", "/contacts/delete", gateway.key(), json=body))[0] for body in wrong]
    without = await gateway.request(
        "POST", "/contacts/delete", gateway.key(scopes=("ingest",)), json={"contact_ids": ["x"]}
    )

    assert refused == [422, 422, 422]
    assert without[0] == 403


async def test_the_ranked_list_goes_either_way_and_page_by_page(gateway) -> None:
    from shared.store import PredictionRow

    rows = [
        PredictionRow(name, "scoring", "customer", "1", 10, 10, "r", "ok", 0.5, score, "high", "model", "{}")
        for name, score in (("a", 10), ("b", 50), ("c", 50), ("d", 90))
    ]
    gateway.store.of("acme").predictions.log(rows)
    key, path = gateway.key(), "/predictions?capability=scoring&outcome=customer&limit=3"

    found = {}
    for sort in ("-score", "score"):
        first = (await gateway.request("GET", f"{path}&sort={sort}", key))[1]
        rest = (await gateway.request("GET", f"{path}&sort={sort}", key, params={"cursor": first["next_cursor"]}))[1]
        found[sort] = [one["contact_id"] for one in (*first["predictions"], *rest["predictions"])]

    assert found == {"-score": ["d", "b", "c", "a"], "score": ["a", "b", "c", "d"]}
