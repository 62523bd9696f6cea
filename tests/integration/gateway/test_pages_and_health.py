import re

import pytest

from shared.capabilities import TABLE
from shared.contracts.call import new_key


async def test_alive_and_ready_need_no_key(gateway) -> None:
    alive = await gateway.request("GET", "/healthz")
    ready = await gateway.request("GET", "/readyz")

    assert (alive[0], alive[1]) == (200, {"status": "alive"})
    assert (ready[0], ready[1]) == (
        200,
        {"status": "ready", "causes": [], "store": "reachable", "upstreams": {line.name: "ready" for line in TABLE}},
    )


async def test_ready_while_the_store_is_away_only_when_keys_are_remembered(gateway) -> None:
    gateway.store.away = True
    cold = await gateway.request("GET", "/readyz")
    gateway.store.away = False
    await gateway.request("GET", "/contacts", gateway.key())
    gateway.store.away = True
    warm = await gateway.request("GET", "/readyz")

    assert (cold[0], cold[1]["status"], cold[1]["store"]) == (503, "unready", "away")
    assert (warm[0], warm[1]["status"], warm[1]["store"]) == (200, "degraded", "away")


async def test_the_documentation_page_needs_nothing_from_elsewhere(gateway) -> None:
    status, page, headers = await gateway.request("GET", "/docs")

    assert status == 200
    assert re.findall(rb'(?:src|href)="(?!docs/)', page) == []
    assert b"http" not in page.replace(b"http-equiv", b"")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script-src 'self';" in headers["Content-Security-Policy"]
    for name in re.findall(rb'(?:src|href)="(docs/[^"]+)"', page):
        asset = await gateway.request("GET", f"/{name.decode()}")
        assert asset[0] == 200, name
        assert asset[1]


async def test_the_page_shows_3_1(gateway) -> None:
    _, script, headers = await gateway.request("GET", "/docs/swagger-ui-bundle.js")

    version = re.search(rb'PACKAGE_VERSION:"(\d+)\.', script)
    assert version is not None
    assert int(version.group(1)) >= 5
    assert headers["Content-Type"].startswith("text/javascript")


async def test_no_other_file_of_the_package_is_served(gateway) -> None:
    for path in ("/docs/main.py", "/docs/..%2Fmain.py", "/docs/%2Fetc%2Fpasswd"):
        status, problem, _ = await gateway.request("GET", path)
        assert (status, problem["code"]) == (404, "not-found")


async def test_both_documents_are_served(gateway) -> None:
    newer = (await gateway.request("GET", "/openapi.json"))[1]
    older = (await gateway.request("GET", "/openapi-3.0.json"))[1]

    assert newer["openapi"].startswith("3.1")
    assert older["openapi"].startswith("3.0")
    assert set(newer["paths"]) == set(older["paths"]) >= {"/score", "/contacts", "/events"}


@pytest.mark.parametrize("path", ["/healthz", "/contacts", "/nothing", "/docs", "/openapi.json"])
async def test_every_answer_carries_the_security_headers(gateway, path: str) -> None:
    _, _, headers = await gateway.request("GET", path)

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


async def test_clients_are_shown_no_metrics_not_even_with_a_key(gateway) -> None:
    assert (await gateway.request("GET", "/metrics"))[0] == 404
    assert (await gateway.request("GET", "/metrics", gateway.key()))[0] == 404


async def test_the_metrics_name_routes_not_paths(gateway) -> None:
    await gateway.request("GET", "/contacts/very-secret-id", gateway.key())
    await gateway.request("GET", "/contacts", new_key().text)

    metrics = gateway.metrics()

    assert b"very-secret-id" not in metrics
    assert b'foretell_requests_total{method="GET",route="/contacts",status="401"} 1.0' in metrics
