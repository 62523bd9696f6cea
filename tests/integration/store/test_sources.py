from contextlib import suppress

import pytest

from shared.errors import Conflict, NotFound
from shared.store import Database, DeadLetterRow, SourceRow, SourceSecretRow, active_secrets

SOURCE = SourceRow(
    "default", "src_1", "mail", "sendgrid", True, {"topics": ["a"]}, 5, None, (SourceSecretRow("s1", "sealed", 5),)
)
LETTER = DeadLetterRow("dl_1", "src_1", "sendgrid", "unknown_contact", "detail", "{}", "hash", 10)


def test_a_source_is_found_by_its_address_in_whichever_account(database: Database) -> None:
    database.of("default").sources.add(SOURCE)

    assert database.source("src_1") == SOURCE
    assert database.source("src_2") is None
    assert database.of("default").sources.all() == [SOURCE]


def test_a_name_is_taken_once_in_an_account(database: Database) -> None:
    database.create_account("other", created_at=1)
    database.of("default").sources.add(SOURCE)
    database.of("other").sources.add(SOURCE._replace(account="other", source_id="src_2"))

    with pytest.raises(Conflict, match="mail"):
        database.of("default").sources.add(SOURCE._replace(source_id="src_3"))


def test_a_new_secret_lets_the_older_ones_end_but_not_later_than_before(database: Database) -> None:
    store = database.of("default")
    store.sources.add(SOURCE)
    store.sources.add_secret("src_1", SourceSecretRow("s2", "sealed", 6), others_expire_at=20)
    store.sources.add_secret("src_1", SourceSecretRow("s3", "sealed", 7), others_expire_at=30)

    source = database.source("src_1")

    assert source is not None
    assert [(one.secret_id, one.expires_at) for one in source.secrets] == [("s1", 20), ("s2", 30), ("s3", None)]
    assert [one.secret_id for one in active_secrets(source, 20)] == ["s2", "s3"]


def test_a_removed_source_cannot_be_held_or_rotated(database: Database) -> None:
    store = database.of("default")
    store.sources.add(SOURCE)

    assert [store.sources.remove("src_1"), store.sources.remove("src_1")] == [True, False]
    with pytest.raises(NotFound):
        store.sources.hold("src_1", received_at=9)
    with pytest.raises(NotFound):
        store.sources.add_secret("src_1", SourceSecretRow("s2", "sealed", 6), others_expire_at=20)


def test_holding_a_source_reports_when_it_sent_last(database: Database) -> None:
    store = database.of("default")
    store.sources.add(SOURCE)
    store.sources.hold("src_1", received_at=9)

    assert store.sources.all()[0].last_received_at == 9


def test_a_receipt_is_new_once_for_each_source(database: Database) -> None:
    store = database.of("default")

    told = [
        store.idempotency.add_received("src_1", {"a", "b"}, at=1),
        store.idempotency.add_received("src_1", {"b", "c"}, at=2),
        store.idempotency.add_received("src_2", {"a"}, at=2),
    ]

    assert told == [{"a", "b"}, {"c"}, {"a"}]
    assert store.idempotency.received("src_1", {"a", "c", "d"}) == {"a", "c"}


def test_a_receipt_that_is_undone_was_never_noted(database: Database) -> None:
    store = database.of("default")
    with suppress(LookupError), store.transaction() as together:
        together.idempotency.add_received("src_1", {"a"}, at=1)
        raise LookupError

    assert store.idempotency.add_received("src_1", {"a"}, at=2) == {"a"}


def test_old_receipts_and_letters_go_a_batch_at_a_time(database: Database) -> None:
    store = database.of("default")
    store.idempotency.add_received("src_1", {f"r{number}" for number in range(5)}, at=1)
    store.idempotency.add_received("src_1", {"young"}, at=9)
    store.sources.dead_letters.put([LETTER, LETTER._replace(dead_letter_id="dl_2", received_at=20)])

    assert [store.idempotency.delete_received_before(9, limit=3) for _ in range(3)] == [3, 2, 0]
    assert [store.sources.dead_letters.delete_before(20) for _ in range(2)] == [1, 0]
    assert store.idempotency.received("src_1", {"r1", "young"}) == {"young"}
    assert [letter.dead_letter_id for letter in store.sources.dead_letters.page(9)] == ["dl_2"]


def test_dead_letters_are_listed_by_page_source_and_reason(database: Database) -> None:
    store = database.of("default")
    letters = [
        LETTER,
        LETTER._replace(dead_letter_id="dl_0", received_at=11, reason="item_refused"),
        LETTER._replace(dead_letter_id="dl_2", received_at=11, source_id="src_2"),
    ]
    store.sources.dead_letters.put(letters)

    assert store.sources.dead_letters.page(2) == letters[:2]
    assert store.sources.dead_letters.page(2, after=(11, "dl_0")) == letters[2:]
    assert store.sources.dead_letters.page(9, source_id="src_1") == letters[:2]
    assert store.sources.dead_letters.page(9, reason="item_refused") == letters[1:2]
    assert store.sources.dead_letters.find("dl_2") == letters[2]


def test_a_letter_of_the_same_id_replaces_the_older_and_can_be_thrown_away(database: Database) -> None:
    store = database.of("default")
    store.sources.dead_letters.put([LETTER])
    store.sources.dead_letters.put([LETTER._replace(reason="item_refused")])

    assert [letter.reason for letter in store.sources.dead_letters.page(9)] == ["item_refused"]
    store.sources.dead_letters.remove(["dl_1"])
    assert store.sources.dead_letters.page(9) == []
