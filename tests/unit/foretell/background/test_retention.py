from dataclasses import dataclass, field

from foretell.background.retention import Retention
from shared.contracts.rows import DAY
from shared.store import Account


@dataclass
class FakeDatabase:
    deleted: list[tuple[str, int]] = field(default_factory=list)
    erased: list[tuple[str, int]] = field(default_factory=list)
    account: str = ""

    def accounts(self) -> list[Account]:
        return [Account("acme", 0), Account("beta", 0)]

    def of(self, account: str) -> "FakeDatabase":
        return FakeDatabase(self.deleted, self.erased, account)

    def delete_predictions_before(self, at: int) -> int:
        self.deleted.append((self.account, at))
        return 0

    def erase_messages_before(self, at: int) -> int:
        self.erased.append((self.account, at))
        return 2 - len([account for account, _ in self.erased if account == self.account])


def test_what_is_older_than_its_setting_goes_in_every_account() -> None:
    database = FakeDatabase()

    Retention(database, 400, 30, lambda: 1_000 * DAY).turn()

    assert database.deleted == [("acme", 600 * DAY), ("beta", 600 * DAY)]
    assert database.erased == [("acme", 970 * DAY)] * 2 + [("beta", 970 * DAY)] * 2
