import pytest
from aiohttp import web

pytestmark = pytest.mark.usefixtures("within_a_minute")

CONTACTS = {"contacts": [{"id": f"c-{number}"} for number in range(3)]}


def left(headers) -> dict[str, int]:
    """Read `"calls";r=5;t=60` as {"calls": 5}."""
    return {
        part.split(";")[0].strip('"'): int(part.split(";r=")[1].split(";")[0])
        for part in headers["RateLimit"].split(", ")
    }


async def test_every_answer_to_a_key_tells_what_is_left(door_with) -> None:
    async with door_with(limits_calls=10, limits_contacts=20) as door:
        key = door.key()
        reader = door.key(scopes=("read",))

        _, _, listed = await door.ask("GET", "/contacts", key)
        _, _, put = await door.ask("POST", "/contacts", key, json=CONTACTS)
        refused, _, forbidden = await door.ask("POST", "/contacts", reader, json=CONTACTS)
        _, _, wrong = await door.ask("POST", "/contacts", key, json={})

    assert listed["RateLimit-Policy"] == '"calls";q=10;w=60, "contacts";q=20;w=60'
    assert left(listed) == {"calls": 9, "contacts": 20}
    assert left(put) == {"calls": 8, "contacts": 17}
    assert (refused, left(forbidden)) == (403, {"calls": 9, "contacts": 20})
    assert left(wrong) == {"calls": 7, "contacts": 17}


async def test_one_call_too_many_is_refused_and_says_for_how_long(door_with) -> None:
    async with door_with(limits_calls=2) as door:
        key, other = door.key(), door.key()

        answers = [await door.ask("GET", "/contacts", key) for _ in range(3)]
        elsewhere = await door.ask("GET", "/contacts", other)

    _, problem, headers = answers[2]
    assert [answer[0] for answer in answers] == [200, 200, 429]
    assert elsewhere[0] == 200
    assert problem["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert (problem["code"], problem["violated-policies"]) == ("quota-exceeded", ["calls"])
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert problem["retry_after_seconds"] == int(headers["Retry-After"])
    assert left(headers)["calls"] == 0


async def test_contacts_are_counted_as_the_service_tells(door_with) -> None:
    async with door_with(limits_contacts=5) as door:
        key = door.key()

        first = await door.ask("POST", "/score", key, json={})
        second = await door.ask("POST", "/score", key, json={})
        third = await door.ask("POST", "/score", key, json={})
        read = await door.ask("GET", "/contacts", key)

    assert [first[0], second[0], third[0]] == [200, 200, 429]
    assert [left(answer[2])["contacts"] for answer in (first, second, third)] == [2, 0, 0]
    assert third[1]["violated-policies"] == ["contacts"]
    assert read[0] == 200


async def test_a_service_that_refuses_the_quota_is_told_with_the_time_to_wait(door_with, upstream) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.json_response({"code": "quota-exceeded"}, status=429)

    upstream.answer = refuse
    async with door_with(limits_contacts=5) as door:
        status, problem, headers = await door.ask("POST", "/score", door.key(), json={})

    assert (status, problem["violated-policies"]) == (429, ["contacts"])
    assert int(headers["Retry-After"]) >= 1


async def test_events_count_one_each(door_with) -> None:
    async with door_with(limits_contacts=5) as door:
        events = {"events": [{"contact_id": "c", "type": "x", "occurred_at": "2026-01-01T00:00:00Z", "id": "1"}, {}]}

        _, _, headers = await door.ask("POST", "/events", door.key(), json=events)

    assert left(headers)["contacts"] == 3


async def test_a_replayed_answer_costs_no_contacts(door_with) -> None:
    async with door_with(limits_contacts=100) as door:
        key = door.key()
        named = {"Idempotency-Key": "k"}

        for _ in range(2):
            _, _, headers = await door.ask("POST", "/contacts", key, json=CONTACTS, headers=named)

    assert left(headers)["contacts"] == 97


async def test_a_limit_of_0_is_none(door_with) -> None:
    async with door_with(limits_calls=0, limits_contacts=0) as door:
        status, _, headers = await door.ask("GET", "/contacts", door.key())

    assert (status, "RateLimit" in headers, "RateLimit-Policy" in headers) == (200, False, False)


async def test_an_address_that_fails_too_often_waits_and_known_keys_go_on(door_with) -> None:
    async with door_with(limits_failures=2, key_cache_seconds=60.0) as door:
        known, unknown = door.key(), door.key()
        await door.ask("GET", "/contacts", known)

        failed = [(await door.ask("GET", "/contacts", "fk_oops"))[0] for _ in range(3)]
        waiting = await door.ask("GET", "/contacts")
        kept_out = await door.ask("GET", "/contacts", unknown)
        goes_on = await door.ask("GET", "/contacts", known)

    assert failed == [401, 401, 429]
    assert (waiting[0], waiting[2]["Retry-After"]) == (429, "60")
    assert waiting[1]["violated-policies"] == ["failed-authentications"]
    assert (kept_out[0], goes_on[0]) == (429, 200)


async def test_without_redis_each_gateway_counts_alone(door_with, caplog) -> None:
    async with door_with(limits_calls=2, limits_redis_url="redis://127.0.0.1:1") as door:
        key = door.key()
        statuses = [(await door.ask("GET", "/contacts", key))[0] for _ in range(3)]
        metrics = door.metrics()

    assert statuses == [200, 200, 429]
    assert [record.message for record in caplog.records].count("limits.alone") == 1
    assert b"foretell_limits_alone_total 3.0" in metrics
