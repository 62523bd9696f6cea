import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foretell.cli.context import opened_account
from shared.contracts.shadow import ShadowComparison
from shared.store import AccountStore, VersionRow

MODEL = ("scoring", "won")
NAME = ("models", "shadow", "acme.scoring.won")
FOUND = ShadowComparison("1", 900, 800, 3, -0.012, 0.91, 0.2, 0, 0, None, None, None, 1_780_000_000_000_000)


@pytest.fixture
def store(foretell: Any, home_folder: Path) -> Iterator[AccountStore]:
    """Version 1 answers; 2 was registered after it."""
    foretell("accounts", "create", "acme")
    with opened_account("acme") as (_, _, store):
        for number in ("1", "2"):
            store.models.add(VersionRow(*MODEL, number, "d" * 64, "rule", "C", 0, 30, "run"))
        store.models.promote(*MODEL, "1", "d" * 64, at=0, reason="first")
        yield store


def test_a_version_shadows_until_it_is_switched_off(foretell: Any, store: AccountStore) -> None:
    begun = foretell(*NAME, "2", "--share", "0.25")
    polled = store.models.shadows.of(*MODEL)
    ended, again = foretell(*NAME, "--off"), foretell(*NAME, "--off")

    assert begun.stdout.splitlines()[:2] == ["version  2", "share    0.25"]
    assert polled is not None
    assert (polled.version, polled.share) == ("2", 0.25)
    assert (ended.stdout, again.stdout) == ("It ended.\n", "No version shadows this model.\n")


def test_what_was_found_is_shown(foretell: Any, store: AccountStore) -> None:
    store.models.shadows.put_comparison(store.models.start_shadow(*MODEL, "2", 0.1, at=0), FOUND)

    shown = foretell(*NAME, "--json")

    found = json.loads(shown.stdout)
    assert (found["version"], found["compared"], found["rank_correlation"]) == ("2", 900, 0.91)
    assert (found["log_loss"], found["compared_at"]) == (None, "2026-05-28T20:26:40Z")


def test_without_a_shadow_it_says_how_to_begin_one(foretell: Any, store: AccountStore) -> None:
    result = foretell(*NAME)

    assert result.exit_code == 1
    assert "foretell models shadow NAME VERSION" in result.stderr
