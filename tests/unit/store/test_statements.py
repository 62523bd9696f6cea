import pytest
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import aliased

from shared.store.events import EventTable
from shared.store.keys import KeyTable
from shared.store.scope import AccountConnection, delete_of, select_of, update_of
from shared.store.segments import SegmentNameTable


def text_of(statement: object) -> str:
    return " ".join(str(statement).split())


def test_every_table_of_the_columns_is_filtered_by_the_account() -> None:
    statement = select_of("acme", EventTable.type, KeyTable.name)

    assert "events.account_id = :account_id_1 AND keys.account_id = :account_id_2" in text_of(statement)


def test_another_name_of_a_table_is_filtered_by_the_account_too() -> None:
    there = aliased(EventTable)

    assert text_of(select_of("acme", there.type)).endswith("WHERE events_1.account_id = :account_id_1")


def test_a_table_that_only_a_function_names_is_filtered_by_the_account() -> None:
    statement = select_of("acme", KeyTable.name, func.max(EventTable.occurred_at))

    assert "events.account_id" in text_of(statement)
    assert "keys.account_id" in text_of(statement)


def test_a_count_says_of_which_table() -> None:
    with pytest.raises(ValueError, match="which table"):
        select_of("acme", func.count())

    assert text_of(select_of("acme", func.count(), of=KeyTable)).endswith("WHERE keys.account_id = :account_id_1")


def test_changes_and_deletions_begin_with_the_account() -> None:
    assert text_of(update_of("acme", KeyTable).values(name="x")).endswith("WHERE keys.account_id = :account_id_1")
    assert text_of(delete_of("acme", KeyTable)) == "DELETE FROM keys WHERE keys.account_id = :account_id_1"


def test_no_row_is_written_into_another_account_whatever_it_says() -> None:
    engine = create_engine("sqlite://")
    SegmentNameTable.__table__.create(engine)
    row = {"account_id": "globex", "segment_id": "s1", "name": "Regulars", "renamed_at": 1}

    with engine.begin() as open_one:
        connection = AccountConnection(open_one, "acme", "", None)
        connection.insert(SegmentNameTable, [row])
        connection.upsert(SegmentNameTable, [{**row, "name": "Frequent"}])
        found = open_one.execute(select(SegmentNameTable.account_id, SegmentNameTable.name)).all()
    engine.dispose()

    assert found == [("acme", "Frequent")]
