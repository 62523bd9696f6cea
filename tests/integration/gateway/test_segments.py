import json
from typing import Any

import pytest

from shared.contracts.rows import SECOND, ContactRow
from shared.store import PredictionRow, VersionRow

NOW = 1_780_000_000 * SECOND


def segment(segment_id: str, name: str, share: float) -> dict[str, Any]:
    return {
        "id": segment_id,
        "name": name,
        "description": f"{share:.0%} of contacts.",
        "share": share,
        "size": int(share * 100),
        "value_per_contact": None,
        "value_share": None,
        "traits": [{"feature": "f", "text": "Placed 2 orders", "typical": 2.0, "overall": 1.0, "difference": 0.9}],
        "micro_segments": [{"id": f"{segment_id}.1", "name": "In the morning", "size": 5, "share_of_segment": 0.5}],
    }


SEGMENTS = [segment("s1", "Lapsed buyers", 0.3), segment("s4", "Frequent buyers", 0.7)]


def prediction(contact_id: str, segment_id: str) -> PredictionRow:
    body = {"contact_id": contact_id, "membership": 0.8, "previous_segment": None, "moved_at": None}
    sent = json.dumps(body)
    return PredictionRow(
        contact_id, "segmentation", "", "7", NOW, NOW, "r", "ok", None, None, None, "model", sent, segment_id
    )


@pytest.fixture
def segmented(gateway: Any) -> Any:
    store = gateway.store.of("acme")
    store.models.add(
        VersionRow("segmentation", "", "7", "d" * 64, "kmeans", "B", NOW, None, "run", report={"segments": SEGMENTS})
    )
    store.models.promote("segmentation", "", "7", "d" * 64, at=NOW, reason="first")
    return gateway


async def test_without_a_version_it_says_what_to_run(gateway: Any) -> None:
    status, problem, _ = await gateway.request("GET", "/segments", gateway.key(scopes=("read",)))

    assert (status, problem["code"]) == (409, "no-model-trained")
    assert "foretell train segmentation" in problem["detail"]


async def test_segments_are_listed_the_largest_first(segmented: Any) -> None:
    status, answer, _ = await segmented.request("GET", "/segments", segmented.key(scopes=("read",)))

    assert status == 200
    assert [(one["id"], one["name"], one["share"]) for one in answer["segments"]] == [
        ("s4", "Frequent buyers", 0.7),
        ("s1", "Lapsed buyers", 0.3),
    ]
    assert (answer["version"], answer["grade"]) == ("7", "B")


async def test_a_segment_shows_its_typical_member(segmented: Any) -> None:
    status, answer, _ = await segmented.request("GET", "/segments/s1", segmented.key(scopes=("read",)))

    assert (status, answer["traits"][0]["text"]) == (200, "Placed 2 orders")


@pytest.mark.parametrize(
    ("path", "status"), [("/segments/s9", 404), ("/segments/s9/contacts", 404), ("/segments/x", 422)]
)
async def test_a_segment_that_there_is_not_is_404(segmented: Any, path: str, status: int) -> None:
    answer = await segmented.request("GET", path, segmented.key(scopes=("read",)))

    assert answer[0] == status


async def test_a_renamed_segment_is_called_so_until_its_name_is_taken_back(segmented: Any) -> None:
    key = segmented.key()

    renamed = await segmented.request("PATCH", "/segments/s1", key, json={"name": "Sleepers"})
    listed = await segmented.request("GET", "/segments", key)
    back = await segmented.request("PATCH", "/segments/s1", key, json={"name": None})

    assert (renamed[0], renamed[1]["name"], renamed[1]["generated_name"]) == (200, "Sleepers", "Lapsed buyers")
    assert [(one["name"], one["renamed"]) for one in listed[1]["segments"]] == [
        ("Frequent buyers", False),
        ("Sleepers", True),
    ]
    assert (back[1]["name"], back[1]["renamed"]) == ("Lapsed buyers", False)


async def test_a_segment_renamed_under_an_idempotency_key_is_shown_as_renamed(segmented: Any) -> None:
    named = {"Idempotency-Key": "k-1"}

    renamed = await segmented.request(
        "PATCH", "/segments/s1", segmented.key(), json={"name": "Sleepers"}, headers=named
    )

    assert (renamed[0], renamed[1]["name"]) == (200, "Sleepers")


async def test_the_next_version_calls_a_kept_segment_by_its_own_name(segmented: Any) -> None:
    key = segmented.key()
    await segmented.request("PATCH", "/segments/s4", key, json={"name": "Regulars"})
    store = segmented.store.of("acme")
    report = {"segments": [segment("s4", "Very frequent buyers", 1.0)]}
    store.models.add(VersionRow("segmentation", "", "8", "e" * 64, "kmeans", "B", NOW + 1, None, "run", report=report))
    store.models.promote("segmentation", "", "8", "e" * 64, at=NOW + 1, reason="newer")

    answer = await segmented.request("GET", "/segments", key)

    assert [(one["id"], one["name"]) for one in answer[1]["segments"]] == [("s4", "Regulars")]


async def test_two_segments_are_never_called_the_same(segmented: Any) -> None:
    status, problem, _ = await segmented.request(
        "PATCH", "/segments/s1", segmented.key(), json={"name": "frequent BUYERS"}
    )

    assert (status, problem["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": "   "}, {"name": "x" * 81}, {"name": "a", "colour": 1}, {"name": 7}]
)
async def test_a_name_that_does_not_fit_is_422(segmented: Any, body: dict[str, Any]) -> None:
    assert (await segmented.request("PATCH", "/segments/s1", segmented.key(), json=body))[0] == 422


