import pytest
from sqlalchemy import create_engine, inspect

from shared.settings import Settings
from shared.store import check, downgrade, migrate, open_database


def tables(settings: Settings) -> set[str]:
    found: set[str] = set()
    for url in {settings.resolved_store_url(), settings.resolved_predictions_url()}:
        engine = create_engine(url)
        found |= set(inspect(engine).get_table_names())
        engine.dispose()
    return found


def test_tables_as_migrated_are_tables_as_declared(settings: Settings) -> None:
    migrate(settings)

    check(settings)


def test_up_down_up_leaves_what_up_leaves(settings: Settings) -> None:
    migrate(settings)
    up = tables(settings)

    downgrade(settings)
    down = tables(settings)
    migrate(settings)

    assert down == {"store_revision", "predictions_revision"}
    assert tables(settings) == up
    check(settings)


def test_migrating_twice_keeps_the_rows(settings: Settings) -> None:
    migrate(settings)
    database = open_database(settings)
    database.create_account("default", created_at=1)

    migrate(settings)

    assert [account.name for account in database.accounts()] == ["default"]
    database.close()


def test_two_databases_can_live_in_one_postgresql(settings: Settings) -> None:
    migrate(settings)

    assert {"events", "prediction_log", "store_revision", "predictions_revision"} <= tables(settings)


def test_a_store_that_is_not_migrated_is_unavailable(settings: Settings) -> None:
    from shared.errors import StoreUnavailable

    database = open_database(settings)

    with pytest.raises(StoreUnavailable):
        database.ping()

    database.close()
