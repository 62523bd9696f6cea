"""Keys of an account: made, listed, revoked."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from shared.contracts.rows import Microseconds
from shared.errors import Conflict, NotFound
from shared.store.rows import KeyRow
from shared.store.scope import Scope
from shared.store.tables import KeyTable


class Keys(Scope):
    """The keys of one account."""

    def create_key(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        public_id: str,
        digest: bytes,
        created_at: Microseconds,
        expires_at: Microseconds | None = None,
    ) -> None:
        """Keep a key's digest and what it may do.

        Args:
            name: what people call it.
            scopes: of predict, ingest, read, admin.
            public_id: the part of the key that may be shown; unique over all accounts.
            digest: SHA-256 of the whole key.
            created_at: now.
            expires_at: from then on it is refused; None: never.

        Raises:
            Conflict: the public id is taken.
        """
        values = {
            "account_id": self.account,
            "public_id": public_id,
            "digest": digest,
            "scopes": " ".join(scopes),
            "name": name,
            "created_at": created_at,
            "expires_at": expires_at,
        }
        try:
            with self._writing() as connection:
                connection.execute(insert(KeyTable), values)
                self._audit(connection, "key.created", public_id, scopes=list(scopes), name=name)
        except IntegrityError as error:
            raise Conflict("A key with this public id exists already.") from error

    def keys(self) -> list[KeyRow]:
        """List the account's keys, revoked ones too, oldest first."""
        with self._store.reading() as connection:
            return key_rows(connection, KeyTable.account_id == self.account)

    def rotate_key(
        self, old: KeyRow, *, public_id: str, digest: bytes, at: Microseconds, old_until: Microseconds
    ) -> None:
        """Keep a key that takes the place of another, with the same name, scopes and length of life.

        Args:
            old: stays valid until `old_until`, or until its own end where that comes first.
            public_id: of the new key.
            digest: of the new key.
            at: now.
            old_until: end of the time in which both are valid.
        """
        lives = None if old.expires_at is None else old.expires_at - old.created_at
        mine = (KeyTable.account_id == self.account) & (KeyTable.public_id == old.public_id)
        later = KeyTable.expires_at.is_(None) | (KeyTable.expires_at > old_until)
        with self.transaction() as together:
            together.create_key(
                old.name,
                old.scopes,
                public_id=public_id,
                digest=digest,
                created_at=at,
                expires_at=None if lives is None else at + lives,
            )
            with together._writing() as connection:
                connection.execute(update(KeyTable).where(mine, later).values(expires_at=old_until))
                together._audit(connection, "key.rotated", old.public_id, at=at, by=public_id)

    def revoke_key(self, public_id: str, at: Microseconds) -> None:
        """Make a key invalid from now on; revoking twice keeps the first instant.

        Raises:
            NotFound: the account has no such key.
        """
        mine = (KeyTable.account_id == self.account) & (KeyTable.public_id == public_id)
        with self._writing() as connection:
            if not key_rows(connection, mine):
                raise NotFound(f"The account has no key {public_id}; list them with `foretell keys list`.")
            connection.execute(update(KeyTable).where(mine, KeyTable.revoked_at.is_(None)).values(revoked_at=at))
            self._audit(connection, "key.revoked", public_id, at=at)


def key_rows(connection: Connection, condition: ColumnElement[bool]) -> list[KeyRow]:
    """Read keys, oldest first."""
    statement = (
        select(
            KeyTable.public_id,
            KeyTable.account_id,
            KeyTable.digest,
            KeyTable.scopes,
            KeyTable.name,
            KeyTable.created_at,
            KeyTable.last_used_at,
            KeyTable.revoked_at,
            KeyTable.expires_at,
        )
        .where(condition)
        .order_by(KeyTable.created_at, KeyTable.public_id)
    )
    return [
        KeyRow(row.public_id, row.account_id, bytes(row.digest), tuple(row.scopes.split()), *row[4:])
        for row in connection.execute(statement)
    ]
