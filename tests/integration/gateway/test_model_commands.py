"""Trainings, promotions and rollbacks over HTTP: rows for the worker, and what became of them."""

from typing import Any

import pytest

from shared.contracts.rows import SECOND
from shared.store import AccountStore, CommandLease, VersionRow
from tests.integration.gateway.conftest import LONG_AGO, RunningGateway

RESULT = {
    "version": "4",
    "promoted": False,
    "decided": True,
    "reason": "could be worse than the champion",
    "grade": "B",
    "kind": "lightgbm",
    "comparison": {"challenger_loss": 0.41, "champion_loss": 0.4},
    "figures": {"auc": 0.7},
}


def store_of(gateway: RunningGateway) -> AccountStore:
    return gateway.store.of("acme")


def registered(gateway: RunningGateway, *versions: str) -> None:
    """Register versions, each of which was promoted."""
    models = store_of(gateway).models
    for place, version in enumerate(versions):
        models.add(VersionRow("scoring", "customer", version, f"d{version}", "lightgbm", "B", LONG_AGO, 90, "run"))
        models.promote("scoring", "customer", version, f"d{version}", at=LONG_AGO + place, reason=f"reason {version}")


async def test_a_training_waits_for_the_worker_and_a_second_one_is_the_first(gateway: RunningGateway) -> None:
    key = gateway.key()
    public_id = key[3:13]

    status, training, headers = await gateway.request("POST", "/models/scoring.customer/train", key)
    again, same, _ = await gateway.request("POST", "/models/scoring.customer/train", key, json={"promote": False})

    assert (status, again, same) == (202, 200, training)
    assert headers["Location"] == f"/models/scoring.customer/trainings/{training['id']}"
    assert {name: training[name] for name in ("model", "status", "promote", "requested_by", "result", "error")} == {
        "model": "scoring.customer",
        "status": "queued",
        "promote": True,
        "requested_by": public_id,
        "result": None,
        "error": None,
    }
    _, listed, _ = await gateway.request("GET", "/models/scoring.customer/trainings", key)
    assert listed == {"trainings": [training], "next_cursor": None}


async def test_a_training_shows_its_progress_and_its_result(gateway: RunningGateway) -> None:
    key = gateway.key()
    _, training, headers = await gateway.request("POST", "/models/segmentation/train", key, json={"reason": "new data"})
    commands, lease = store_of(gateway).models.commands, CommandLease(training["id"], "worker")
    commands.take(lease, at=LONG_AGO * 2, until=LONG_AGO * 3)
    commands.advance(lease, 0.4, "fitting")

    _, running, _ = await gateway.request("GET", headers["Location"], key)
    commands.complete(lease, RESULT, at=LONG_AGO * 2 + SECOND)
    _, ended, _ = await gateway.request("GET", headers["Location"], key)

    assert (running["status"], running["progress"]) == ("running", {"share": 0.4, "step": "fitting"})
    assert (ended["status"], ended["result"], ended["reason"]) == ("completed", RESULT, "new data")


async def test_a_training_that_failed_says_why(gateway: RunningGateway) -> None:
    key = gateway.key()
    _, training, headers = await gateway.request("POST", "/models/scoring.customer/train", key)
    commands, lease = store_of(gateway).models.commands, CommandLease(training["id"], "worker")
    commands.take(lease, at=LONG_AGO * 2, until=LONG_AGO * 3)
    commands.fail(lease, {"code": "insufficient-data", "detail": "12 contacts."}, at=LONG_AGO * 2)

    _, failed, _ = await gateway.request("GET", headers["Location"], key)
    _, history, _ = await gateway.request("GET", "/models/scoring.customer/history", key)

    assert (failed["status"], failed["error"]) == ("failed", {"code": "insufficient-data", "detail": "12 contacts."})
    assert [(one["action"], one["reason"]) for one in history["entries"]] == [("training_failed", "12 contacts.")]


