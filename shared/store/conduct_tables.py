"""The tables of good conduct: answers given once, who changed what, and who is to be forgotten."""

from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from shared.store.columns import CLUSTERED, Instant, KeyText, LongText, OptionalLongText, StoreTable


class IdempotencyTable(StoreTable):
    """The first answer to a request that named an idempotency key."""

    __tablename__ = "idempotency_keys"
    __table_args__: Any = (Index(None, "account_id", "begun_at"),)

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    idempotency_key: Mapped[KeyText] = mapped_column(primary_key=True)
    """SHA-256 of the client's text."""
    operation: Mapped[str]
    """Method and path of the route, without ids."""
    fingerprint: Mapped[str]
    """SHA-256 of method, path, query and body."""
    claim: Mapped[str]
    """Random name of the request that may answer; whoever takes over after it died writes its own."""
    begun_at: Mapped[Instant]
    status: Mapped[int | None]
    """None while the first request is being answered."""
    answer: Mapped[OptionalLongText]
    """Sealed: answers may hold what is shown once, such as a signing secret. None with a status: erased."""
    contact_ids: Mapped[OptionalLongText]
    """JSON list of whom the answer speaks, so that an erasure finds it."""


class TombstoneTable(StoreTable):
    """Who was erased: keyed hashes that keep late events out until the contact is put again."""

    __tablename__ = "tombstones"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    kind: Mapped[KeyText] = mapped_column(primary_key=True)
    """`contact`, or the kind of an identity."""
    key_hash: Mapped[KeyText] = mapped_column(primary_key=True)
    erased_at: Mapped[Instant]


class AuditTable(StoreTable):
    """What was administered, when, and with which key."""

    __tablename__ = "audit"

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[Instant]
    actor: Mapped[str]
    """Public id of a key, or `command line`."""
    action: Mapped[str]
    target: Mapped[str]
    detail: Mapped[LongText]
    """JSON."""
