"""Contacts of an account: put, read, listed; attributes declared static."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Literal

from sqlalchemy import delete, select, update

from shared.contracts.rows import ContactRow, Microseconds
from shared.store.contact_writes import denies, put_batch
from shared.store.facts import facts_of, pages
from shared.store.pace import Pace
from shared.store.prediction_tables import LatestPredictionTable
from shared.store.rows import BulkCounts, StoredContact
from shared.store.scope import BATCH, Scope, batches
from shared.store.stale import touch
from shared.store.statements import insert_missing
from shared.store.tables import AccountStateTable, AttributeTable, StaticAttributeTable
from shared.timeline import ContactFacts

CHANGED = ("created", "updated")


class Contacts(Scope):
    """The contacts of one account."""

    def put_contacts(
        self, rows: Sequence[ContactRow], *, recorded_at: Microseconds, lifts: bool = True, touches: bool = True
    ) -> list[str]:
        """Create or update contacts in one transaction; what a row leaves out stays as it is.

        Args:
            rows: any number; the same contact twice is updated twice.
            recorded_at: now.
            lifts: whether a contact that was erased may come back: the account says so explicitly.
            touches: whether those that change are stale from now on.

        Returns:
            For each row "created", "updated" or "unchanged"; without `lifts` also "erased": nothing was stored.
        """
        # Always in the order of ids: two writers that wait for each other's rows would be a deadlock (PostgreSQL).
        order = sorted(range(len(rows)), key=lambda place: rows[place].contact_id)
        done = [""] * len(rows)
        with self._writing() as connection:
            for places in batches(order, BATCH):
                part = [rows[place] for place in places]
                found = put_batch(
                    connection, self.account, part, recorded_at=recorded_at, readmission=(self._identity_key, lifts)
                )
                for place, word in zip(places, found, strict=True):
                    done[place] = word
            # After all contacts: whoever holds some of them never waits for who holds a stale one (PostgreSQL).
            changed = [row.contact_id for row, word in zip(rows, done, strict=True) if word in CHANGED]
            touch(connection, self.account, changed if touches else (), at=recorded_at)
        self._forget_denied([row.contact_id for row in rows if denies(row)])
        return done

    def _forget_denied(self, contact_ids: Sequence[str]) -> None:
        """Take contacts out of the ranked lists; one that is being scored meanwhile goes when it is scored next."""
        table = LatestPredictionTable
        for part in batches(sorted(set(contact_ids))):
            with self._predictions.writing() as connection:
                mine = (table.account_id == self.account, table.contact_id.in_(part))
                connection.execute(delete(table).where(*mine))

    def bulk_contacts(
        self,
        rows: Iterable[ContactRow],
        *,
        recorded_at: Microseconds,
        chunk: int = 20_000,
        pace: Pace | None = None,
    ) -> BulkCounts:
        """Put contacts in short transactions; interrupted and repeated, it changes nothing twice.

        Erased contacts stay out: a file of last night knows nothing of whom was erased since. Nobody becomes stale by
        it: an import of a million would keep the services busy for contacts that the next round scores anyway.

        Args:
            rows: any number; `chunk` of them are held at once.
            recorded_at: now.
            chunk: rows held at once.
            pace: of the import that they are part of.
        """
        stream, pace, done = iter(rows), pace or Pace(), Counter[str]()
        at, erased = 0, list[int]()
        while held := list(islice(stream, chunk)):
            for part in pace.parts(held, has_gaps=self._store.is_sqlite):
                words = self.put_contacts(part, recorded_at=recorded_at, lifts=False, touches=False)
                done.update(words)
                erased += [at + place for place, word in enumerate(words) if word == "erased"]
                at += len(part)
        return BulkCounts(done["created"], done["updated"], done["unchanged"], done["erased"], tuple(erased))

    def contact(self, contact_id: str) -> StoredContact | None:
        """Read one contact; None: it is not known."""
        with self._store.reading() as connection:
            facts = facts_of(connection, self.account, [contact_id]).get(contact_id)
        return None if facts is None else _stored(contact_id, facts)

    def contacts(self, limit: int, after: str | None = None) -> list[StoredContact]:
        """List contacts in the order of their ids.

        Args:
            limit: at most so many.
            after: the last id seen; it need not exist.
        """
        with self._store.reading() as connection:
            ids = list(pages(connection, self.account, after=after, limit=limit))
            facts: dict[str, ContactFacts] = {}
            for part in batches(ids, BATCH):
                facts.update(facts_of(connection, self.account, part))
        return [_stored(contact_id, facts[contact_id]) for contact_id in ids]

    def attribute_names(self) -> list[str]:
        """List the names of the attributes that contacts have; reads all of them."""
        names = select(AttributeTable.name).where(AttributeTable.account_id == self.account).distinct()
        with self._store.reading() as connection:
            return sorted(connection.scalars(names))

    def static_attributes(self) -> frozenset[str] | Literal["all"]:
        """Tell which attributes were declared to have held always."""
        names = select(StaticAttributeTable.name).where(StaticAttributeTable.account_id == self.account)
        state = select(AccountStateTable.all_static).where(AccountStateTable.account_id == self.account)
        with self._store.reading() as connection:
            if connection.execute(state).scalar():
                return "all"
            return frozenset(connection.scalars(names))

    def declare_static(self, names: Collection[str] | Literal["all"]) -> None:
        """Declare attributes to have held always, in addition to those declared before.

        Args:
            names: attribute names, or "all": every attribute of the account, later ones too.
        """
        with self._writing() as connection:
            if names == "all":
                mine = AccountStateTable.account_id == self.account
                connection.execute(update(AccountStateTable).where(mine).values(all_static=True))
                return
            rows = [{"account_id": self.account, "name": name} for name in sorted(names)]
            insert_missing(connection, StaticAttributeTable, rows)


def _stored(contact_id: str, facts: ContactFacts) -> StoredContact:
    return StoredContact(
        contact_id, facts.created_at, facts.timezone, facts.consent, facts.attributes, facts.unreadable
    )
