"""Give events that were sent without an id, with a currency, message, campaign or item, the id that counts these too.

A fact that is sent again, or a file that is imported again, is then found as the one that is stored. Other events keep
their ids. Read and written some thousand rows at a time, in the order of the key.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from shared.store.migrations.steps import report

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

AT_ONCE = 20_000
KEY = sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql")
EVENTS = sa.table(
    "events",
    sa.column("account_id", KEY),
    sa.column("contact_id", KEY),
    sa.column("event_id", KEY),
    *(sa.column(name) for name in ("type", "occurred_at", "value", "currency", "message_id", "campaign_id", "item")),
    sa.column("properties"),
)
_CHOSEN = (
    EVENTS.c.event_id.like("~%"),
    sa.func.length(EVENTS.c.event_id) == 23,
    sa.or_(*(EVENTS.c[name].is_not(None) for name in ("currency", "message_id", "campaign_id", "item"))),
)
"""Events that were sent without an id and have one of the four fields."""
_KEYS = (EVENTS.c.account_id, EVENTS.c.contact_id, EVENTS.c.event_id)
_there = EVENTS.alias()
_MINE = (
    EVENTS.c.account_id == sa.bindparam("account"),
    EVENTS.c.contact_id == sa.bindparam("contact"),
    EVENTS.c.event_id == sa.bindparam("old"),
)
_TAKEN = sa.exists().where(
    _there.c.account_id == sa.bindparam("account"),
    _there.c.contact_id == sa.bindparam("contact"),
    _there.c.event_id == sa.bindparam("new"),
)
_RENAME = sa.update(EVENTS).where(*_MINE, ~_TAKEN).values(event_id=sa.bindparam("new"))
_DELETE = sa.delete(EVENTS).where(*_MINE)


def upgrade() -> None:
    rewrite(op.get_bind(), _id_of_before, _id_of_now, _report)


def downgrade() -> None:
    rewrite(op.get_bind(), _id_of_now, _id_of_before, _report)


def _report(done: int, total: int) -> None:
    report("events: giving those without an id a new one", done, total)


def rewrite(
    connection: sa.Connection,
    old: Callable[[Any], str],
    new: Callable[[Any], str],
    progress: Callable[[int, int], None],
) -> None:
    """Give events whose id follows one rule the id that follows another; what is there under it already stays."""
    total = connection.scalar(sa.select(sa.func.count()).select_from(EVENTS).where(*_CHOSEN)) or 0
    done = 0
    for rows in _pages(connection):
        progress(min(done, total), total)  # one whose new id lies further on is seen twice
        done += len(rows)
        moved = [
            {"account": row.account_id, "contact": row.contact_id, "old": row.event_id, "new": new(row)}
            for row in rows
            if row.event_id == old(row)
        ]
        if not moved:
            continue
        renamed = connection.execute(_RENAME, moved).rowcount
        if renamed < len(moved):  # the same fact is there under its new id already
            connection.execute(_DELETE, moved)
    if total:
        progress(total, total)


def _pages(connection: sa.Connection) -> Iterator[Sequence[Any]]:
    """Read the events that are chosen, each page before it changes."""
    after: tuple[str, str, str] | None = None
    while True:
        statement = sa.select(*EVENTS.c).where(*_CHOSEN).order_by(*_KEYS).limit(AT_ONCE)
        if after is not None:
            statement = statement.where(sa.tuple_(*_KEYS) > after)
        rows = connection.execute(statement).all()
        if not rows:
            return
        yield rows
        after = (rows[-1].account_id, rows[-1].contact_id, rows[-1].event_id)


def _id_of_before(row: Any) -> str:
    return _hashed(_encoded(row))


def _id_of_now(row: Any) -> str:
    told = (row.currency, row.message_id, row.campaign_id, row.item)
    return _hashed("".join("-" if part is None else f"+{len(part)}:{part}" for part in told) + _encoded(row))


def _encoded(row: Any) -> str:
    amount = "" if row.value is None else repr(row.value + 0.0)
    contact, kind = row.contact_id, row.type
    return f"{len(contact)}:{contact}{len(kind)}:{kind}{row.occurred_at};{amount};{row.properties or ''}"


def _hashed(encoded: str) -> str:
    return "~" + urlsafe_b64encode(hashlib.blake2b(encoded.encode(), digest_size=16).digest())[:22].decode()
