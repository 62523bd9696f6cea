from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from foretell.background.retention import MOST_BATCHES, Retention, RetentionRule, repeated, rules
from shared.contracts.rows import DAY
from shared.settings import WorkerSettings
from shared.store import Account


@dataclass
class FakeDatabase:
    deleted: list[tuple[str, int]] = field(default_factory=list)
    account: str = ""
    scrubbed: int = 0

    def accounts(self) -> list[Account]:
        return [Account("acme", 0), Account("beta", 0)]

    def of(self, account: str) -> "FakeDatabase":
        return FakeDatabase(self.deleted, account)

    def scrub(self) -> None:
        self.scrubbed += 1


def noted(store: Any, before: int) -> Iterator[int]:
    store.deleted.append((store.account, before))
    yield 0


def test_what_is_older_than_the_setting_goes_in_every_account() -> None:
    database: Any = FakeDatabase()

    Retention(database, (RetentionRule("predictions", 400, noted),), lambda: 1_000 * DAY).turn()

    assert database.deleted == [("acme", 600 * DAY), ("beta", 600 * DAY)]


def test_what_has_no_setting_is_kept() -> None:
    database: Any = FakeDatabase()

    Retention(database, (RetentionRule("events", None, noted),), lambda: 1_000 * DAY).turn()

    assert database.deleted == []


def test_every_turn_empties_the_log_in_which_deleted_rows_could_be_read() -> None:
    database: Any = FakeDatabase()

    Retention(database, (), lambda: 0).turn()

    assert database.scrubbed == 1


def test_a_method_is_repeated_until_nothing_is_left() -> None:
    left = [3, 2, 0, 9]

    batches = repeated(lambda store, before: left.pop(0))

    assert list(batches(FakeDatabase(), 0)) == [3, 2]  # type: ignore[arg-type]


def test_a_turn_stops_after_some_batches_and_the_next_goes_on() -> None:
    database: Any = FakeDatabase()
    begun = []

    def endless(store: Any, before: int) -> Iterator[int]:
        begun.append(store.account)
        for number in range(MOST_BATCHES + 5):
            store.deleted.append((store.account, number))
            yield 1

    retention = Retention(database, (RetentionRule("events", 1, endless),), lambda: 0)
    retention.turn()
    after_one = len(database.deleted)
    retention.turn()

    assert begun == ["acme", "beta"]
    assert (after_one, len(database.deleted)) == (2 * MOST_BATCHES, 2 * (MOST_BATCHES + 5))


def test_events_that_go_before_models_have_looked_at_them_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    Retention(FakeDatabase(), (RetentionRule("events", 90, noted),), lambda: 0)  # type: ignore[arg-type]

    assert [record.message for record in caplog.records] == ["retention.shorter_than_lookback"]


def test_events_are_kept_for_ever_unless_set_otherwise() -> None:
    settings = WorkerSettings(signing_key=SecretStr("k" * 32), identity_key=SecretStr("k" * 32))

    assert {rule.name: rule.days for rule in rules(settings)}["events"] is None
