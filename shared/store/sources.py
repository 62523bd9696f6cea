"""Sources of webhooks: made, found by their address, held while a batch is taken, rotated."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    ForeignKeyConstraint,
    UniqueConstraint,
    or_,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import Microseconds
from shared.errors import Conflict, NotFound
from shared.store.dead_letters import DeadLetters
from shared.store.schema import (
    Instant,
    KeyText,
    LongText,
    OptionalInstant,
    StoreTable,
)
from shared.store.scope import AccountConnection, AnySelect, Scope


class SourceTable(StoreTable):
    """Where webhooks come from: an address of its own for each provider and account."""

    __tablename__ = "sources"
    # Without the account in front: the address leads to the account.
    __table_args__: Any = (UniqueConstraint("source_id"), UniqueConstraint("account_id", "name"))

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    source_id: Mapped[KeyText] = mapped_column(primary_key=True)
    name: Mapped[KeyText]
    provider: Mapped[str]
    creates_contacts: Mapped[bool]
    settings: Mapped[LongText]
    """JSON: what else the provider needs, such as the topics that may be confirmed."""
    created_at: Mapped[Instant]
    last_received_at: Mapped[OptionalInstant]


class SourceSecretTable(StoreTable):
    """Secrets of a source, sealed; several are active while one is being replaced."""

    __tablename__ = "source_secrets"
    __table_args__: Any = (
        ForeignKeyConstraint(["account_id", "source_id"], ["sources.account_id", "sources.source_id"]),
    )

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    source_id: Mapped[KeyText] = mapped_column(primary_key=True)
    secret_id: Mapped[KeyText] = mapped_column(primary_key=True)
    sealed: Mapped[LongText]
    created_at: Mapped[Instant]
    expires_at: Mapped[OptionalInstant]


class SourceSecretRow(NamedTuple):
    """A secret of a source, sealed."""

    secret_id: str
    sealed: str
    created_at: Microseconds
    expires_at: Microseconds | None = None


class SourceRow(NamedTuple):
    """Where webhooks come from."""

    account: str
    source_id: str
    name: str
    provider: str
    creates_contacts: bool
    settings: Mapping[str, Any]
    created_at: Microseconds
    last_received_at: Microseconds | None = None
    secrets: tuple[SourceSecretRow, ...] = ()
    """Expired ones too, oldest first."""


COLUMNS = (
    SourceTable.account_id,
    SourceTable.source_id,
    SourceTable.name,
    SourceTable.provider,
    SourceTable.creates_contacts,
    SourceTable.settings,
    SourceTable.created_at,
    SourceTable.last_received_at,
)
SECRET_COLUMNS = tuple(
    getattr(SourceSecretTable, name) for name in ("source_id", "secret_id", "sealed", "created_at", "expires_at")
)


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of one account."""

    _scope: Scope

    @property
    def dead_letters(self) -> DeadLetters:
        """Items that they sent and that could not be taken."""
        return DeadLetters(self._scope)

    def add(self, source: SourceRow) -> None:
        """Keep a source with its sealed secrets.

        Raises:
            Conflict: the account has one of that name.
        """
        values = {
            "source_id": source.source_id,
            "name": source.name,
            "provider": source.provider,
            "creates_contacts": source.creates_contacts,
            "settings": json.dumps(source.settings, sort_keys=True),
            "created_at": source.created_at,
        }
        try:
            with self._scope.writing() as connection:
                connection.insert(SourceTable, [values])
                if source.secrets:
                    rows = [_secret(source.source_id, secret) for secret in source.secrets]
                    connection.insert(SourceSecretTable, rows)
                connection.audit("source.created", source.name, provider=source.provider)
        except IntegrityError as error:
            raise Conflict(f"There is a source named {source.name} already; choose another name.") from error

    def all(self) -> list[SourceRow]:
        """List the sources by name."""
        with self._scope.reading() as connection:
            return self._rows(connection)

    def find(self, source_id: str) -> SourceRow | None:
        """Find a source of this account."""
        mine = SourceTable.source_id == source_id
        with self._scope.reading() as connection:
            return next(iter(self._rows(connection, mine)), None)

    def remove(self, source_id: str) -> bool:
        """Forget a source and its secrets: what comes from now on is refused. Whether there was one."""
        with self._scope.writing() as connection:
            for table in (SourceSecretTable, SourceTable):
                mine = table.source_id == source_id
                removed = connection.execute(self._scope.delete(table).where(mine))
            if removed.rowcount:
                connection.audit("source.removed", source_id)
        return bool(removed.rowcount)

    def add_secret(self, source_id: str, secret: SourceSecretRow, *, others_expire_at: Microseconds) -> None:
        """Give a source a further secret; those that it has go on being good for a while.

        Args:
            source_id: whose.
            secret: the new one, sealed.
            others_expire_at: when the others end, unless they end before.

        Raises:
            NotFound: there is no such source.
        """
        table = SourceSecretTable
        with self._scope.writing() as connection:
            _hold(connection, source_id, SourceTable.last_received_at)
            connection.execute(
                self._scope.update(table)
                .where(table.source_id == source_id)
                .where(or_(table.expires_at.is_(None), table.expires_at > others_expire_at))
                .values(expires_at=others_expire_at)
            )
            connection.insert(table, [_secret(source_id, secret)])
            connection.audit("source.secret_added", source_id, secret=secret.secret_id)

    def hold(self, source_id: str, *, received_at: Microseconds) -> None:
        """Note that a source sent something; inside a transaction, batches of one source then take turns.

        Raises:
            NotFound: it was removed.
        """
        with self._scope.writing() as connection:
            _hold(connection, source_id, received_at)

    def _rows(self, connection: AccountConnection, *which: ColumnElement[bool]) -> list[SourceRow]:
        sources = self._scope.select(*COLUMNS).where(*which)
        return source_rows(connection, sources, self._scope.select(*SECRET_COLUMNS, of=SourceTable).where(*which))


