from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from shared.contracts.message_variant import BandRule, Eligibility, MessageVariant, MessageVariantFields
from shared.errors import Conflict, NotFound
from shared.store import Database, MessageChange, StoredMessage
from shared.store.message_variants import MessageVariants

MAY, JUNE = datetime(2026, 5, 1, 8, 30, 0, 7, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
SALE = MessageVariant(
    id="sale",
    name="Summer sale",
    attributes={"topic": "sale", "channel": "email"},
    **{"from": MAY},
    until=JUNE,
    eligible=Eligibility(
        attributes={"country": ("DE", "AT"), "age": (30.0, 31.5), "vip": (True,)},
        segments=("s1",),
        bands=(BandRule(capability="scoring", outcome="order", bands=("high", "very_high")),),
    ),
    cap_per_week=2,
    cooldown_hours=1.5,
    active=False,
)


def change(message_id: str, **fields: object) -> MessageChange:
    return MessageChange(message_id, MessageVariantFields.model_validate(fields).given())


def messages_of(database: Database, *names: str) -> MessageVariants:
    messages = database.of("default").experiments.messages
    messages.put([change(name) for name in names], at=10)
    return messages


def test_a_message_is_read_back_as_it_was_written(database: Database) -> None:
    messages = database.of("default").experiments.messages

    words = messages.put([MessageChange("sale", SALE.given()), change("plain")], at=10)

    assert words == ["created", "created"]
    assert messages.find("sale") == StoredMessage(SALE, 10)
    assert messages.all() == [MessageVariant(id="plain"), SALE]


def test_what_a_change_leaves_out_stays_and_null_takes_it_away(database: Database) -> None:
    messages = database.of("default").experiments.messages
    messages.put([MessageChange("sale", SALE.given())], at=10)

    words = messages.put([change("sale", name=None, until=None, active=True)], at=20)

    assert words == ["updated"]
    changed = SALE.model_copy(update={"name": None, "until": None, "active": True})
    assert messages.find("sale") == StoredMessage(changed, 20)


def test_a_message_that_would_end_before_it_begins_is_refused_alone(database: Database) -> None:
    messages = database.of("default").experiments.messages
    messages.put([change("a", **{"from": MAY})], at=10)

    words = messages.put([change("a", until=MAY), change("b", name="B")], at=20)

    assert words == ["refused", "created"]
    assert [one.until for one in messages.all()] == [None, None]


def test_the_revision_moves_with_each_change_and_with_nothing_else(database: Database) -> None:
    messages = database.of("default").experiments.messages
    seen = [messages.revision()]

    for act in (
        lambda: messages.put([change("a")], at=10),
        lambda: messages.put([change("a")], at=20),
        lambda: messages.put([change("a", name="A")], at=5),
        lambda: messages.put([change("b")], at=20, creates=False),
        lambda: messages.add_missing(["a"], at=30),
        lambda: messages.delete(["a"], at=40),
        lambda: messages.delete(["a"], at=50),
    ):
        act()
        seen.append(messages.revision())

    assert seen == [0, 10, 10, 11, 11, 11, 40, 40]


def test_what_another_tool_chose_is_made_and_does_not_run(database: Database) -> None:
    messages = messages_of(database, "known")

    assert messages.add_missing(["new", "known", "new"], at=20) == ["new"]

    assert [(one.id, one.active) for one in messages.all()] == [("known", True), ("new", False)]


def test_the_salt_is_drawn_once_an_account(database: Database) -> None:
    database.create_account("other", created_at=1)
    messages, other = database.of("default").experiments.messages, database.of("other").experiments.messages
    assert messages.salt() is None

    messages.put([change("a")], at=10)
    salt = messages.salt()
    messages.delete(["a"], at=20)
    messages.put([change("b")], at=30)
    other.put([change("a")], at=10)

    assert salt is not None
    assert len(bytes.fromhex(salt)) == 16
    assert messages.salt() == salt != other.salt()


def test_messages_are_listed_by_id_a_page_at_a_time(database: Database) -> None:
    messages = messages_of(database, "c", "a", "b")

    assert [one.message.id for one in messages.page(2)] == ["a", "b"]
    assert [one.message.id for one in messages.page(2, after="b")] == ["c"]


def test_an_account_has_at_most_so_many_messages(database: Database) -> None:
    messages = messages_of(database, "a", "b")

    with pytest.raises(Conflict, match="at most 2 messages"):
        messages.put([change("c")], at=20, most=2)
    with pytest.raises(Conflict, match="at most 2 messages"):
        messages.add_missing(["c"], at=20, most=2)

    assert messages.put([change("a", name="A")], at=20, most=2) == ["updated"]
    assert [one.id for one in messages.all()] == ["a", "b"]


def test_a_deleted_message_is_gone_and_noted(database: Database) -> None:
    messages = database.of("default").acting("somebody", at=10).experiments.messages
    messages.put([change("a")], at=10)

    assert messages.delete(["a", "unknown"], at=20) == 1

    assert messages.find("a") is None
    assert [(row.action, row.target) for row in database.of("default").audit.page(9)] == [("message.deleted", "a")]


def test_no_message_comes_into_an_account_that_is_not_there(database: Database) -> None:
    with pytest.raises(NotFound, match="nobody"):
        database.of("nobody").experiments.messages.put([change("a")], at=10)


def test_those_who_write_at_once_lose_nothing(database: Database) -> None:
    messages = database.of("default").experiments.messages

    with ThreadPoolExecutor(6) as pool:
        words = list(pool.map(lambda number: messages.put([change(f"m-{number}")], at=10), range(12)))

    assert words == [["created"]] * 12
    assert len(messages.all()) == 12
    assert messages.revision() == 21
