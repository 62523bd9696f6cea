"""Contacts of an account: put, read, listed, searched, merged; attributes declared static."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple

from shared.contracts.rows import ContactRow, Microseconds
from shared.store.bulk_pacing import BulkPacing
from shared.store.change_detection import touch
from shared.store.contact_facts import AttributeTable, ContactTable, StaticAttributeTable, holders, nth_after, pages
from shared.store.contact_writes import denies, put_batch
from shared.store.import_tables import ImportLease, count_stored, release_contacts
from shared.store.merging import merge
from shared.store.pasts import facts_of
from shared.store.predictions import Predictions
from shared.store.schema import AccountStateTable
from shared.store.scope import BATCH, AccountConnection, Scope, batches
from shared.timeline import ContactFacts, DatedValue


class BulkCounts(NamedTuple):
    """What an import changed."""

    created: int
    updated: int
    unchanged: int
    erased: int = 0
    """Left out: these contacts were erased, and an import does not bring them back."""
    erased_rows: tuple[int, ...] = ()
    """Places of the rows that were left out."""


@dataclass(frozen=True, slots=True)
class StoredContact:
    """What is stored of a contact apart from events."""

    contact_id: str
    created_at: Microseconds | None
    timezone: str | None
    consent: Mapping[str, str]
    attributes: tuple[DatedValue, ...]
    """All values ever valid, by name and instant; the last of a name is the current one."""
    unreadable: frozenset[str] = frozenset()
    """Names of attributes whose current value could not be read, and is None."""


class FoundContacts(NamedTuple):
    """What a part of a search found."""

    contacts: Sequence[StoredContact]
    after: str | None
    """Where it goes on; None: all were looked through."""


SEARCHED = 200_000
"""Contacts that one call of a search looks through: about 0.1 s."""
CHANGED = ("created", "updated")


@dataclass(frozen=True, slots=True)
class Contacts:
    """The contacts of one account."""

    _scope: Scope

    def put(
        self,
        rows: Sequence[ContactRow],
        *,
        recorded_at: Microseconds,
        lifts: bool = True,
        touches: bool = True,
        lease: ImportLease | None = None,
    ) -> list[str]:
        """Create or update contacts in one transaction; what a row leaves out stays as it is.

        Args:
            rows: any number; the same contact twice is updated twice.
            recorded_at: now.
            lifts: whether a contact that was erased may come back: the account says so explicitly.
            touches: whether those that change are stale from now on.
            lease: of the import that puts them; None: an undo of the import that made them leaves them alone.

        Returns:
            For each row "created", "updated" or "unchanged"; without `lifts` also "erased": nothing was stored.
        """
        # Always in the order of ids: two writers that wait for each other's rows would be a deadlock (PostgreSQL).
        order = sorted(range(len(rows)), key=lambda place: rows[place].contact_id)
        done = [""] * len(rows)
        with self._scope.writing() as connection:
            for places in batches(order, BATCH):
                part = [rows[place] for place in places]
                found = put_batch(
                    connection,
                    part,
                    recorded_at=recorded_at,
                    readmission=(self._scope.identity_key, lifts),
                )
                for place, word in zip(places, found, strict=True):
                    done[place] = word
            _note_import(connection, lease, rows, done)
            # After all contacts: whoever holds some of them never waits for who holds a stale one (PostgreSQL).
            changed = [row.contact_id for row, word in zip(rows, done, strict=True) if word in CHANGED]
            touch(connection, changed if touches else (), at=recorded_at)
        # One that is being scored meanwhile goes out of the ranked lists when it is scored next.
        Predictions(self._scope).forget_latest([row.contact_id for row in rows if denies(row)])
        return done

    def put_bulk(
        self,
        rows: Iterable[ContactRow],
        *,
        recorded_at: Microseconds,
        chunk: int = 20_000,
        pacing: BulkPacing | None = None,
        lease: ImportLease | None = None,
    ) -> BulkCounts:
        """Put contacts in short transactions; interrupted and repeated, it changes nothing twice.

        Erased contacts stay out: a file of last night knows nothing of whom was erased since. Nobody becomes stale by
        it: an import of a million would keep the services busy for contacts that the next round scores anyway.

        Args:
            rows: any number; `chunk` of them are held at once.
            recorded_at: now.
            chunk: rows held at once.
            pacing: of the import that they are part of.
            lease: of that import, where it counts what it stores.
        """
        stream, pacing, done = iter(rows), pacing or BulkPacing(), Counter[str]()
        at, erased = 0, list[int]()
        while held := list(islice(stream, chunk)):
            for part in pacing.parts(held, has_gaps=self._scope.store.is_sqlite):
                words = self.put(part, recorded_at=recorded_at, lifts=False, touches=False, lease=lease)
                done.update(words)
                erased += [at + place for place, word in enumerate(words) if word == "erased"]
                at += len(part)
        return BulkCounts(done["created"], done["updated"], done["unchanged"], done["erased"], tuple(erased))

    def find(self, contact_id: str) -> StoredContact | None:
        """Read one contact; None: it is not known."""
        with self._scope.reading() as connection:
            facts = facts_of(connection, [contact_id]).get(contact_id)
        return None if facts is None else _stored(contact_id, facts)

    def page(self, limit: int, after: str | None = None, *, prefix: str = "") -> list[StoredContact]:
        """List contacts in the order of their ids.

        Args:
            limit: at most so many.
            after: the last id seen; it need not exist.
            prefix: only those whose id begins so.
        """
        with self._scope.reading() as connection:
            ids = list(pages(connection, after=after, limit=limit, prefix=prefix))
            facts = facts_of(connection, ids)
        return [_stored(contact_id, facts[contact_id]) for contact_id in ids]

    def ids(self, limit: int, after: str | None = None) -> list[str]:
        """List ids in order; arguments as of `page`."""
        with self._scope.reading() as connection:
            return list(pages(connection, after=after, limit=limit))

    def holding(self, contact_ids: Collection[str], name: str, text: str) -> set[str]:
        """Return which of some contacts have a value now, as a person writes it: `5` is the number and the text.

        Small and capital letters are the same, as they are in a model.

        Args:
            contact_ids: any number; one indexed read a thousand.
            name: of the attribute.
            text: of the value.
        """
        found = set[str]()
        with self._scope.reading() as connection:
            for part in batches(sorted(contact_ids)):
                found.update(holders(connection, AttributeTable.contact_id.in_(part), name, text))
        return found

    def search(
        self, name: str, text: str, *, limit: int, after: str | None = None, searched: int = SEARCHED
    ) -> FoundContacts:
        """Search contacts by a value that they have now, by id.

        Args:
            name: of the attribute.
            text: of the value, as a person writes it.
            limit: at most so many.
            after: where the call before ended.
            searched: looks through so many at most.
        """
        with self._scope.reading() as connection:
            last = nth_after(connection, searched, after=after)
            among = AttributeTable.contact_id > (after or "")
            among = among if last is None else among & (AttributeTable.contact_id <= last)
            found = holders(connection, among, name, text, limit=limit)
            facts = facts_of(connection, found)
        stored = [_stored(contact_id, facts[contact_id]) for contact_id in found]
        return FoundContacts(stored, found[-1] if len(found) == limit else last)

    def has_attribute(self, name: str) -> bool:
        """Whether any contact has an attribute; reads all of them where none has."""
        with self._scope.reading() as connection:
            held = connection.select(AttributeTable.name).where(AttributeTable.name == name).limit(1)
            return connection.execute(held).first() is not None

    def attribute_names(self) -> list[str]:
        """List the names of the attributes that contacts have; reads all of them."""
        with self._scope.reading() as connection:
            return sorted(connection.scalars(self._scope.select(AttributeTable.name).distinct()))

    def static_attributes(self) -> frozenset[str] | Literal["all"]:
        """Return which attributes were declared to have held always."""
        names = self._scope.select(StaticAttributeTable.name)
        state = self._scope.select(AccountStateTable.all_static)
        with self._scope.reading() as connection:
            if connection.execute(state).scalar():
                return "all"
            return frozenset(connection.scalars(names))

    def declare_static(self, names: Collection[str] | Literal["all"]) -> None:
        """Declare attributes to have held always, in addition to those declared before.

        Args:
            names: attribute names, or "all": every attribute of the account, later ones too.
        """
        with self._scope.writing() as connection:
            if names == "all":
                connection.execute(self._scope.update(AccountStateTable).values(all_static=True))
                return
            rows = [{"name": name} for name in sorted(names)]
            connection.insert_missing(StaticAttributeTable, rows)

    def known(self, contact_ids: Collection[str]) -> set[str]:
        """Return which contacts there are; joins an open transaction."""
        known = set[str]()
        with self._scope.reading() as connection:
            for part in batches(sorted(contact_ids)):
                mine = ContactTable.contact_id.in_(part)
                known.update(connection.scalars(self._scope.select(ContactTable.contact_id).where(mine)))
        return known

    def merge(self, former: str, into: str, *, at: Microseconds) -> None:
        """Give everything of a contact to another one, log it, and let the former go; joins an open transaction.

        No other writer may add to the former meanwhile: open the transaction alone.

        Args:
            former: disappears; one that is not there changes nothing.
            into: exists already.
            at: now.

        Raises:
            SettingsRefused: no identity key is known.
        """
        with self._scope.writing(alone=True) as connection:
            denied = merge(connection, former, into, at=at, key=self._scope.known_key)
        if denied:
            Predictions(self._scope).forget_latest([former, into])


def _note_import(
    connection: AccountConnection, lease: ImportLease | None, rows: Sequence[ContactRow], done: Sequence[str]
) -> None:
    """Count what an import put; of anybody else, note that these contacts are not its alone any more."""
    if lease is None:
        known = {row.contact_id for row, word in zip(rows, done, strict=True) if word in ("updated", "unchanged")}
        release_contacts(connection, known)
        return
    made = [row.contact_id for row, word in zip(rows, done, strict=True) if word == "created"]
    count_stored(connection, lease, contacts=made, updated=done.count("updated"))


def _stored(contact_id: str, facts: ContactFacts) -> StoredContact:
    return StoredContact(
        contact_id, facts.created_at, facts.timezone, facts.consent, tuple(facts.attributes), facts.unreadable
    )
