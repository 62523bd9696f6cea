from dataclasses import dataclass, field

from foretell.background.retention import Retention
from shared.contracts.rows import DAY
from shared.store import Account


@dataclass
class FakeDatabase:
    deleted: list[tuple[str, int]] = field(default_factory=list)
    forgotten: list[tuple[str, int]] = field(default_factory=list)
    account: str = ""

    def accounts(self) -> list[Account]:
        return [Account("acme", 0), Account("beta", 0)]

    def of(self, account: str) -> "FakeDatabase":
        return FakeDatabase(self.deleted, self.forgotten, account)

    def delete_predictions_before(self, at: int) -> int:
        self.deleted.append((self.account, at))
        return 0

    def delete_answers_before(self, at: int) -> None:
        self.forgotten.append((self.account, at))


def test_predictions_older_than_the_setting_go_in_every_account() -> None:
    database = FakeDatabase()

    Retention(database, 400, 24, lambda: 1_000 * DAY).turn()

    assert database.deleted == [("acme", 600 * DAY), ("beta", 600 * DAY)]


def test_answers_kept_under_idempotency_keys_go_after_their_hours() -> None:
    database = FakeDatabase()

    Retention(database, 400, 24, lambda: 1_000 * DAY).turn()

    assert database.forgotten == [("acme", 999 * DAY), ("beta", 999 * DAY)]
