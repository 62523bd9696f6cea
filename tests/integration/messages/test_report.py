"""`GET /next-best-message/report` reads what was decided and what came of it."""

from datetime import timedelta
from typing import Any

from shared.contracts.call import CALL_HEADER
from shared.contracts.rows import DAY, EventRow
from shared.store import AccountStore
from tests.integration.messages.conftest import CONTACTS, NOW, NOW_US, answered


async def reported(client: Any, account: AccountStore, query: str) -> Any:
    path = f"/next-best-message/report?{query}"
    return await client.get(
        path, **{CALL_HEADER: client.signed("GET", path, account=account.account, scopes=("read",))}
    )


async def test_the_report_joins_decisions_with_the_clicks_that_name_them(service: Any, account: AccountStore) -> None:
    async with service() as client:
        client.post = _as(client.post, account)
        found = await answered(client, *(f"c-{number}" for number in range(CONTACTS)), control_share=0)
    clicked = [one for one in found if one["message"] == "subject-b"]
    at = NOW_US + DAY
    account.events.add(
        [
            EventRow(
                one["contact_id"], f"click-{place}", "email_clicked", at, at, message_id=one["decision_id"], human=1
            )
            for place, one in enumerate(clicked)
        ]
    )

    async with service(now=NOW + timedelta(days=8)) as client:
        reply = await reported(client, account, "outcome=clicked")

    assert reply.status == 200, reply.body
    assert reply.json["best_message"] == "subject-b"
    assert (reply.json["decisions"], reply.json["pending"]) == (CONTACTS, 0)
    rewarded = {one["message"]: one["rewarded"] for one in reply.json["messages"]}
    assert rewarded == {"subject-a": 0, "subject-b": len(clicked), "subject-c": 0}
    assert "No trained version has decided yet" in reply.json["conclusion"]


async def test_a_time_that_ends_before_it_begins_is_refused(service: Any, account: AccountStore) -> None:
    async with service() as client:
        reply = await reported(client, account, "from=2026-05-02&to=2026-05-01")

    assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, "/query/from")


async def test_a_time_that_ends_in_the_first_year_begins_with_it(service: Any, account: AccountStore) -> None:
    async with service() as client:
        reply = await reported(client, account, "to=0001-01-15")

    assert (reply.status, reply.json["since"]) == (200, "0001-01-01T00:00:00Z")


def _as(post: Any, account: AccountStore) -> Any:
    async def posting(path: str, body: Any) -> Any:
        return await post(path, body, account=account.account)

    return posting