def source_rows(
    connection: AccountConnection | Connection, sources: AnySelect, secrets_of: AnySelect
) -> list[SourceRow]:
    """Read sources with their secrets, by name.

    Args:
        connection: open for reading.
        sources: selects COLUMNS.
        secrets_of: selects SECRET_COLUMNS of the same sources, whose table is joined here.
    """
    table, secret = SourceTable, SourceSecretTable
    joined = secrets_of.join(table, (table.account_id == secret.account_id) & (table.source_id == secret.source_id))
    joined = joined.order_by(secret.created_at, secret.secret_id)
    found = list(connection.execute(sources.order_by(table.account_id, table.name)))
    secrets: dict[str, list[SourceSecretRow]] = {}
    for source_id, secret_id, sealed, created_at, expires_at in connection.execute(joined):
        secrets.setdefault(source_id, []).append(SourceSecretRow(secret_id, sealed, created_at, expires_at))
    return [
        SourceRow(
            account=row.account_id,
            source_id=row.source_id,
            name=row.name,
            provider=row.provider,
            creates_contacts=row.creates_contacts,
            settings=json.loads(row.settings),
            created_at=row.created_at,
            last_received_at=row.last_received_at,
            secrets=tuple(secrets.get(row.source_id, ())),
        )
        for row in found
    ]


def active_secrets(source: SourceRow, at: Microseconds) -> Sequence[SourceSecretRow]:
    """Return which secrets of a source are good at an instant."""
    return [secret for secret in source.secrets if secret.expires_at is None or secret.expires_at > at]


def _hold(connection: AccountConnection, source_id: str, received_at: object) -> None:
    table = SourceTable
    mine = table.source_id == source_id
    held = connection.execute(connection.update(table).where(mine).values(last_received_at=received_at))
    if not held.rowcount:
        raise NotFound("There is no such source in this account; GET /sources lists those that there are.")


def _secret(source_id: str, secret: SourceSecretRow) -> dict[str, Any]:
    return {"source_id": source_id, **secret._asdict()}
