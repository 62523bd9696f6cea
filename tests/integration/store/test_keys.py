import pytest

from shared.errors import Conflict, NotFound
from shared.store import Database


def test_a_key_is_found_touched_and_revoked(database: Database) -> None:
    store = database.of("default")
    store.keys.create("crm", ["read", "predict"], public_id="pub", digest=b"\x00d", created_at=1, expires_at=99)

    database.touch_keys({"pub": 7, "unknown": 8})
    database.touch_keys({"pub": 6})
    store.keys.revoke("pub", 8)
    store.keys.revoke("pub", 9)

    found = database.key("pub")
    assert found is not None
    assert found == ("pub", "default", b"\x00d", ("read", "predict"), "crm", 1, 7, 8, 99)
    assert database.key("unknown") is None


def test_a_rotated_key_is_valid_for_as_long_as_stated_or_until_its_own_end(database: Database) -> None:
    store = database.of("default")
    store.keys.create("crm", ["read"], public_id="endless", digest=b"a", created_at=1)
    store.keys.create("crm", ["read"], public_id="short", digest=b"b", created_at=1, expires_at=11)
    endless, short = store.keys.all()

    store.keys.rotate(endless, public_id="new-1", digest=b"c", at=5, old_until=50)
    store.keys.rotate(short, public_id="new-2", digest=b"d", at=5, old_until=50)

    rows = store.keys.all()
    ends = {row.public_id: (row.name, row.scopes, row.expires_at) for row in rows}
    assert ends == {
        "endless": ("crm", ("read",), 50),
        "short": ("crm", ("read",), 11),
        "new-1": ("crm", ("read",), None),
        "new-2": ("crm", ("read",), 15),
    }


def test_a_public_id_is_taken_once_over_all_accounts(database: Database) -> None:
    database.create_account("other", created_at=1)
    database.of("default").keys.create("k", ["read"], public_id="pub", digest=b"d", created_at=1)

    with pytest.raises(Conflict):
        database.of("other").keys.create("k", ["read"], public_id="pub", digest=b"e", created_at=1)
    with pytest.raises(NotFound):
        database.of("other").keys.revoke("pub", 2)
