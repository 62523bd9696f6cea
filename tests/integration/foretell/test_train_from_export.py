"""`foretell train --from`: a version learned from an export, and an export of somebody else refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from foretell.cli.context import opened_account
from shared.contracts.outcome import Outcome
from shared.contracts.rows import ContactRow, EventRow

WON = Outcome(name="won", capability="scoring", event_types=("deal_won",), horizon_days=30, every_days=15)


def test_a_version_is_registered_that_learned_from_an_export(
    foretell: Any,
    home_folder: Path,
    tmp_path: Path,
    simulated: Callable[..., Any],
    with_registry: Callable[[Path], Path],
) -> None:
    world, folder = simulated(300, 300), str(tmp_path / "export")
    foretell("init")
    with_registry(home_folder)
    with opened_account("default") as (_, _, store):
        contacts = (ContactRow(contact_id, fact.created_at) for contact_id, fact in world.facts.items())
        store.contacts.put_bulk(contacts, recorded_at=world.until)
        store.events.add_bulk([EventRow(*row[:4], recorded_at=world.until) for row in world.rows])
        store.outcomes.put(WON)
    exported = foretell("export", "events", "--to", folder, "--buckets", "3")
    assert exported.exit_code == 0, exported.output

    result = foretell("train", "scoring", "-o", "won", "--from", folder, "--no-promote")
    foreign = foretell("accounts", "create", "other")
    refused = foretell("train", "churn", "-a", "other", "--from", folder)

    assert result.exit_code == 0, result.output
    with opened_account("default") as (_, _, store):
        assert store.models.version("scoring", "won", "1") is not None
    assert foreign.exit_code == 0, foreign.output
    assert refused.exit_code == 1
    assert "an export of the account default, not of other" in refused.output
