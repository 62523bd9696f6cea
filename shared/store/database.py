"""The store as a process holds it: opened once, and asked per account, one attribute a subject."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from shared.contracts.holdout import Holdout
from shared.contracts.rows import Microseconds
from shared.errors import Conflict, NotFound
from shared.settings import Settings
from shared.store import holdouts, keys, models, sources
from shared.store.assignments import Assignments
from shared.store.attribution import Attribution, AttributionReportTable
from shared.store.attribution import waiting as report_waits
from shared.store.audit import Audit
from shared.store.batches import Batches, BatchTable, waiting
from shared.store.change_detection import ChangeDetection, StaleContactTable
from shared.store.contacts import Contacts
from shared.store.data_report import DataReportReads
from shared.store.decisions import Decisions
from shared.store.deliveries import Deliveries
from shared.store.delivery_tables import DeliveryTable, SubscriptionTable
from shared.store.driver import AccountDriver
from shared.store.events import Events
from shared.store.holdouts import Holdouts, HoldoutTable
from shared.store.idempotency import Idempotency
from shared.store.identities import Identities
from shared.store.import_tables import ImportTable
from shared.store.imports import Imports
from shared.store.imports import waiting as import_waits
from shared.store.items import Items
from shared.store.keys import KeyRow, Keys, KeyTable, key_rows
from shared.store.message_variants import MessageVariants
from shared.store.model_commands import CommandKind, ModelCommandTable
from shared.store.model_commands import waiting as command_waits
from shared.store.models import ChampionRow, Models, champion_rows
from shared.store.outcomes import Outcomes
from shared.store.pasts import StoredPasts
from shared.store.predictions import Predictions
from shared.store.privacy import Privacy
from shared.store.schema import Account, AccountStateTable, AccountTable, PredictionTable, StoreTable
from shared.store.scope import Scope, predictions_of, queue
from shared.store.segments import Segments
from shared.store.shadows import COLUMNS as SHADOW_COLUMNS
from shared.store.shadows import ShadowRow, shadow_rows
from shared.store.sources import SourceRow, Sources, SourceTable, source_rows
from shared.store.sql import PATIENCE_SECONDS, READERS, Sql, is_writable
from shared.store.subscriptions import Subscriptions


@dataclass(frozen=True, slots=True)
class Experiments:
    """The experiments of one account, and what is said of causes without one."""

    _scope: Scope

    @property
    def assignments(self) -> Assignments:
        """Return whom experiments of sending assigned to an arm."""
        return Assignments(self._scope)

    @property
    def attribution(self) -> Attribution:
        """Return reports of which channel gets the credit, and what they are made of."""
        return Attribution(self._scope)

    @property
    def decisions(self) -> Decisions:
        """Return which messages were chosen for whom."""
        return Decisions(self._scope)

    @property
    def holdouts(self) -> Holdouts:
        """Return for whom predictions are made and not answered."""
        return Holdouts(self._scope)

    @property
    def messages(self) -> MessageVariants:
        """Return the messages that may be chosen."""
        return MessageVariants(self._scope)


class AccountStore:
    """One account's store: whatever is called, only this account's rows are seen or changed.

    A subject holds nothing but the account, so each is made when it is asked for.
    """

    __slots__ = ("_scope",)

    def __init__(self, scope: Scope) -> None:
        """Bind the account; nothing is opened."""
        self._scope = scope

    @property
    def account(self) -> str:
        """The account's name."""
        return self._scope.account

    def acting(self, actor: str, *, at: Microseconds) -> "AccountStore":
        """Take the same store in somebody's hands: the audit log names them.

        Args:
            actor: public id of a key, or `command line`.
            at: now.
        """
        return AccountStore(replace(self._scope, actor=actor, acting_at=at))

    @contextmanager
    def transaction(self, *, alone: bool = False) -> Iterator["AccountStore"]:
        """Open one transaction for several writes: all are committed when the block ends, or none.

        What is read of the store through the yielded one sees what was written so far.

        Args:
            alone: whether to wait for every other writer of the account and keep new ones out.

        Raises:
            NotFound: there is no such account.
        """
        with self._scope.transaction(alone=alone) as scope:
            yield AccountStore(scope)

    @property
    def is_alone(self) -> bool:
        """Whether nobody else writes of this account during the open transaction."""
        return self._scope.is_alone

    @property
    def audit(self) -> Audit:
        """What was administered, when and with which key."""
        return Audit(self._scope)

    @property
    def batches(self) -> Batches:
        """Predictions that are made in the background."""
        return Batches(self._scope)

    @property
    def changes(self) -> ChangeDetection:
        """Who is to be scored again, and the last known states."""
        return ChangeDetection(self._scope)

    @property
    def contacts(self) -> Contacts:
        """People being marketed to, and their attributes."""
        return Contacts(self._scope)

    @property
    def data_report(self) -> DataReportReads:
        """Counts over contacts and events, for the data report."""
        return DataReportReads(self._scope)

    @property
    def deliveries(self) -> Deliveries:
        """Messages on their way to subscriptions."""
        return Deliveries(self._scope)

    @property
    def events(self) -> Events:
        """Dated facts about contacts."""
        return Events(self._scope)

    @property
    def experiments(self) -> Experiments:
        """Return whom experiments assigned to what, and whom holdouts keep out."""
        return Experiments(self._scope)

    @property
    def idempotency(self) -> Idempotency:
        """Requests answered once, and providers' events received once."""
        return Idempotency(self._scope)

    @property
    def identities(self) -> Identities:
        """What else contacts are known by."""
        return Identities(self._scope)

    @property
    def imports(self) -> Imports:
        """Files that were uploaded, and what became of them."""
        return Imports(self._scope)

    @property
    def items(self) -> Items:
        """What the account says of the items that its events name."""
        return Items(self._scope)

    @property
    def keys(self) -> Keys:
        """Keys of the API."""
        return Keys(self._scope)

    @property
    def models(self) -> Models:
        """Registered versions, and which one answers."""
        return Models(self._scope)

    @property
    def outcomes(self) -> Outcomes:
        """What is predicted."""
        return Outcomes(self._scope)

    @property
    def pasts(self) -> StoredPasts:
        """What contacts were and did before an instant, or all of it."""
        return StoredPasts(self._scope)

    @property
    def predictions(self) -> Predictions:
        """What was predicted: the log, and the latest of each contact."""
        return Predictions(self._scope)

    @property
    def privacy(self) -> Privacy:
        """Erasure and export of single contacts."""
        return Privacy(self._scope)

    @property
    def segments(self) -> Segments:
        """Names and members of segments."""
        return Segments(self._scope)

    @property
    def sources(self) -> Sources:
        """Where webhooks come from."""
        return Sources(self._scope)

    @property
    def subscriptions(self) -> Subscriptions:
        """Who wants webhooks, and where."""
        return Subscriptions(self._scope)


