from typing import Any

import pytest

from shared.contracts.shadow import ShadowComparison
from shared.store import VersionRow

MODEL = ("scoring", "customer")
PATH = "/models/scoring.customer/shadow"
FOUND = ShadowComparison(
    "7", 900, 800, 3, -0.012, 0.91, 0.2, 300, 40, 0.31, 0.33, (-0.02, -0.03, -0.01), 1_780_000_000_000_000
)


@pytest.fixture
def modelled(gateway: Any) -> Any:
    """Version 7 answers; 8 was registered after it."""
    store = gateway.store.of("acme")
    for version in ("7", "8"):
        store.models.add(VersionRow(*MODEL, version, f"d{version}", "logistic", "B", 1, 90, "run"))
    store.models.promote(*MODEL, "7", "d7", at=1, reason="first")
    return gateway


async def test_a_version_shadows_until_somebody_ends_it(modelled: Any) -> None:
    key = modelled.key()

    begun = await modelled.request("PUT", PATH, key, json={"version": "8", "share": 0.1})
    shown = await modelled.request("GET", PATH, key)
    ended = await modelled.request("DELETE", PATH, key)
    again = await modelled.request("DELETE", PATH, key)

    since = begun[1]["since"]
    expected = {"name": "scoring.customer", "version": "8", "share": 0.1, "since": since, "comparison": None}
    assert (begun[:2], shown[:2]) == ((200, expected), (200, expected))
    assert (ended[0], again[0], again[1]["code"]) == (204, 404, "not-found")


async def test_what_was_found_is_shown(modelled: Any) -> None:
    store = modelled.store.of("acme")
    store.models.shadows.put_comparison(store.models.start_shadow(*MODEL, "8", 0.5, at=1), FOUND)

    _, answer, _ = await modelled.request("GET", PATH, modelled.key(scopes=("read",)))

    assert answer["comparison"] == {
        **FOUND._asdict(),
        "log_loss_difference": {"value": -0.02, "low": -0.03, "high": -0.01},
        "compared_at": "2026-05-28T20:26:40Z",
    }


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"version": "9", "share": 0.1}, 404, "not-found"),
        ({"version": "7", "share": 0.1}, 409, "conflict"),
        ({"version": "8", "share": 0}, 422, "invalid-request"),
        ({"version": "8", "share": 1.1}, 422, "invalid-request"),
        ({"version": "8"}, 422, "invalid-request"),
    ],
)
async def test_what_cannot_shadow_is_refused(modelled: Any, fields: dict[str, Any], status: int, code: str) -> None:
    found, problem, _ = await modelled.request("PUT", PATH, modelled.key(), json=fields)

    assert (found, problem["code"]) == (status, code)
    assert modelled.store.of("acme").models.shadows.of(*MODEL) is None


async def test_only_an_admin_begins_one_and_the_audit_says_who(modelled: Any) -> None:
    reader, admin = modelled.key(scopes=("read",)), modelled.key()

    refused, _, _ = await modelled.request("PUT", PATH, reader, json={"version": "8", "share": 0.1})
    await modelled.request("PUT", PATH, admin, json={"version": "8", "share": 0.1})

    entry = modelled.store.of("acme").audit.page(1)[0]
    assert refused == 403
    assert (entry.action, entry.target, entry.detail) == (
        "model.shadow_started",
        "scoring.customer",
        {"version": "8", "share": 0.1},
    )
    assert admin.startswith(f"fk_{entry.actor}")
