from shared.contracts.rows import DAY, ContactRow, EventRow

NOW = 1_780_000_000_000_000


async def test_an_empty_account_sees_what_to_import_first(gateway) -> None:
    status, report, _ = await gateway.request("GET", "/data-report", gateway.key(scopes=("read",)))

    assert status == 200
    assert report["contacts"]["total"] == 0
    assert [(one["code"], one["severity"]) for one in report["findings"]] == [("no_contacts", "blocks")]
    assert report["findings"][0]["command"].endswith("--account acme")


async def test_the_report_is_about_what_was_recorded(gateway) -> None:
    store = gateway.store.of("acme")
    store.contacts.put([ContactRow(f"c-{number}", NOW) for number in range(30)], recorded_at=NOW)
    store.events.add([EventRow(f"c-{number}", "e-1", "order_placed", NOW - DAY, NOW) for number in range(25)])

    _, report, _ = await gateway.request("GET", "/data-report", gateway.key(scopes=("read",)))

    needed = {(one["capability"], one["needed"], one["minimum"]): one for one in report["requirements"]}
    assert report["contacts"]["with_events"] == 0.8333
    assert needed["segmentation", "contacts_with_events", 20]["met"] is True
    assert needed["sendtime", "active_contacts", 40]["found"] == 25
    assert needed["scoring", "contacts_with_outcome", 40]["met"] is False
    assert needed["segmentation", "contacts_with_events", 300]["otherwise"] == "a plain rule sets the segments"
    assert needed["sendtime", "sends", 500]["otherwise"] == "learned from activity, not from sends"


async def test_reading_the_report_takes_the_scope_read(gateway) -> None:
    status, answer, _ = await gateway.request("GET", "/data-report", gateway.key(scopes=("predict",)))

    assert (status, answer["code"]) == (403, "missing-scope")
