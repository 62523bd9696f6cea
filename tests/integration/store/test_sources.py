from contextlib import suppress

import pytest

from shared.errors import Conflict, NotFound
from shared.store import Database, DeadLetterRow, SourceRow, SourceSecretRow, active_secrets

SOURCE = SourceRow(
    "default", "src_1", "mail", "sendgrid", True, {"topics": ["a"]}, 5, None, (SourceSecretRow("s1", "sealed", 5),)
)
LETTER = DeadLetterRow("dl_1", "src_1", "sendgrid", "unknown_contact", "detail", "{}", "hash", 10)


def test_a_source_is_found_by_its_address_in_whichever_account(database: Database) -> None:
    database.of("default").add_source(SOURCE)

    assert database.source("src_1") == SOURCE
    assert database.source("src_2") is None
    assert database.of("default").sources() == [SOURCE]


def test_a_name_is_taken_once_in_an_account(database: Database) -> None:
    database.create_account("other", created_at=1)
    database.of("default").add_source(SOURCE)
    database.of("other").add_source(SOURCE._replace(account="other", source_id="src_2"))

    with pytest.raises(Conflict, match="mail"):
        database.of("default").add_source(SOURCE._replace(source_id="src_3"))


def test_a_new_secret_lets_the_older_ones_end_but_not_later_than_before(database: Database) -> None:
    store = database.of("default")
    store.add_source(SOURCE)
    store.add_source_secret("src_1", SourceSecretRow("s2", "sealed", 6), others_expire_at=20)
    store.add_source_secret("src_1", SourceSecretRow("s3", "sealed", 7), others_expire_at=30)

    source = database.source("src_1")

    assert source is not None
    assert [(one.secret_id, one.expires_at) for one in source.secrets] == [("s1", 20), ("s2", 30), ("s3", None)]
    assert [one.secret_id for one in active_secrets(source, 20)] == ["s2", "s3"]


def test_a_removed_source_cannot_be_held_or_rotated(database: Database) -> None:
    store = database.of("default")
    store.add_source(SOURCE)

    assert [store.remove_source("src_1"), store.remove_source("src_1")] == [True, False]
    with pytest.raises(NotFound):
        store.hold_source("src_1", received_at=9)
    with pytest.raises(NotFound):
        store.add_source_secret("src_1", SourceSecretRow("s2", "sealed", 6), others_expire_at=20)


def test_holding_a_source_tells_when_it_sent_last(database: Database) -> None:
    store = database.of("default")
    store.add_source(SOURCE)
    store.hold_source("src_1", received_at=9)

    assert store.sources()[0].last_received_at == 9


def test_a_receipt_is_new_once_for_each_source(database: Database) -> None:
    store = database.of("default")

    told = [
        store.add_receipts("src_1", {"a", "b"}, at=1),
        store.add_receipts("src_1", {"b", "c"}, at=2),
        store.add_receipts("src_2", {"a"}, at=2),
    ]

    assert told == [{"a", "b"}, {"c"}, {"a"}]
    assert store.known_receipts("src_1", {"a", "c", "d"}) == {"a", "c"}


def test_a_receipt_that_is_undone_was_never_noted(database: Database) -> None:
    store = database.of("default")
    with suppress(LookupError), store.transaction() as together:
        together.add_receipts("src_1", {"a"}, at=1)
        raise LookupError

    assert store.add_receipts("src_1", {"a"}, at=2) == {"a"}


def test_old_receipts_and_letters_go_a_batch_at_a_time(database: Database) -> None:
    store = database.of("default")
    store.add_receipts("src_1", {f"r{number}" for number in range(5)}, at=1)
    store.add_receipts("src_1", {"young"}, at=9)
    store.put_dead_letters([LETTER, LETTER._replace(dead_letter_id="dl_2", received_at=20)])

    assert [store.delete_receipts_before(9, limit=3) for _ in range(3)] == [3, 2, 0]
    assert [store.delete_dead_letters_before(20) for _ in range(2)] == [1, 0]
    assert store.known_receipts("src_1", {"r1", "young"}) == {"young"}
    assert [letter.dead_letter_id for letter in store.dead_letters(9)] == ["dl_2"]


def test_dead_letters_are_listed_by_page_source_and_reason(database: Database) -> None:
    store = database.of("default")
    letters = [
        LETTER,
        LETTER._replace(dead_letter_id="dl_0", received_at=11, reason="item_refused"),
        LETTER._replace(dead_letter_id="dl_2", received_at=11, source_id="src_2"),
    ]
    store.put_dead_letters(letters)

    assert store.dead_letters(2) == letters[:2]
    assert store.dead_letters(2, after=(11, "dl_0")) == letters[2:]
    assert store.dead_letters(9, source_id="src_1") == letters[:2]
    assert store.dead_letters(9, reason="item_refused") == letters[1:2]
    assert store.dead_letter("dl_2") == letters[2]


def test_a_letter_of_the_same_id_replaces_the_older_and_can_be_thrown_away(database: Database) -> None:
    store = database.of("default")
    store.put_dead_letters([LETTER])
    store.put_dead_letters([LETTER._replace(reason="item_refused")])

    assert [letter.reason for letter in store.dead_letters(9)] == ["item_refused"]
    store.remove_dead_letters(["dl_1"])
    assert store.dead_letters(9) == []
