"""Events of a shop that knows addresses alone: its export, loaded as it is."""

import json
from pathlib import Path

import pytest

ORDERS = """Name,Email,Created at,Total,Lineitem name
#1,Ann@Example.com,2026-05-03 10:14:00 +0200,49.90,Shirt
#1,ann@example.com,2026-05-03 10:14:00 +0200,,Hat
#2,new@example.com,2026-05-03 10:14:00 +0200,5,Hat
#3,gone@example.com,2026-05-03 10:14:00 +0200,5,Hat
#4,info@firm.example,2026-05-03 10:14:00 +0200,5,Hat
"""
CONTACTS = "id,email\nc-1,ann@example.com\nc-2,gone@example.com\n"


@pytest.fixture
def orders(foretell, tmp_path: Path) -> list[str]:
    """Words that load the orders into an account that knows some of the people."""
    (tmp_path / "orders.csv").write_text(ORDERS)
    (tmp_path / "contacts.csv").write_text(CONTACTS)
    foretell("import", "--contacts", str(tmp_path / "contacts.csv"))
    for number in range(3):  # one after the other, as an API would
        (tmp_path / "one.csv").write_text(f"id,email\nf-{number},info@firm.example\n")
        foretell("import", "--contacts", str(tmp_path / "one.csv"))
    foretell("contacts", "erase", "c-2", "--yes")
    return ["import", "--events", str(tmp_path / "orders.csv"), "--set", "type=order_placed", "--json"]


def test_each_event_finds_its_contact_or_says_why_not_and_again_changes_nothing(foretell, orders: list[str]) -> None:
    first = json.loads(foretell(*orders).stdout)[0]
    again = json.loads(foretell(*orders).stdout)[0]

    assert [first[name] for name in ("rows", "new", "erased", "rejected", "contacts_made")] == [5, 3, 1, 1, 1]
    assert (first["erased_lines"], first["rejects"]) == (
        [5],
        [{"line": 6, "reason": "its address is that of 3 contacts or more, so the event is nobody's"}],
    )
    assert [again[name] for name in ("new", "unchanged", "erased", "rejected")] == [0, 3, 1, 1]
    exported = json.loads(foretell("contacts", "export", "c-1").stdout)
    assert {event["item"] for event in exported["events"]} == {"Shirt", "Hat"}