class Database:
    """Both databases of an installation; safe to share between threads."""

    def __init__(
        self,
        store_url: str,
        predictions_url: str,
        identity_key: bytes | None = None,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        readers: int = READERS,
        cuts_off: bool = False,
    ) -> None:
        """Prepare both; nothing is opened before the first read.

        Args:
            store_url: SQLAlchemy URL of the store.
            predictions_url: SQLAlchemy URL of the predictions; may be the same PostgreSQL.
            identity_key: recognises who was erased; processes that take nobody in do not need it.
            patience_seconds: how long locks are waited for where no request's deadline says it.
            readers: how many connections may read at once; half as many may write, at least one.
            cuts_off: whether what SQLite reads ends at its request's deadline.
        """
        self._identity_key = identity_key
        more: dict[str, Any] = {"patience_seconds": patience_seconds, "readers": readers, "cuts_off": cuts_off}
        self._store = Sql(store_url, durable=True, **more)
        self._predictions = self._store
        if predictions_url != store_url:
            self._predictions = Sql(predictions_url, durable=False, **more)

    def of(self, account: str, *, before_commit: Callable[[], None] | None = None) -> AccountStore:
        """Open the store of one account; whether it exists shows when something is written.

        Args:
            account: its name.
            before_commit: done before each COMMIT of the store, not of predictions, is sent: what fails before is
                surely undone, what fails later may be kept.
        """
        store, predictions = self._store, self._predictions
        direct = AccountDriver(account, store.reads, store.writes)
        direct_predictions = AccountDriver(account, predictions.reads, predictions.writes)
        key = self._identity_key
        scope = Scope(account, store, predictions, direct, direct_predictions, key, before_commit=before_commit)
        return AccountStore(scope)

    def ping(self) -> None:
        """Check that the store answers and is migrated.

        Raises:
            StoreUnavailable: it does not, or it is not.
        """
        with self._store.reading() as connection:
            connection.execute(select(AccountTable.name).limit(1)).first()

    def is_writable(self) -> bool:
        """Whether both databases take writes now, found out by writing.

        Raises:
            StoreUnavailable: one cannot be reached.
        """
        return all(is_writable(sql) for sql in {self._store, self._predictions})

    def accounts(self) -> list[Account]:
        """List all accounts by name."""
        statement = select(AccountTable.name, AccountTable.created_at).order_by(AccountTable.name)
        with self._store.reading() as connection:
            return [Account(*row) for row in connection.execute(statement)]

    def create_account(self, name: str, *, created_at: Microseconds) -> Account:
        """Create an account.

        Raises:
            Conflict: there is one of that name.
        """
        try:
            with self._store.writing() as connection:
                connection.execute(insert(AccountTable), {"name": name, "created_at": created_at})
                connection.execute(insert(AccountStateTable), {"account_id": name, "all_static": False})
        except IntegrityError as error:
            raise Conflict(f"The account {name} exists already.") from error
        return Account(name, created_at)

    def delete_account(self, name: str) -> None:
        """Erase an account with everything it owns, in both databases.

        Raises:
            NotFound: there is no such account.
        """
        with self._predictions.writing() as connection:
            _erase(connection, PredictionTable.metadata.sorted_tables, name)
        with self._store.writing() as connection:
            queue(connection, name, alone=True)
            held = select(AccountTable.name).where(AccountTable.name == name).with_for_update()
            if connection.execute(held).first() is None:
                raise NotFound(f"There is no account {name}.")
            _erase(connection, StoreTable.metadata.sorted_tables, name)
            connection.execute(delete(AccountTable).where(AccountTable.name == name))
        # What was still being logged meanwhile; whoever comes after sees that there is no account.
        with self._predictions.writing() as connection:
            queue(connection, predictions_of(name), alone=True)
            _erase(connection, PredictionTable.metadata.sorted_tables, name)

    def key(self, public_id: str) -> KeyRow | None:
        """Find a key by its public id; None: there is none. Whether it is still valid is the caller's question."""
        with self._store.reading() as connection:
            statement = select(*keys.COLUMNS).where(KeyTable.public_id == public_id)
            return next(iter(key_rows(connection, statement)), None)

    def touch_keys(self, used: Mapping[str, Microseconds]) -> None:
        """Note when keys were last used.

        Args:
            used: instant by public id; an earlier one than noted changes nothing.
        """
        with self._store.writing() as connection:
            for public_id in sorted(used):
                at = used[public_id]
                connection.execute(
                    update(KeyTable)
                    .where(KeyTable.public_id == public_id)
                    .where(KeyTable.last_used_at.is_(None) | (KeyTable.last_used_at < at))
                    .values(last_used_at=at)
                )

    def source(self, source_id: str) -> SourceRow | None:
        """Find the source that has an address, in whichever account; None: there is none."""
        with self._store.reading() as connection:
            found = select(*sources.COLUMNS).where(SourceTable.source_id == source_id)
            secrets = select(*sources.SECRET_COLUMNS).where(SourceTable.source_id == source_id)
            return next(iter(source_rows(connection, found, secrets)), None)

    def champions(self) -> list[ChampionRow]:
        """List the champions of all accounts: what a service polls."""
        with self._store.reading() as connection:
            return champion_rows(connection, select(*models.COLUMNS))

    def shadows(self) -> list[ShadowRow]:
        """List the versions that shadow a model, of all accounts: what a service polls."""
        with self._store.reading() as connection:
            return shadow_rows(connection, select(*SHADOW_COLUMNS))

    def holdouts(self) -> dict[str, tuple[Holdout, ...]]:
        """List the holdouts of all accounts that were not released, by account: what a service polls."""
        table = HoldoutTable
        statement = select(table.account_id, *holdouts.COLUMNS).where(table.released_at.is_(None))
        with self._store.reading() as connection:
            ordered = connection.execute(statement.order_by(table.account_id, table.name))
            return holdouts.by_account(ordered.all())

    def due_subscriptions(self, at: Microseconds) -> dict[str, list[str]]:
        """List, by account, the enabled subscriptions with something due: what the dispatcher polls."""
        delivery, one = DeliveryTable, SubscriptionTable
        due = select(delivery.delivery_id).where(
            delivery.account_id == one.account_id,
            delivery.subscription_id == one.subscription_id,
            delivery.state == "pending",
            delivery.due_at <= at,
        )
        statement = (
            select(one.account_id, one.subscription_id)
            .where(one.state == "enabled", due.exists())
            .order_by(one.account_id, one.subscription_id)
        )
        found: dict[str, list[str]] = {}
        with self._store.reading() as connection:
            for account, subscription_id in connection.execute(statement):
                found.setdefault(account, []).append(subscription_id)
        return found

    def waiting_batches(self, at: Microseconds) -> list[tuple[str, str]]:
        """List account and id of the batches that nobody works on, the oldest first."""
        table = BatchTable
        statement = select(table.account_id, table.batch_id).where(waiting(at)).order_by(table.created_at)
        with self._store.reading() as connection:
            return [(account, batch_id) for account, batch_id in connection.execute(statement)]

    def waiting_attribution(self, at: Microseconds) -> list[tuple[str, str]]:
        """List account and id of the attribution reports that nobody makes yet, the oldest first."""
        table = AttributionReportTable
        statement = select(table.account_id, table.report_id).where(report_waits(at)).order_by(table.requested_at)
        with self._store.reading() as connection:
            return [(account, report_id) for account, report_id in connection.execute(statement)]

    def waiting_imports(self, at: Microseconds) -> list[tuple[str, str]]:
        """List account and id of the imports on which nobody does what is to be done, the oldest first."""
        table = ImportTable
        statement = select(table.account_id, table.import_id).where(import_waits(at)).order_by(table.created_at)
        with self._store.reading() as connection:
            return [(account, import_id) for account, import_id in connection.execute(statement)]

    def waiting_model_commands(self, at: Microseconds, kinds: Collection[CommandKind]) -> list[tuple[str, str]]:
        """List account and id of the commands of some kinds that nobody works on, the oldest first.

        Args:
            at: now.
            kinds: all that exclude each other on one model; while one of it runs, others of it are not listed.
        """
        table, other = ModelCommandTable, aliased(ModelCommandTable)
        same = (other.account_id == table.account_id, other.capability == table.capability)
        running = select(other.command_id).where(
            *same,
            other.outcome == table.outcome,
            other.state == "running",
            other.leased_until > at,
            other.kind.in_(kinds),
        )
        statement = (
            select(table.account_id, table.command_id)
            .where(command_waits(at), table.kind.in_(kinds), ~running.exists())
            .order_by(table.created_at, table.command_id)
        )
        with self._store.reading() as connection:
            return [(account, command_id) for account, command_id in connection.execute(statement)]

    def scrub(self) -> None:
        """Empty the write-ahead logs (SQLite), in which what was deleted could still be read."""
        self._store.scrub()
        self._predictions.scrub()

    def stale_accounts(self) -> list[str]:
        """List the accounts with contacts that are to be scored again."""
        statement = select(StaleContactTable.account_id).distinct().order_by(StaleContactTable.account_id)
        with self._store.reading() as connection:
            return list(connection.scalars(statement))

    def close(self) -> None:
        """Close all connections."""
        self._store.close()
        self._predictions.close()


def open_database(
    settings: Settings, identity_key: bytes | None = None, *, readers: int = READERS, cuts_off: bool = False
) -> Database:
    """Open both databases of an installation; nothing is migrated and nothing read yet.

    Args:
        settings: where they are.
        identity_key: None: the one in the settings, if any.
        readers: how many connections may read at once.
        cuts_off: whether what SQLite reads ends at its request's deadline.
    """
    if identity_key is None and settings.identity_key is not None:
        identity_key = settings.identity_key.get_secret_value().encode()
    return Database(
        settings.resolved_store_url(),
        settings.resolved_predictions_url(),
        identity_key,
        patience_seconds=settings.store_patience_seconds,
        readers=readers,
        cuts_off=cuts_off,
    )


def _erase(connection: Connection, tables: list[Table], account: str) -> None:
    for table in reversed(tables):
        if "account_id" in table.c:
            connection.execute(delete(table).where(table.c.account_id == account))
