"""Decisions as they are served: drawn, committed, answered; without a champion by equal chances."""

from collections import Counter
from typing import Any

import pytest

from shared.contracts.rows import DAY
from shared.errors import StoreUnavailable
from shared.store import AccountStore, Database, PredictionRow
from tests.integration.messages.conftest import CONTACTS, NOW_US, SUBJECTS, answered, declare

EVERYBODY = [f"c-{number}" for number in range(CONTACTS)]


def kept(store: AccountStore) -> list[Any]:
    return [row for part in store.experiments.decisions.scan(None, 0, NOW_US + DAY) for row in part]


async def test_without_a_champion_all_messages_have_equal_chances_and_the_answer_says_so(
    client: Any, account: AccountStore
) -> None:
    reply = await client.post("/next-best-message", {"contacts": [{"id": "c-1"}], "control_share": 0})

    assert reply.json["model"] == {
        "capability": "messages",
        "outcome": "clicked",
        "version": "0",
        "kind": "uniform",
        "horizon_days": 7,
        "trained_at": None,
        "grade": "D",
    }
    (one,) = reply.json["predictions"]
    assert (one["arm"], one["propensity"], one["expected_reward"], one["source"]) == ("policy", 1 / 3, None, "default")
    assert one["reasons"][0]["text"] == "Drawn by equal chances from 3 messages: too little is known yet to prefer one"
    assert {one["message"], *(other["message"] for other in one["runner_ups"])} == {*SUBJECTS}


async def test_what_is_answered_is_what_is_kept(client: Any, account: AccountStore) -> None:
    found = await answered(client, *EVERYBODY)

    rows = {row.decision_id: (row.contact_id, row.message_id, row.propensity) for row in kept(account)}
    assert rows == {one["decision_id"]: (one["contact_id"], one["message"], one["propensity"]) for one in found}


async def test_a_preview_commits_nothing(client: Any, account: AccountStore) -> None:
    (one,) = await answered(client, "c-1", purpose="preview", control_share=0)

    assert (one["status"], one["message"], one["decision_id"]) == ("ok", "subject-a", None)
    assert kept(account) == []


async def test_within_a_campaign_a_contact_keeps_its_decision(client: Any, account: AccountStore) -> None:
    first = await answered(client, *EVERYBODY, campaign_id="spring")

    again = await answered(client, *EVERYBODY, campaign_id="spring")

    assert [one["decision_id"] for one in again] == [one["decision_id"] for one in first]
    assert [one["message"] for one in again] == [one["message"] for one in first]


async def test_a_decision_that_holds_is_answered_alike_though_its_message_pauses_now(
    client: Any, account: AccountStore
) -> None:
    declare(account, **{name: {"cooldown_hours": 24} for name in SUBJECTS})
    first = await answered(client, *EVERYBODY, campaign_id="spring", control="random")

    again = await answered(client, *EVERYBODY, campaign_id="spring", control="random")

    assert again == first


async def test_a_decision_that_holds_says_so_when_its_message_is_gone(client: Any, account: AccountStore) -> None:
    (first,) = await answered(client, "c-1", campaign_id="spring", control_share=0)
    account.experiments.messages.delete([*SUBJECTS], at=NOW_US + 1)

    (again,) = await answered(client, "c-1", campaign_id="spring", control_share=0)

    assert (again["message"], again["propensity"], again["runner_ups"]) == (first["message"], 1 / 3, [])
    assert [one["text"] for one in again["reasons"]] == [
        "Decided on earlier in this campaign; the message is not in the catalogue any more"
    ]


async def test_the_control_group_is_the_same_in_every_call_and_gets_nothing(client: Any, account: AccountStore) -> None:
    calls = [await answered(client, *EVERYBODY, control_share=0.5) for _ in range(2)]

    control = [{one["contact_id"] for one in found if one["status"] == "control"} for found in calls]
    assert control[0] == control[1]
    assert 15 < len(control[0]) < 45
    one = next(one for one in calls[0] if one["status"] == "control")
    assert (one["message"], one["arm"], one["propensity"]) == (None, "control", 1.0)
    assert one["detail"] == "The contact is in the control group of messages: send nothing."
    row = next(row for row in kept(account) if row.decision_id == one["decision_id"])
    assert (row.message_id, row.candidates) == (None, ("",))


