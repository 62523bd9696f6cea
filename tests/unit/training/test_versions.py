from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from shared.errors import Conflict, NotFound, RegistryUnavailable
from shared.training.versions import Model, mismatch, promote, rollback

CUSTOMER = Model("scoring", "customer")


class Aliases:
    def __init__(self, journal: list[str]) -> None:
        self.journal = journal
        self.versions: dict[str, str] = {}
        self.away = False

    def point(self, account: str, model: Model, version: str) -> None:
        if self.away:
            raise RegistryUnavailable("The registry is away.")
        self.journal.append(f"alias {version}")
        self.versions[account] = version

    def pointed(self, account: str, model: Model) -> str | None:
        return self.versions.get(account)


class Store:
    account = "demo"

    def __init__(self, journal: list[str]) -> None:
        self.journal = journal
        self.row: Any = None
        self.rival: Any = None
        """A champion that comes between the alias and the row."""

    @property
    def models(self) -> "Store":
        return self

    @contextmanager
    def transaction(self) -> Iterator["Store"]:
        yield self

    def version(self, capability: str, outcome: str, version: str) -> Any:
        return SimpleNamespace(digest=f"d{version}") if version in {"1", "2"} else None

    def versions(self, capability: str, outcome: str) -> list[Any]:
        return [SimpleNamespace(version="2"), SimpleNamespace(version="1")]

    def champion(self, capability: str, outcome: str) -> Any:
        return self.row

    def promote(self, capability: str, outcome: str, version: str, digest: str, **_: Any) -> Any:
        self.journal.append(f"row {version} {digest}")
        if self.rival is not None:
            self.row = self.rival
            raise Conflict("Version 9 was promoted meanwhile.")
        self.row = SimpleNamespace(version=version, previous_version=self.row and self.row.version, promoted_at=1)
        return self.row

    def rollback(self, capability: str, outcome: str, *, at: int, reason: str) -> Any:
        if self.row.previous_version is None:
            raise Conflict("There is no earlier champion.")
        self.journal.append("row back")
        self.row = SimpleNamespace(version=self.row.previous_version, previous_version=self.row.version)
        return self.row


@pytest.fixture
def journal() -> list[str]:
    return []


@pytest.fixture
def store(journal: list[str]) -> Any:
    return Store(journal)


@pytest.fixture
def aliases(journal: list[str]) -> Aliases:
    return Aliases(journal)


def test_the_alias_is_set_before_the_row(store: Any, aliases: Aliases, journal: list[str]) -> None:
    promote(store, aliases, CUSTOMER, "1", at=1, reason="first")

    assert journal == ["alias 1", "row 1 d1"]
    assert mismatch(store, aliases, CUSTOMER) is None


def test_a_registry_that_refuses_leaves_the_champion_alone(store: Any, aliases: Aliases, journal: list[str]) -> None:
    aliases.away = True

    with pytest.raises(RegistryUnavailable):
        promote(store, aliases, CUSTOMER, "1", at=1, reason="first")

    assert journal == []


def test_an_unknown_version_is_refused_with_the_known_ones(store: Any, aliases: Aliases) -> None:
    with pytest.raises(NotFound, match="there are: 2, 1"):
        promote(store, aliases, CUSTOMER, "9", at=1, reason="typo")


def test_rollback_works_while_the_registry_is_away_and_the_mismatch_is_reported(store: Any, aliases: Aliases) -> None:
    promote(store, aliases, CUSTOMER, "1", at=1, reason="first")
    promote(store, aliases, CUSTOMER, "2", at=2, reason="better")
    aliases.away = True

    row = rollback(store, aliases, CUSTOMER, at=3)

    assert row.version == "1"
    assert "Version 1 answers, while MLflow's alias points to 2" in str(mismatch(store, aliases, CUSTOMER))


def test_a_rollback_changes_the_row_before_the_alias(store: Any, aliases: Aliases, journal: list[str]) -> None:
    promote(store, aliases, CUSTOMER, "1", at=1, reason="first")
    promote(store, aliases, CUSTOMER, "2", at=2, reason="better")

    rollback(store, aliases, CUSTOMER, at=3, reason="complaints")

    assert journal[-2:] == ["row back", "alias 1"]
    assert mismatch(store, aliases, CUSTOMER) is None


def test_a_champion_that_came_meanwhile_is_not_replaced(store: Any, aliases: Aliases, journal: list[str]) -> None:
    store.row = SimpleNamespace(version="2", promoted_at=8)

    with pytest.raises(Conflict, match="Version 2 was promoted meanwhile"):
        promote(store, aliases, CUSTOMER, "1", at=9, reason="better", unless_since=7)

    assert journal == []


def test_an_alias_that_was_ahead_of_a_refused_row_is_set_back(store: Any, aliases: Aliases, journal: list[str]) -> None:
    store.rival = SimpleNamespace(version="9", promoted_at=8)

    with pytest.raises(Conflict):
        promote(store, aliases, CUSTOMER, "1", at=9, reason="better", unless_since=7)

    assert journal == ["alias 1", "row 1 d1", "alias 9"]


def test_without_an_earlier_champion_there_is_no_way_back(store: Any, aliases: Aliases) -> None:
    promote(store, aliases, CUSTOMER, "1", at=1, reason="first")

    with pytest.raises(Conflict):
        rollback(store, aliases, CUSTOMER, at=2)