async def test_only_an_admin_renames(segmented: Any) -> None:
    key = segmented.key(scopes=("read", "predict", "ingest"))

    assert (await segmented.request("PATCH", "/segments/s1", key, json={"name": "a"}))[0] == 403


async def test_contacts_of_a_segment_come_in_pages(segmented: Any) -> None:
    store = segmented.store.of("acme")
    store.predictions.log([prediction(f"c-{number}", "s4" if number else "s1") for number in range(5)])
    key = segmented.key(scopes=("read",))

    first = (await segmented.request("GET", "/segments/s4/contacts?limit=3", key))[1]
    second = (await segmented.request("GET", f"/segments/s4/contacts?limit=3&cursor={first['next_cursor']}", key))[1]
    elsewhere = await segmented.request("GET", f"/segments/s1/contacts?limit=3&cursor={first['next_cursor']}", key)

    assert [one["contact_id"] for one in first["contacts"] + second["contacts"]] == ["c-1", "c-2", "c-3", "c-4"]
    assert second["next_cursor"] is None
    assert elsewhere[0] == 422


async def test_a_contact_that_moved_is_listed_once_where_it_is_now(segmented: Any) -> None:
    store = segmented.store.of("acme")
    store.predictions.log([prediction("c-1", "s1")])
    store.predictions.log([prediction("c-1", "s4")._replace(cutoff=NOW + 1)])
    key = segmented.key(scopes=("read",))

    before, now = [(await segmented.request("GET", f"/segments/{one}/contacts", key))[1] for one in ("s1", "s4")]

    assert (before["contacts"], [one["contact_id"] for one in now["contacts"]]) == ([], ["c-1"])


async def test_a_cursor_of_another_segment_or_list_or_account_is_422(segmented: Any) -> None:
    key, other = segmented.key(), segmented.key("other")
    store = segmented.store.of("acme")
    store.predictions.log([prediction("a", "s1"), prediction("b", "s1")])
    store.contacts.put([ContactRow("a"), ContactRow("b")], recorded_at=NOW)
    cursor = (await segmented.request("GET", "/segments/s1/contacts?limit=1", key))[1]["next_cursor"]

    asked = [(key, "/segments/s4/contacts"), (key, "/contacts"), (key, "/predictions"), (other, "/contacts")]
    statuses = [
        (await segmented.request("GET", path, one, params={"cursor": cursor, "capability": "scoring"}))[0]
        for one, path in asked
    ]

    assert statuses == [422, 422, 422, 422]


def weekly(**more: Any) -> dict[str, Any]:
    return {"week": "2026-W22", "starts_on": "2026-05-25", "contacts": 10, "moved_share": 0.2, **more}


def counted(gateway: Any, *weeks: dict[str, Any]) -> None:
    report = {
        "measured_at": "2026-06-01T00:00:00Z",
        "complete_until": None,
        "horizon_days": None,
        "verdict": "not_measured",
        "judged_version": None,
        "text": "",
        "all_versions": None,
        "versions": [],
        "weeks": [],
        "segment_weeks": list(weeks),
        "left_out": {"repeated": 0, "not_stored": 0, "without_probability": 0, "learned_from": 0, "reached_before": 0},
    }
    gateway.store.of("acme").models.quality.put("segmentation", "", {"report": report}, at=NOW)


async def test_moves_name_segments_as_the_account_does_and_those_that_are_gone_by_their_id(segmented: Any) -> None:
    segmented.store.of("acme").segments.rename("s1", "Sleepers", at=NOW)
    moves = [{"before": "s1", "after": "s4", "contacts": 2}]
    counted(segmented, weekly(shares={"s1": 0.2, "s4": 0.5, "s9": 0.3}, moves=moves))

    status, answer, _ = await segmented.request("GET", "/segments/moves", segmented.key(scopes=("read",)))

    (week,) = answer["weeks"]
    assert (status, answer["measured_at"], week["moved_share"]) == (200, "2026-06-01T00:00:00Z", 0.2)
    assert [(one["name"], one["share"]) for one in week["segments"]] == [
        ("Frequent buyers", 0.5),
        ("s9", 0.3),
        ("Sleepers", 0.2),
    ]
    assert [(one["before"]["name"], one["after"]["name"], one["contacts"]) for one in week["moves"]] == [
        ("Sleepers", "Frequent buyers", 2)
    ]


async def test_a_week_that_an_older_release_counted_has_no_moves_yet(segmented: Any) -> None:
    counted(segmented, weekly(shares={"s1": 1.0}))

    _, answer, _ = await segmented.request("GET", "/segments/moves", segmented.key(scopes=("read",)))

    assert [one["moves"] for one in answer["weeks"]] == [None]


async def test_before_anything_was_counted_there_are_no_weeks(segmented: Any) -> None:
    _, answer, _ = await segmented.request("GET", "/segments/moves", segmented.key(scopes=("read",)))

    assert answer == {"weeks": [], "measured_at": None}


async def test_the_list_says_what_sets_each_segment_apart_and_what_that_is_about(segmented: Any) -> None:
    _, answer, _ = await segmented.request("GET", "/segments", segmented.key(scopes=("read",)))

    assert [one["traits"][0]["topic"] for one in answer["segments"]] == ["F", "F"]
