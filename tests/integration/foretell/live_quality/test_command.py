"""`foretell models quality`."""

import json
from typing import Any

from foretell.cli.context import opened_account
from shared.contracts.rows import DAY, ContactRow, EventRow
from shared.store import PredictionRow, VersionRow

AT = 1_780_000_000_000_000


def test_it_shows_what_came_of_predictions_by_week(foretell: Any) -> None:
    foretell("accounts", "create", "acme")
    skill = {"value": 0.0, "low": -0.1, "high": 0.1}
    with opened_account("acme") as (_, _, store):
        names = [f"c-{number:03d}" for number in range(100)]
        row = ("scoring", "customer", "1", "d" * 64, "rule", "C", AT - DAY, 7, "run")
        store.models.add(VersionRow(*row, figures={"skill_over_constant": skill}, report={"data": {"base_rate": 0.5}}))
        store.models.promote("scoring", "customer", "1", "d" * 64, at=AT - DAY, reason="first")
        store.contacts.put([ContactRow(name) for name in names], recorded_at=AT)
        logged = ("scoring", "customer", "1", AT, AT, "r", "ok", 0.5, 50, "low", "model", "{}")
        store.predictions.log([PredictionRow(name, *logged) for name in names])
        store.events.add([EventRow(name, "e", "order_placed", AT + DAY, AT + DAY) for name in names[::2]])
        store.events.add([EventRow("c-001", "v", "page_viewed", AT + 9 * DAY, AT + 9 * DAY)])

    shown = foretell("models", "quality", "customer", "--account", "acme")
    listed = json.loads(foretell("models", "quality", "customer", "--account", "acme", "--again", "--json").stdout)
    missing = foretell("models", "quality", "nothing", "--account", "acme")

    assert shown.exit_code == 0
    assert "Holds what it promised: 50 of 100 predictions came true, 50 were expected" in shown.stdout
    assert "2026-W22  1        100          50         50.0" in shown.stdout
    assert "Drift: not looked at yet" in shown.stdout
    assert (listed["quality"]["verdict"], listed["drift"]) == ("holds", None)
    assert missing.exit_code == 1
