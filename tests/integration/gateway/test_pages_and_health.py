import re

import pytest

from shared.capabilities import TABLE
from shared.contracts.credentials import new_key


async def test_alive_and_ready_need_no_key(door) -> None:
    alive = await door.ask("GET", "/healthz")
    ready = await door.ask("GET", "/readyz")

    assert (alive[0], alive[1]) == (200, {"status": "alive"})
    assert (ready[0], ready[1]) == (
        200,
        {"status": "ready", "causes": [], "store": "reachable", "upstreams": {line.name: "ready" for line in TABLE}},
    )


async def test_ready_while_the_store_is_away_only_when_keys_are_remembered(door) -> None:
    door.store.away = True
    cold = await door.ask("GET", "/readyz")
    door.store.away = False
    await door.ask("GET", "/contacts", door.key())
    door.store.away = True
    warm = await door.ask("GET", "/readyz")

    assert (cold[0], cold[1]["status"], cold[1]["store"]) == (503, "unready", "away")
    assert (warm[0], warm[1]["status"], warm[1]["store"]) == (200, "degraded", "away")


async def test_the_documentation_page_needs_nothing_from_elsewhere(door) -> None:
    status, page, headers = await door.ask("GET", "/docs")

    assert status == 200
    assert re.findall(rb'(?:src|href)="(?!docs/)', page) == []
    assert b"http" not in page.replace(b"http-equiv", b"")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script-src 'self';" in headers["Content-Security-Policy"]
    for name in re.findall(rb'(?:src|href)="(docs/[^"]+)"', page):
        asset = await door.ask("GET", f"/{name.decode()}")
        assert asset[0] == 200, name
        assert asset[1]


async def test_the_page_shows_3_1(door) -> None:
    _, script, headers = await door.ask("GET", "/docs/swagger-ui-bundle.js")

    version = re.search(rb'PACKAGE_VERSION:"(\d+)\.', script)
    assert version is not None
    assert int(version.group(1)) >= 5
    assert headers["Content-Type"].startswith("text/javascript")


async def test_no_other_file_of_the_package_is_served(door) -> None:
    for path in ("/docs/main.py", "/docs/..%2Fmain.py", "/docs/%2Fetc%2Fpasswd"):
        status, problem, _ = await door.ask("GET", path)
        assert (status, problem["code"]) == (404, "not-found")


async def test_both_documents_are_served(door) -> None:
    newer = (await door.ask("GET", "/openapi.json"))[1]
    older = (await door.ask("GET", "/openapi-3.0.json"))[1]

    assert newer["openapi"].startswith("3.1")
    assert older["openapi"].startswith("3.0")
    assert set(newer["paths"]) == set(older["paths"]) >= {"/score", "/contacts", "/events"}


@pytest.mark.parametrize("path", ["/healthz", "/contacts", "/nothing", "/docs", "/openapi.json"])
async def test_every_answer_carries_the_security_headers(door, path: str) -> None:
    _, _, headers = await door.ask("GET", path)

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


async def test_clients_are_shown_no_metrics_not_even_with_a_key(door) -> None:
    assert (await door.ask("GET", "/metrics"))[0] == 404
    assert (await door.ask("GET", "/metrics", door.key()))[0] == 404


async def test_the_metrics_name_routes_not_paths(door) -> None:
    await door.ask("GET", "/contacts/very-secret-id", door.key())
    await door.ask("GET", "/contacts", new_key().text)

    metrics = door.metrics()

    assert b"very-secret-id" not in metrics
    assert b'foretell_requests_total{method="GET",route="/contacts",status="401"} 1.0' in metrics