async def test_a_random_control_gets_a_message(client: Any, account: AccountStore) -> None:
    found = await answered(client, *EVERYBODY, control="random", control_share=0.5)

    assert {one["status"] for one in found} == {"ok"}
    assert 15 < Counter(one["arm"] for one in found)["control"] < 45


async def test_each_slot_is_filled_by_a_decision_of_its_own(client: Any, account: AccountStore) -> None:
    slots = [
        {"slot": "subject", "messages": ["subject-a", "subject-b"]},
        {"slot": "banner", "messages": ["subject-c"]},
    ]
    (one,) = await answered(client, "c-3", slots=slots, campaign_id="slots", control_share=0)

    assert [(each["slot"], each["propensity"]) for each in one["choices"]] == [("subject", 0.5), ("banner", 1.0)]
    assert one["choices"][1]["message"] == "subject-c"
    assert (one["message"], one["decision_id"]) == (None, None)
    assert len({each["decision_id"] for each in one["choices"]}) == 2


async def test_a_message_that_is_not_there_is_refused_with_its_place(client: Any, account: AccountStore) -> None:
    body = {"contacts": [{"id": "c-1"}], "messages": ["subject-a", "subject-z"]}

    reply = await client.post("/next-best-message", body)

    assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, "/messages/1")


async def test_messages_that_are_named_restrict_the_choice(client: Any, account: AccountStore) -> None:
    found = await answered(client, *EVERYBODY, messages=["subject-b"], control_share=0)

    assert {(one["message"], one["propensity"]) for one in found} == {("subject-b", 1.0)}


async def test_who_is_eligible_for_nothing_gets_nothing(client: Any, account: AccountStore) -> None:
    french = {"eligible": {"attributes": {"Country": ["fr"]}}}
    declare(account, **dict.fromkeys(SUBJECTS, french))

    found = await answered(client, "c-0", "c-1", {"id": "c-2", "attributes": {"country": "FR"}}, control_share=0)

    assert [one["status"] for one in found] == ["none_eligible", "ok", "ok"]


@pytest.mark.parametrize("fields", [{"cap_per_week": 1}, {"cooldown_hours": 200.0}])
async def test_caps_and_pauses_hold(client: Any, account: AccountStore, fields: dict[str, Any]) -> None:
    declare(account, **dict.fromkeys(SUBJECTS, fields))

    statuses = [(await answered(client, "c-1", control_share=0))[0] for _ in range(4)]

    assert [one["status"] for one in statuses] == ["ok", "ok", "ok", "capped"]
    assert {one["message"] for one in statuses[:3]} == {*SUBJECTS}


async def test_a_contact_gets_no_more_messages_a_week_than_it_may(client: Any, account: AccountStore) -> None:
    found = [(await answered(client, "c-9", control_share=0, contact_cap_per_week=1))[0] for _ in range(2)]

    assert [one["status"] for one in found] == ["ok", "capped"]


async def test_a_decision_is_not_made_in_the_past(client: Any, account: AccountStore) -> None:
    reply = await client.post("/next-best-message", {"contacts": [{"id": "c-1"}], "cutoff": "2026-05-01T00:00:00Z"})

    assert reply.status == 422


async def test_an_account_without_messages_has_none_that_fits(
    service: Any, messages_database: Database, account: AccountStore
) -> None:
    account.experiments.messages.delete([*SUBJECTS], at=NOW_US)

    async with service() as client:
        body = {"contacts": [{"id": "c-1"}]}
        reply = await client.post("/next-best-message", body, account=account.account)

    (one,) = reply.json["predictions"]
    assert (one["status"], one["detail"]) == ("none_eligible", "No message runs now that is for this contact.")


