"""Sources of webhooks: made, found by their address, held while a batch is taken, rotated."""

import json
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from shared.contracts.rows import Microseconds
from shared.errors import Conflict, NotFound
from shared.store.rows import SourceRow, SourceSecretRow
from shared.store.scope import Scope
from shared.store.webhook_tables import SourceSecretTable, SourceTable


class Sources(Scope):
    """The sources of one account."""

    def add_source(self, source: SourceRow) -> None:
        """Keep a source with its sealed secrets.

        Raises:
            Conflict: the account has one of that name.
        """
        values = {
            "account_id": self.account,
            "source_id": source.source_id,
            "name": source.name,
            "provider": source.provider,
            "creates_contacts": source.creates_contacts,
            "settings": json.dumps(source.settings, sort_keys=True),
            "created_at": source.created_at,
        }
        try:
            with self._writing() as connection:
                connection.execute(insert(SourceTable), values)
                if source.secrets:
                    rows = [self._secret(source.source_id, secret) for secret in source.secrets]
                    connection.execute(insert(SourceSecretTable), rows)
                self._audit(connection, "source.created", source.name, provider=source.provider)
        except IntegrityError as error:
            raise Conflict(f"There is a source named {source.name} already; choose another name.") from error

    def sources(self) -> list[SourceRow]:
        """List the sources by name."""
        with self._reading() as connection:
            return source_rows(connection, SourceTable.account_id == self.account)

    def source(self, source_id: str) -> SourceRow | None:
        """Find a source of this account."""
        mine = (SourceTable.account_id == self.account) & (SourceTable.source_id == source_id)
        with self._reading() as connection:
            return next(iter(source_rows(connection, mine)), None)

    def remove_source(self, source_id: str) -> bool:
        """Forget a source and its secrets: what comes from now on is refused; tell whether there was one."""
        with self._writing() as connection:
            for table in (SourceSecretTable, SourceTable):
                mine = (table.account_id == self.account) & (table.source_id == source_id)
                removed = connection.execute(delete(table).where(mine))
            if removed.rowcount:
                self._audit(connection, "source.removed", source_id)
        return bool(removed.rowcount)

    def add_source_secret(self, source_id: str, secret: SourceSecretRow, *, others_expire_at: Microseconds) -> None:
        """Give a source a further secret; those that it has go on being good for a while.

        Args:
            source_id: whose.
            secret: the new one, sealed.
            others_expire_at: when the others end, unless they end before.

        Raises:
            NotFound: there is no such source.
        """
        table = SourceSecretTable
        with self._writing() as connection:
            _hold(connection, self.account, source_id, SourceTable.last_received_at)
            connection.execute(
                update(table)
                .where(table.account_id == self.account, table.source_id == source_id)
                .where(or_(table.expires_at.is_(None), table.expires_at > others_expire_at))
                .values(expires_at=others_expire_at)
            )
            connection.execute(insert(table), self._secret(source_id, secret))
            self._audit(connection, "source.secret_added", source_id, secret=secret.secret_id)

    def hold_source(self, source_id: str, *, received_at: Microseconds) -> None:
        """Note that a source sent something; inside a transaction, batches of one source then take turns.

        Raises:
            NotFound: it was removed.
        """
        with self._writing() as connection:
            _hold(connection, self.account, source_id, received_at)

    def _secret(self, source_id: str, secret: SourceSecretRow) -> dict[str, object]:
        return {"account_id": self.account, "source_id": source_id, **secret._asdict()}


def source_rows(connection: Connection, which: ColumnElement[bool]) -> list[SourceRow]:
    """Read sources with their secrets, by name."""
    table, secret = SourceTable, SourceSecretTable
    sources = select(
        table.account_id,
        table.source_id,
        table.name,
        table.provider,
        table.creates_contacts,
        table.settings,
        table.created_at,
        table.last_received_at,
    )
    joined = (
        select(secret.source_id, secret.secret_id, secret.sealed, secret.created_at, secret.expires_at)
        .join(table, (table.account_id == secret.account_id) & (table.source_id == secret.source_id))
        .where(which)
        .order_by(secret.created_at, secret.secret_id)
    )
    found = list(connection.execute(sources.where(which).order_by(table.account_id, table.name)))
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
    """Tell which secrets of a source are good at an instant."""
    return [secret for secret in source.secrets if secret.expires_at is None or secret.expires_at > at]


def _hold(connection: Connection, account: str, source_id: str, received_at: object) -> None:
    table = SourceTable
    mine = (table.account_id == account) & (table.source_id == source_id)
    held = connection.execute(update(table).where(mine).values(last_received_at=received_at))
    if not held.rowcount:
        raise NotFound("There is no such source in this account; GET /sources lists those that there are.")
