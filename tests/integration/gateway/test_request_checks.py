"""What holds for every route: nothing unknown in the query, HEAD for GET, a slash at the end, 201 for what is made."""

from typing import Any

import pytest

SUBSCRIPTION = {"url": "https://93.184.215.14/hook", "event_types": ["score.band_changed"]}


@pytest.mark.parametrize(
    ("path", "pointer", "said"),
    [
        ("/contacts?limt=5", "/limt", "did you mean limit?"),
        ("/contacts?Limit=5", "/Limit", "did you mean limit?"),
        ("/contacts/c-1?verbose=1", "/verbose", "this path takes none."),
        ("/predictions?capability=scoring&bands=high", "/bands", "did you mean band?"),
        ("/contacts?limit=1&limit=2", "/limit", "more than once"),
        ("/contacts?a%2Fb=1", "/a~1b", "known: cursor, id_prefix, limit."),
    ],
)
async def test_an_unknown_query_parameter_is_refused_with_near_names(
    gateway, path: str, pointer: str, said: str
) -> None:
    status, problem, _ = await gateway.request("GET", path, gateway.key())

    assert (status, problem["code"]) == (422, "invalid-request")
    assert problem["errors"][0]["pointer"] == pointer
    assert said in problem["errors"][0]["detail"]


async def test_whoever_has_no_key_is_refused_first(gateway) -> None:
    assert (await gateway.request("GET", "/contacts?limt=5"))[0] == 401


async def test_nothing_is_written_when_the_query_is_refused(gateway) -> None:
    key = gateway.key()

    refused = await gateway.request("PUT", "/contacts/c-1?dry_run=true", key, json={})

    assert refused[0] == 422
    assert (await gateway.request("GET", "/contacts/c-1", key))[0] == 404


@pytest.mark.parametrize("path", ["/", "/healthz", "/contacts", "/models", "/docs", "/openapi.json", "/experiments/x"])
async def test_head_answers_as_get_without_the_body(gateway, path: str) -> None:
    key = gateway.key()

    got = await gateway.request("GET", path, key)
    head = await gateway.request("HEAD", path, key)

    assert (head[0], head[2]["Content-Type"], head[2]["Content-Length"]) == (
        got[0],
        got[2]["Content-Type"],
        got[2]["Content-Length"],
    )
    assert head[1] in (b"", None)


async def test_head_of_what_is_only_posted_is_405(gateway) -> None:
    status, _, headers = await gateway.request("HEAD", "/score", gateway.key())

    assert (status, headers["Allow"]) == (405, "POST")


async def test_a_slash_at_the_end_is_the_same_request(gateway, upstream) -> None:
    key = gateway.key()

    put = await gateway.request("PUT", "/contacts/c-1/", key, json={"timezone": "Europe/Paris"})
    shown = await gateway.request("GET", "/contacts/c-1", key)
    listed = await gateway.request("GET", "/contacts/?limit=5", key)
    scored = await gateway.request("POST", "/score/", key, json={"contacts": [{"id": "c-1"}]})
    other = await gateway.request("PUT", "/contacts/a%2F", key, json={})

    assert (put[0], shown[1]["timezone"], scored[0]) == (201, "Europe/Paris", 200)
    assert [one["id"] for one in listed[1]["contacts"]] == ["c-1"]
    assert [one.target for one in upstream.seen] == ["/score"]
    assert other[1]["id"] == "a/"


async def test_the_root_leads_on(gateway) -> None:
    found = await gateway.request("GET", "/")
    page = await gateway.request("GET", "/", headers={"Accept": "text/html"})

    assert (found[1]["name"], found[1]["docs"], found[1]["openapi"]) == ("Foretell", "/docs", "/openapi.json")
    assert [
        (await gateway.request("GET", found[1][name]))[0] for name in ("docs", "openapi", "health", "readiness")
    ] == [200] * 4
    assert b'<a href="docs">' in page[1]


async def test_the_docs_keep_the_key_on_reload(gateway) -> None:
    _, script, _ = await gateway.request("GET", "/docs/start.js")

    assert b"persistAuthorization: true" in script


@pytest.mark.parametrize(
    ("method", "path", "body", "location"),
    [
        ("PUT", "/contacts/a%2Fb", {}, "/contacts/a%2Fb"),
        ("PUT", "/outcomes/demo", {"event_types": ["a"]}, "/outcomes/demo?capability=scoring"),
        (
            "POST",
            "/sources",
            {"name": "mail", "provider": "mailgun", "secrets": ["key-3ax6xnjp29jd6fds4gc373sgvjxteol0"]},
            "/sources/",
        ),
        ("POST", "/subscriptions", SUBSCRIPTION, "/subscriptions/"),
    ],
)
async def test_what_is_made_is_201_with_its_place_and_so_is_its_replay(
    gateway, method: str, path: str, body: Any, location: str
) -> None:
    key = gateway.key()
    headers = {"Idempotency-Key": "once"}

    made = await gateway.request(method, path, key, json=body, headers=headers)
    again = await gateway.request(method, path, key, json=body, headers=headers)

    assert (made[0], again[0], again[2]["Idempotency-Replayed"]) == (201, 201, "true"), made[1]
    assert made[2]["Location"].startswith(location)
    assert again[2]["Location"] == made[2]["Location"]
    assert (await gateway.request("GET", made[2]["Location"], key))[0] == 200


async def test_where_the_gateway_has_a_public_address_a_place_begins_with_it(gateway_with) -> None:
    async with gateway_with(public_url="https://api.example.com/foretell") as gateway:
        _, _, headers = await gateway.request("PUT", "/contacts/c-1", gateway.key(), json={})

    assert headers["Location"] == "https://api.example.com/foretell/contacts/c-1"
