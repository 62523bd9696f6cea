from dataclasses import replace

import pytest

from shared.errors import Conflict, NotFound
from shared.store import Database, SecretRow, SubscriptionRow

ROW = SubscriptionRow(
    "s1", "https://a.example/in", ("score.band_changed",), "ours", "template", {"method": "PUT"}, "sealed", False,
    "enabled", None, 5, None, 5,
)  # fmt: skip
FIRST = SecretRow("s1", "sec_1", "sealed-1", 5, None)


def test_a_subscription_is_kept_changed_and_deleted(database: Database) -> None:
    store = database.of("default")
    changed = replace(ROW, url="https://b.example", state="paused", state_reason="by hand", state_at=9)

    store.subscriptions.create(ROW, FIRST)
    kept = store.subscriptions.find("s1")
    store.subscriptions.update(ROW, changed)
    listed = store.subscriptions.all()
    store.subscriptions.delete("s1")

    assert kept == ROW
    assert listed == [changed]
    assert (store.subscriptions.all(), store.subscriptions.secrets(5)) == ([], {})


def test_a_change_leaves_what_else_changed_meanwhile(database: Database) -> None:
    store = database.of("default")
    store.subscriptions.create(ROW, FIRST)

    store.subscriptions.update(ROW, replace(ROW, state="paused"))
    store.subscriptions.update(ROW, replace(ROW, description="theirs"))

    assert store.subscriptions.find("s1") == replace(ROW, state="paused", description="theirs")


def test_another_secret_signs_beside_the_old_one_until_that_expires(database: Database) -> None:
    store = database.of("default")
    store.subscriptions.create(ROW, FIRST)

    store.subscriptions.add_secret(SecretRow("s1", "sec_2", "sealed-2", 10, None), retire_at=20)

    def valid(at: int) -> list[str]:
        return [secret.secret_id for secret in store.subscriptions.secrets(at)["s1"]]

    assert (valid(19), valid(20)) == (["sec_2", "sec_1"], ["sec_2"])


def test_a_secret_that_expires_sooner_is_not_kept_longer(database: Database) -> None:
    store = database.of("default")
    store.subscriptions.create(ROW, FIRST)
    store.subscriptions.add_secret(SecretRow("s1", "sec_2", "sealed-2", 10, None), retire_at=20)

    store.subscriptions.add_secret(SecretRow("s1", "sec_3", "sealed-3", 11, None), retire_at=90)

    expiries = {secret.secret_id: secret.expires_at for secret in store.subscriptions.secrets(12)["s1"]}
    assert expiries == {"sec_1": 20, "sec_2": 90, "sec_3": None}


def test_at_most_four_secrets_are_valid_at_once(database: Database) -> None:
    store = database.of("default")
    store.subscriptions.create(ROW, FIRST)
    for number in (2, 3, 4):
        store.subscriptions.add_secret(SecretRow("s1", f"sec_{number}", "sealed", 10, None), retire_at=50)

    with pytest.raises(Conflict, match="4 secrets"):
        store.subscriptions.add_secret(SecretRow("s1", "sec_5", "sealed", 11, None), retire_at=50)
    store.subscriptions.add_secret(SecretRow("s1", "sec_5", "sealed", 60, None), retire_at=90)

    assert [secret.secret_id for secret in store.subscriptions.secrets(61)["s1"]] == ["sec_5", "sec_4"]


def test_a_secret_that_leaked_is_replaced_at_once_however_many_are_valid(database: Database) -> None:
    store = database.of("default")
    store.subscriptions.create(ROW, FIRST)
    for number in (2, 3, 4):
        store.subscriptions.add_secret(SecretRow("s1", f"sec_{number}", "sealed", 10, None), retire_at=50)

    store.subscriptions.add_secret(SecretRow("s1", "sec_5", "sealed", 11, None), retire_at=11)

    assert [secret.secret_id for secret in store.subscriptions.secrets(12)["s1"]] == ["sec_5"]


def test_what_is_not_there_is_not_changed(database: Database) -> None:
    store = database.of("default")

    with pytest.raises(NotFound):
        store.subscriptions.update(ROW, ROW)
    with pytest.raises(NotFound):
        store.subscriptions.delete("s1")
    with pytest.raises(NotFound):
        store.subscriptions.add_secret(FIRST, retire_at=9)
