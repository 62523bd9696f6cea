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


async def test_every_answer_to_a_key_states_what_is_left(gateway_with) -> None:
    async with gateway_with(limits_calls=10, limits_contacts=20) as gateway:
        key = gateway.key()
        reader = gateway.key(scopes=("read",))

        _, _, listed = await gateway.request("GET", "/contacts", key)
        _, _, put = await gateway.request("POST", "/contacts", key, json=CONTACTS)
        refused, _, forbidden = await gateway.request("POST", "/contacts", reader, json=CONTACTS)
        _, _, wrong = await gateway.request("POST", "/contacts", key, json={})

    assert listed["RateLimit-Policy"] == '"calls";q=10;w=60, "contacts";q=20;w=60'
    assert left(listed) == {"calls": 9, "contacts": 20}
    assert left(put) == {"calls": 8, "contacts": 17}
    assert (refused, left(forbidden)) == (403, {"calls": 9, "contacts": 20})
    assert left(wrong) == {"calls": 7, "contacts": 17}


async def test_one_call_too_many_is_refused_and_says_for_how_long(gateway_with) -> None:
    async with gateway_with(limits_calls=2) as gateway:
        key, other = gateway.key(), gateway.key()

        answers = [await gateway.request("GET", "/contacts", key) for _ in range(3)]
        elsewhere = await gateway.request("GET", "/contacts", other)

    _, problem, headers = answers[2]
    assert [answer[0] for answer in answers] == [200, 200, 429]
    assert elsewhere[0] == 200
    assert problem["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert (problem["code"], problem["violated-policies"]) == ("quota-exceeded", ["calls"])
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert problem["retry_after_seconds"] == int(headers["Retry-After"])
    assert left(headers)["calls"] == 0


async def test_contacts_are_counted_as_the_service_reports(gateway_with) -> None:
    async with gateway_with(limits_contacts=5) as gateway:
        key = gateway.key()

        first = await gateway.request("POST", "/score", key, json={})
        second = await gateway.request("POST", "/score", key, json={})
        third = await gateway.request("POST", "/score", key, json={})
        read = await gateway.request("GET", "/contacts", key)

    assert [first[0], second[0], third[0]] == [200, 200, 429]
    assert [left(answer[2])["contacts"] for answer in (first, second, third)] == [2, 0, 0]
    assert third[1]["violated-policies"] == ["contacts"]
    assert read[0] == 200


async def test_a_service_that_refuses_the_quota_is_reported_with_the_time_to_wait(gateway_with, upstream) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.json_response({"code": "quota-exceeded"}, status=429)

    upstream.answer = refuse
    async with gateway_with(limits_contacts=5) as gateway:
        status, problem, headers = await gateway.request("POST", "/score", gateway.key(), json={})

    assert (status, problem["violated-policies"]) == (429, ["contacts"])
    assert int(headers["Retry-After"]) >= 1


async def test_events_count_one_each(gateway_with) -> None:
    async with gateway_with(limits_contacts=5) as gateway:
        events = {"events": [{"contact_id": "c", "type": "x", "occurred_at": "2026-01-01T00:00:00Z", "id": "1"}, {}]}

        _, _, headers = await gateway.request("POST", "/events", gateway.key(), json=events)

    assert left(headers)["contacts"] == 3


async def test_a_replayed_answer_costs_no_contacts(gateway_with) -> None:
    async with gateway_with(limits_contacts=100) as gateway:
        key = gateway.key()
        named = {"Idempotency-Key": "k"}

        for _ in range(2):
            _, _, headers = await gateway.request("POST", "/contacts", key, json=CONTACTS, headers=named)

    assert left(headers)["contacts"] == 97


async def test_a_limit_of_0_is_none(gateway_with) -> None:
    async with gateway_with(limits_calls=0, limits_contacts=0) as gateway:
        status, _, headers = await gateway.request("GET", "/contacts", gateway.key())

    assert (status, "RateLimit" in headers, "RateLimit-Policy" in headers) == (200, False, False)


async def test_an_address_that_fails_too_often_waits_and_known_keys_go_on(gateway_with) -> None:
    async with gateway_with(limits_failures=2, key_cache_seconds=60.0) as gateway:
        known, unknown = gateway.key(), gateway.key()
        await gateway.request("GET", "/contacts", known)

        failed = [(await gateway.request("GET", "/contacts", "fk_oops"))[0] for _ in range(3)]
        waiting = await gateway.request("GET", "/contacts")
        kept_out = await gateway.request("GET", "/contacts", unknown)
        goes_on = await gateway.request("GET", "/contacts", known)

    assert failed == [401, 401, 429]
    assert (waiting[0], waiting[2]["Retry-After"]) == (429, "60")
    assert waiting[1]["violated-policies"] == ["failed-authentications"]
    assert (kept_out[0], goes_on[0]) == (429, 200)


async def test_without_redis_each_gateway_counts_alone(gateway_with, caplog) -> None:
    async with gateway_with(limits_calls=2, limits_redis_url="redis://127.0.0.1:1") as gateway:
        key = gateway.key()
        statuses = [(await gateway.request("GET", "/contacts", key))[0] for _ in range(3)]
        metrics = gateway.metrics()

    assert statuses == [200, 200, 429]
    assert [record.message for record in caplog.records].count("limits.alone") == 1
    assert b"foretell_limits_alone_total 3.0" in metrics
