from typing import Any

from shared.contracts.rows import DAY, SECOND, ContactRow, EventRow

NOW = 1_780_000_000 * SECOND
ASKED = {"name": "spring", "share": 0.25, "capability": "scoring", "outcome": "customer"}


async def test_a_holdout_is_created_shown_listed_and_released(gateway: Any) -> None:
    key = gateway.key()

    status, made, headers = await gateway.request("POST", "/holdouts", key, json=ASKED)
    shown = await gateway.request("GET", "/holdouts/spring", key)
    released = await gateway.request("POST", "/holdouts/spring/release", key)
    _, listed, _ = await gateway.request("GET", "/holdouts", key)

    assert (status, headers["Location"], made["state"], made["effective_within_seconds"]) == (
        201,
        "/holdouts/spring",
        "active",
        5.0,
    )
    assert "salt" not in made
    assert shown[:2] == (200, made)
    assert (released[1]["state"], released[1]["released_at"] is not None) == ("ended", True)
    assert listed == {"holdouts": [released[1]]}


async def test_whether_a_contact_is_held_out_is_answered_for_unknown_ids_too(gateway: Any) -> None:
    key = gateway.key(scopes=("read",))
    await gateway.request("POST", "/holdouts", gateway.key(), json=ASKED)
    (holdout,) = gateway.store.of("acme").experiments.holdouts.all()
    ids = [f"of/{number} ü" for number in range(30)]
    held = next(one for one in ids if holdout.holds(one))
    free = next(one for one in ids if not holdout.holds(one))

    found = [
        (await gateway.request("GET", f"/holdouts/spring/contacts/{one.replace(' ', '%20')}", key))[1]
        for one in (held, free)
    ]
    await gateway.request("POST", "/holdouts/spring/release", gateway.key())
    _, after, _ = await gateway.request("GET", f"/holdouts/spring/contacts/{held.replace(' ', '%20')}", key)

    assert [(one["contact_id"], one["side"], one["held_out"]) for one in [*found, after]] == [
        (held, "control", True),
        (free, "treated", False),
        (held, "control", False),
    ]


async def test_what_cannot_be_is_refused(gateway: Any) -> None:
    key, reader = gateway.key(), gateway.key(scopes=("read",))
    await gateway.request("POST", "/holdouts", key, json=ASKED)
    refused = [
        ("POST", "/holdouts", reader, ASKED, 403),
        ("POST", "/holdouts", key, ASKED, 409),
        ("POST", "/holdouts", key, {**ASKED, "share": 0.6}, 422),
        ("POST", "/holdouts", key, {**ASKED, "capability": None}, 422),
        ("POST", "/holdouts", key, {**ASKED, "name": "misspelt", "outcome": "custmer"}, 422),
        ("POST", "/holdouts", key, {**ASKED, "until": "2020-01-01T00:00:00Z"}, 422),
        ("POST", "/holdouts", key, {**ASKED, "name": "A b"}, 422),
        ("GET", "/holdouts/autumn", reader, None, 404),
        ("POST", "/holdouts/autumn/release", key, None, 404),
        ("POST", "/holdouts/spring/release", reader, None, 403),
        ("GET", "/holdouts/autumn/contacts/c-1", reader, None, 404),
        ("GET", "/holdouts/autumn/report", reader, None, 404),
        ("GET", "/holdouts/spring/report?measure=No", reader, None, 422),
    ]

    for method, path, who, body, expected in refused:
        status, problem, _ = await gateway.request(method, path, who, **({} if body is None else {"json": body}))
        assert status == expected, (path, body, problem)


async def test_the_report_compares_both_sides(gateway: Any) -> None:
    store = gateway.store.of("acme")
    ids = [f"c-{number}" for number in range(40)]
    store.contacts.put([ContactRow(one, NOW - DAY) for one in ids], recorded_at=NOW)
    await gateway.request("POST", "/holdouts", gateway.key(), json={"name": "all", "share": 0.5})
    (holdout,) = store.experiments.holdouts.all()
    held = [one for one in ids if holdout.holds(one)]
    at = holdout.created_at
    store.events.add([EventRow(one, "o", "order_placed", at, at, 9.5, "EUR") for one in held[:3]])
    key = gateway.key(scopes=("read",))

    unsaid, _, _ = await gateway.request("GET", "/holdouts/all/report", key)
    status, report, _ = await gateway.request("GET", "/holdouts/all/report?measure=order_placed,deal_won", key)

    assert (unsaid, status) == (422, 200)
    assert (report["measure"], report["ended"]) == (["order_placed", "deal_won"], False)
    assert (report["control"]["contacts"], report["control"]["reached"]) == (len(held), 3)
    assert (report["treated"]["contacts"], report["treated"]["reached"]) == (40 - len(held), 0)
    assert report["control"]["value"] == 28.5
    assert (report["treated"]["predicted"], report["lift"]) == (None, None)