async def test_segments_and_bands_say_who_is_eligible(client: Any, account: AccountStore) -> None:
    declare(
        account,
        subject_a={"eligible": {"segments": ["s-1"]}},
        subject_b={"eligible": {"bands": [{"capability": "scoring", "outcome": "customer", "bands": ["high"]}]}},
        subject_c={"active": False},
    )
    account.predictions.log(
        [latest("c-1", "segmentation", "", segment="s-1"), latest("c-2", "scoring", "customer", band="high")]
    )

    found = await answered(client, "c-1", "c-2", "c-3", control_share=0)

    assert [(one["status"], one["message"]) for one in found] == [
        ("ok", "subject-a"),
        ("ok", "subject-b"),
        ("none_eligible", None),
    ]


async def test_a_preview_knows_segments_caps_and_what_holds(client: Any, account: AccountStore) -> None:
    declare(account, subject_a={"cap_per_week": 1}, subject_b={"eligible": {"segments": ["s-1"]}})
    (made,) = await answered(client, "c-1", messages=["subject-a"], campaign_id="june", control_share=0)

    (free,) = await answered(client, "c-1", purpose="preview", control_share=0)
    (held,) = await answered(client, "c-1", purpose="preview", campaign_id="june", control_share=0)

    assert (free["contact_id"], free["message"], free["propensity"]) == ("c-1", "subject-c", 1.0)
    assert free["decision_id"] is None
    assert (held["message"], held["decision_id"]) == ("subject-a", made["decision_id"])


def latest(contact_id: str, capability: str, outcome: str, **fields: Any) -> PredictionRow:
    return PredictionRow(
        contact_id=contact_id,
        capability=capability,
        outcome=outcome,
        version="1",
        cutoff=NOW_US - DAY,
        asked_at=NOW_US - DAY,
        request_id="r",
        status="ok",
        probability=None,
        score=None,
        band=fields.get("band"),
        source="model",
        body="{}",
        segment=fields.get("segment"),
    )


async def test_a_preview_of_the_past_sees_no_later_decision(client: Any, account: AccountStore) -> None:
    declare(account, **{name: {"cap_per_week": 1} for name in SUBJECTS})
    (held,) = await answered(client, "c-1", campaign_id="spring", control_share=0)
    for _ in range(2):
        await answered(client, "c-1", control_share=0)
    asked = {"campaign_id": "spring", "control_share": 0, "purpose": "preview"}

    (past,) = await answered(client, "c-1", cutoff="2026-05-20T00:00:00Z", **asked)
    (now,) = await answered(client, "c-1", **asked)

    assert (past["status"], past["decision_id"]) == ("ok", None)
    assert now["decision_id"] == held["decision_id"]


async def test_while_the_store_cannot_keep_a_decision_nothing_is_answered(
    service: Any, account: AccountStore, messages_database: Database
) -> None:
    class Away:
        def __getattr__(self, name: str) -> Any:
            return getattr(account, name)

        @property
        def experiments(self) -> Any:
            raise StoreUnavailable("The store is away.")

    async with service() as client:
        reply = await client.post("/next-best-message", {"contacts": [{"id": "c-1"}]}, account=account.account)
        assert reply.status == 200
        client.app.state.service.store.of = lambda *_, **__: Away()
        reply = await client.post("/next-best-message", {"contacts": [{"id": "c-1"}]}, account=account.account)

    assert (reply.status, reply.json["code"]) == (503, "store-unavailable")


async def test_contacts_of_the_control_group_have_as_many_decisions_as_a_cap_leaves_others(
    client: Any, account: AccountStore
) -> None:
    for campaign in ("monday", "tuesday", "wednesday"):
        await answered(client, *EVERYBODY, control_share=0.5, contact_cap_per_week=1, campaign_id=campaign)

    assert {*Counter(row.contact_id for row in kept(account)).values()} == {1}
    assert {row.arm for row in kept(account)} == {"control", "policy"}