async def test_a_training_that_waits_is_cancelled(gateway: RunningGateway) -> None:
    key = gateway.key()
    _, _, headers = await gateway.request("POST", "/models/scoring.customer/train", key)

    status, cancelled, _ = await gateway.request("POST", f"{headers['Location']}/cancel", key)

    assert (status, cancelled["status"]) == (200, "cancelled")
    assert gateway.store.waiting_model_commands(LONG_AGO * 3, ("train",)) == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/models/scoring.nothing/train", 404),
        ("/models/scoring/train", 404),
        ("/models/weather/train", 404),
        ("/models/scoring.customer/rollback", 409),
    ],
)
async def test_what_cannot_be_is_refused_at_once(gateway: RunningGateway, path: str, status: int) -> None:
    answered, _, _ = await gateway.request("POST", path, gateway.key())

    assert answered == status


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("train", {"reason": "a\x00b"}),  # what PostgreSQL does not keep
        ("rollback", {"reason": "\x1b[2J"}),  # what would clear the screen that shows the history
        ("promote", {"version": "2", "reason": "a\nb"}),
        ("promote", {"version": "2\u0662"}),
    ],
)
async def test_a_reason_is_one_line_of_text_and_a_version_a_number(
    gateway: RunningGateway, verb: str, body: dict[str, str]
) -> None:
    registered(gateway, "2", "3")

    status, problem, _ = await gateway.request("POST", f"/models/scoring.customer/{verb}", gateway.key(), json=body)

    assert (status, problem["code"]) == (422, "invalid-request")


async def test_trainings_need_the_scope_admin_and_can_be_read_with_read(gateway: RunningGateway) -> None:
    reader = gateway.key(scopes=("read",))
    paths = [f"/models/scoring.customer/{verb}" for verb in ("train", "promote", "rollback")]

    refused = [(await gateway.request("POST", path, reader, json={"version": "1"}))[0] for path in paths]
    listed, _, _ = await gateway.request("GET", "/models/scoring.customer/trainings", reader)

    assert (refused, listed) == ([403, 403, 403], 200)


async def test_a_promotion_waits_for_the_worker_and_says_what_became_of_it(gateway: RunningGateway) -> None:
    registered(gateway, "2", "3")
    key = gateway.key()

    status, promotion, headers = await gateway.request(
        "POST", "/models/scoring.customer/promote", key, json={"version": "2", "reason": "fewer features"}
    )
    commands, lease = store_of(gateway).models.commands, CommandLease(promotion["id"], "worker")
    commands.take(lease, at=LONG_AGO * 2, until=LONG_AGO * 3)
    commands.complete(lease, {"version": "2", "previous_version": "3"}, at=LONG_AGO * 2)
    _, ended, _ = await gateway.request("GET", headers["Location"], key)

    assert (status, headers["Location"]) == (202, f"/models/scoring.customer/promotions/{promotion['id']}")
    assert (promotion["kind"], promotion["status"], promotion["version"]) == ("promote", "queued", "2")
    assert (ended["status"], ended["version"], ended["previous_version"]) == ("completed", "2", "3")


async def test_a_version_that_is_not_registered_is_refused_with_those_that_are(gateway: RunningGateway) -> None:
    registered(gateway, "2")

    status, problem, _ = await gateway.request(
        "POST", "/models/scoring.customer/promote", gateway.key(), json={"version": "9"}
    )

    assert (status, problem["versions"]) == (404, ["2"])


async def test_a_rollback_is_one_call_and_sent_twice_with_a_key_it_is_one(gateway: RunningGateway) -> None:
    registered(gateway, "2", "3")
    key, once = gateway.key(), {"Idempotency-Key": "k1"}

    answers = [await gateway.request("POST", "/models/scoring.customer/rollback", key, headers=once) for _ in (1, 2)]

    assert [(status, body["kind"], body["version"]) for status, body, _ in answers] == [(202, "rollback", None)] * 2
    assert len(gateway.store.waiting_model_commands(LONG_AGO * 3, ("promote", "rollback"))) == 1


async def test_the_history_goes_page_by_page_and_names_who_and_why(gateway: RunningGateway) -> None:
    registered(gateway, "2", "3")
    key = gateway.key()

    _, first, _ = await gateway.request("GET", "/models/scoring.customer/history?limit=1", key)
    _, rest, _ = await gateway.request(
        "GET", f"/models/scoring.customer/history?limit=1&cursor={first['next_cursor']}", key
    )

    entry = first["entries"][0]
    assert (entry["action"], entry["version"], entry["replaced_version"]) == ("promoted", "3", "2")
    assert (entry["reason"], entry["actor"], entry["figures"]) == ("reason 3", "system", {})
    assert [one["version"] for one in rest["entries"]] == ["2"]


async def test_a_command_of_another_model_or_account_is_not_shown(gateway: RunningGateway) -> None:
    key, path = gateway.key(), "/models/scoring.customer"
    _, training, _ = await gateway.request("POST", f"{path}/train", key)
    asked: list[tuple[str, Any]] = [
        (f"/models/segmentation/trainings/{training['id']}", key),
        (f"{path}/promotions/{training['id']}", key),
        (f"{path}/trainings/{training['id']}", gateway.key("other")),
    ]

    assert [(await gateway.request("GET", *one))[0] for one in asked] == [404, 404, 404]
