"""Keys of an account: made, listed, rotated, revoked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, ForeignKey, UniqueConstraint
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import Microseconds
from shared.errors import Conflict, NotFound
from shared.store.schema import KEY_TEXT, Instant, KeyText, OptionalInstant, StoreTable
from shared.store.scope import AccountConnection, AnySelect, Scope


class KeyTable(StoreTable):
    """Keys by public id; the secret itself is never kept, only its SHA-256."""

    __tablename__ = "keys"
    # The one key without the account in front: the key leads to the account.
    __table_args__ = (UniqueConstraint("public_id"),)

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    public_id: Mapped[KeyText] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    scopes: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[Instant]
    last_used_at: Mapped[OptionalInstant]
    revoked_at: Mapped[OptionalInstant]
    expires_at: Mapped[OptionalInstant]


class KeyRow(NamedTuple):
    """A key as stored: its secret part is known by digest only."""

    public_id: str
    account: str
    digest: bytes
    """SHA-256 of the whole key."""
    scopes: tuple[str, ...]
    name: str
    created_at: Microseconds
    last_used_at: Microseconds | None
    revoked_at: Microseconds | None
    expires_at: Microseconds | None


COLUMNS = (
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


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one account."""

    _scope: Scope

    def create(
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
            "public_id": public_id,
            "digest": digest,
            "scopes": " ".join(scopes),
            "name": name,
            "created_at": created_at,
            "expires_at": expires_at,
        }
        try:
            with self._scope.writing() as connection:
                connection.insert(KeyTable, [values])
                connection.audit("key.created", public_id, scopes=list(scopes), name=name)
        except IntegrityError as error:
            raise Conflict("A key with this public id exists already.") from error

    def all(self) -> list[KeyRow]:
        """List the account's keys, revoked ones too, oldest first."""
        with self._scope.reading() as connection:
            return key_rows(connection, self._scope.select(*COLUMNS))

    def rotate(self, old: KeyRow, *, public_id: str, digest: bytes, at: Microseconds, old_until: Microseconds) -> None:
        """Keep a key that takes the place of another, with the same name, scopes and length of life.

        Args:
            old: stays valid until `old_until`, or until its own end where that comes first.
            public_id: of the new key.
            digest: of the new key.
            at: now.
            old_until: end of the time in which both are valid.
        """
        lives = None if old.expires_at is None else old.expires_at - old.created_at
        mine = KeyTable.public_id == old.public_id
        later = KeyTable.expires_at.is_(None) | (KeyTable.expires_at > old_until)
        with self._scope.transaction() as work:
            Keys(work).create(
                old.name,
                old.scopes,
                public_id=public_id,
                digest=digest,
                created_at=at,
                expires_at=None if lives is None else at + lives,
            )
            with work.writing() as connection:
                connection.execute(self._scope.update(KeyTable).where(mine, later).values(expires_at=old_until))
                connection.audit("key.rotated", old.public_id, at=at, by=public_id)

    def revoke(self, public_id: str, at: Microseconds) -> None:
        """Make a key invalid from now on; revoking twice keeps the first instant.

        Raises:
            NotFound: the account has no such key.
        """
        mine = KeyTable.public_id == public_id
        with self._scope.writing() as connection:
            if not key_rows(connection, self._scope.select(*COLUMNS).where(mine)):
                raise NotFound(f"The account has no key {public_id}; list them with `foretell keys list`.")
            connection.execute(
                self._scope.update(KeyTable).where(mine, KeyTable.revoked_at.is_(None)).values(revoked_at=at)
            )
            connection.audit("key.revoked", public_id, at=at)


def key_rows(connection: AccountConnection | Connection, statement: AnySelect) -> list[KeyRow]:
    """Read keys, oldest first, by a statement that selects COLUMNS."""
    return [
        KeyRow(row.public_id, row.account_id, bytes(row.digest), tuple(row.scopes.split()), *row[4:])
        for row in connection.execute(statement.order_by(KeyTable.created_at, KeyTable.public_id))
    ]
