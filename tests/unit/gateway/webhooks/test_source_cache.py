"""Sources are remembered for seconds, with the secrets that are good."""

import pytest

from gateway.webhooks.source_cache import SourceCache, is_source_id, new_source_id
from shared.contracts.seal import Seal
from shared.errors import StoreUnavailable
from shared.store import SourceRow, SourceSecretRow

SEAL = Seal(b"k" * 32)
ID = new_source_id()


class Store:
    def __init__(self, seal: Seal = SEAL) -> None:
        secrets = (SourceSecretRow("s1", seal.seal("old"), 1, 10), SourceSecretRow("s2", seal.seal("new"), 2))
        self.row = SourceRow("acme", ID, "mail", "sendgrid", True, {}, 1, secrets=secrets)
        self.asked = 0

    def source(self, source_id: str) -> SourceRow | None:
        self.asked += 1
        return self.row if source_id == ID else None


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_source_is_read_once_in_a_while_and_an_unknown_one_too() -> None:
    store, clock = Store(), Clock()
    source_cache = SourceCache(store, SEAL, fresh_seconds=5, monotonic=clock)
    unknown = new_source_id()

    for source_id in (ID, ID, unknown, unknown):
        source_cache.source(source_id, 1)
    assert store.asked == 2
    clock.now = 6
    source_cache.source(ID, 1)
    source_cache.forget(ID)
    source_cache.source(ID, 1)
    assert store.asked == 4


def test_what_cannot_be_an_address_never_reaches_the_store() -> None:
    store = Store()

    assert SourceCache(store, SEAL, fresh_seconds=5).source("src_'; drop table", 1) is None
    assert store.asked == 0


def test_a_secret_ends_at_its_instant() -> None:
    known = SourceCache(Store(), SEAL, fresh_seconds=5).source(ID, 1)

    assert known is not None
    assert [list(known.credentials(at).secrets) for at in (9, 10)] == [["old", "new"], ["new"]]


def test_secrets_sealed_with_another_key_are_a_reason_to_come_again() -> None:
    source_cache = SourceCache(Store(Seal(b"x" * 32)), SEAL, fresh_seconds=5)

    with pytest.raises(StoreUnavailable, match="FORETELL_IDENTITY_KEY"):
        source_cache.source(ID, 1)


def test_an_address_has_the_shape_of_one() -> None:
    assert is_source_id(ID)
    assert not is_source_id(ID + "x")
