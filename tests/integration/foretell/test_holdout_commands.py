"""Holdouts on the command line."""

import json
from collections.abc import Callable
from typing import Any

from foretell.cli.context import opened_account
from shared.contracts.rows import ContactRow, EventRow

Command = Callable[..., Any]


def test_a_holdout_is_created_shown_and_released(foretell: Command) -> None:
    words = ("--capability", "scoring", "--outcome", "customer", "--until", "2100-01-01")
    made = foretell("holdouts", "create", "spring", "--share", "0.25", *words)
    (listed,) = json.loads(foretell("holdouts", "list", "--json").stdout)
    (contact,) = json.loads(foretell("holdouts", "show", "spring", "--contact", "c-1", "--json").stdout)
    released = foretell("holdouts", "release", "spring")
    (shown,) = json.loads(foretell("holdouts", "show", "spring", "--json").stdout)

    assert made.exit_code == released.exit_code == 0
    assert "25.0% of the contacts are held out by spring. Running services answer so within 5 s." in made.stderr
    assert (listed["state"], listed["outcome"], listed["until"]) == ("active", "customer", "2100-01-01T00:00:00Z")
    assert contact["held_out"] is (contact["side"] == "control")
    assert (shown["state"], shown["released_at"] is None) == ("ended", False)


def test_what_cannot_be_is_refused_with_a_sentence(foretell: Command) -> None:
    for words, message in [
        (("create", "spring", "--share", "0.7"), "at most 0.5"),
        (("create", "spring", "--share", "0.1", "--capability", "guess"), "no capability"),
        (("create", "spring", "--share", "0.1", "--until", "2020-01-01"), "in the future"),
        (("show", "autumn"), "no holdout autumn"),
        (("report", "autumn"), "no holdout autumn"),
        (("release", "autumn"), "no holdout of this name"),
    ]:
        result = foretell("holdouts", *words)

        assert result.exit_code != 0
        assert message in result.output + str(getattr(result.exception, "detail", "")), words


def test_the_report_is_read_as_a_table_or_by_a_script(foretell: Command) -> None:
    foretell("holdouts", "create", "spring", "--share", "0.5")
    with opened_account("default") as (_, _, store):
        (holdout,) = store.experiments.holdouts.all()
        ids = [f"c-{number}" for number in range(200)]
        store.contacts.put([ContactRow(one, holdout.created_at - 1) for one in ids], recorded_at=holdout.created_at)
        free = [one for one in ids if not holdout.holds(one)][:60]
        at = holdout.created_at
        store.events.add([EventRow(one, "o", "order_placed", at, at, 10.0, "EUR") for one in free])

    table = foretell("holdouts", "report", "spring", "--measure", "order_placed").stdout
    read = json.loads(foretell("holdouts", "report", "spring", "--measure", "order_placed", "--json").stdout)

    assert "Treated contacts reached it more often" in table
    assert "value per contact: +" in table
    assert "lift: -" in table
    assert (read["treated"]["reached"], read["value"]["currency"]) == (60, "EUR")
