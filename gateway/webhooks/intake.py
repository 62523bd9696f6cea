"""A verified batch taken in: what is new of it, in one transaction, whatever is wrong with single items."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b

from gateway.webhooks.incoming import Confirmation, IncomingErasure
from gateway.webhooks.judging import TIMED, by_their_messages
from gateway.webhooks.people import Directory, Person, Register
from gateway.webhooks.planning import Became, Dead, Plan, planned
from gateway.webhooks.preparing import Item
from gateway.webhooks.redaction import hashes_in, payload
from shared.contracts.rows import ContactRow, EventRow, Microseconds
from shared.errors import StoreUnavailable
from shared.store import AccountStore, DeadLetterRow, Identity, SourceRow


class _Merges(Exception):
    """Contacts are to become one, which no other writer may disturb."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch."""

    counts: Counter[Became]
    letters: tuple[DeadLetterRow, ...]
    confirmations: tuple[Confirmation, ...]


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes batches of one source."""

    store: AccountStore
    source: SourceRow
    register: Register

    def take(self, items: Sequence[Item], *, at: Microseconds) -> Taken:
        """Store what is new; committed when this returns.

        Args:
            items: prepared; one that is wrong becomes a dead letter, and the others are taken.
            at: now.

        Raises:
            NotFound: the source or its account was removed.
            StoreUnavailable: nothing was stored.
        """
        self._erase_asked(items, at)
        receipts = {said.receipt for item in items for said in item.said}

        def work(together: AccountStore) -> tuple[Directory, Taken]:
            together.hold_source(self.source.source_id, received_at=at)
            fresh = together.add_receipts(self.source.source_id, receipts, at=at)
            directory, taken = self._written(together, items, fresh, at)
            together.put_dead_letters(taken.letters)
            return directory, taken

        return self._committed(work)

    def retry(self, letter: DeadLetterRow, item: Item, *, at: Microseconds) -> Taken:
        """Take a dead letter once more: it goes when it is taken, else it says why it is not.

        Args:
            letter: as stored.
            item: prepared from its payload.
            at: now.
        """
        self._erase_asked([item], at)

        def work(together: AccountStore) -> tuple[Directory, Taken]:
            # Its receipts were noted when it came first; its events are known by their ids.
            fresh = {said.receipt for said in item.said}
            directory, taken = self._written(together, [item], fresh, at)
            if taken.letters:
                (dead,) = taken.letters
                together.put_dead_letters([letter._replace(reason=dead.reason, detail=dead.detail)])
            else:
                together.remove_dead_letters([letter.dead_letter_id])
            return directory, taken

        return self._committed(work)

    def _committed(self, work: Callable[[AccountStore], tuple[Directory, Taken]]) -> Taken:
        """Do the work in one transaction; once more and alone where it turns out that contacts are to be merged."""
        try:
            with self.store.transaction() as together:
                directory, taken = work(together)
        except _Merges:
            with self.store.transaction(alone=True) as together:
                directory, taken = work(together)
        self._forget_merged(directory)
        return taken

    def _erase_asked(self, items: Sequence[Item], at: Microseconds) -> None:
        """Erase before anything is noted: killed in between, it is told again and done again."""
        asked = [said for item in items for said in item.said if isinstance(said.incoming, IncomingErasure)]
        if not asked:
            return
        known = self.store.known_receipts(self.source.source_id, {said.receipt for said in asked})
        persons = [said.person for said in asked if said.receipt not in known and said.person is not None]
        directory = read_directory(self.store, persons, creates=False)
        found = [(directory.find(person), person) for person in persons]
        for contact in sorted({contact for contact, _ in found if contact is not None}):
            self.store.erase_contact(contact, at=at, identity_key=self.register.key)
        # What is told of the person in the same request, or comes late, would make somebody who is not known yet.
        lead_there = {
            identity
            for contact, person in found
            for identity in person.hashes
            if directory.pointing.get(identity) in (None, contact)
        }
        self.store.forget_identities(lead_there, at=at)

    def _written(
        self, together: AccountStore, items: Sequence[Item], fresh: Collection[str], at: Microseconds
    ) -> tuple[Directory, Taken]:
        told = [said for item in items for said in item.said if said.receipt in fresh]
        persons = [person for said in told for person in (said.person, said.former) if person is not None]
        directory = read_directory(together, persons, creates=self.source.creates_contacts)
        plan = planned(items, fresh, directory)
        made = [ContactRow(contact) for contact in directory.created]
        if directory.merged:
            if not together.is_alone:
                raise _Merges
            together.put_contacts(made, recorded_at=at, lifts=False)
            for former, into in directory.merged:
                together.merge_contacts(former, into, at=at)
            made = []
        # Contacts, identities, the stale, events: each once and in order, or two sources would wait for each other.
        rows = [*made, *plan.contacts]
        words = together.put_contacts(rows, recorded_at=at, lifts=False, touches=False)
        erased = words[len(made) :].count("erased")
        together.point(directory.pointed, at=at)
        became = {row.contact_id: word for row, word in zip(rows, words, strict=True) if word != "unchanged"}
        if became:
            touched = {row.contact_id for row in plan.events}.union(became)
            together.touch_contacts([one for one in touched if became.get(one) != "erased"], at=at)
        added = together.add_events(self._judged(together, plan.events))
        repeated, erased = added.count(False), erased + added.count(None)
        plan.counts.update({"new": -repeated - erased, "duplicate": repeated, "ignored": erased})
        return directory, self._taken(plan, at)

    def _judged(self, together: AccountStore, rows: Sequence[EventRow]) -> list[EventRow]:
        """Judge events by the others of their messages, and correct those that are stored."""
        timed = [row for row in rows if row.type in TIMED and row.message_id is not None]
        contacts, messages = {row.contact_id for row in timed}, {str(row.message_id) for row in timed}
        judged, corrected = by_their_messages(rows, together.message_events(contacts, messages))
        together.correct_verdicts(corrected)
        return judged

    def _taken(self, plan: Plan, at: Microseconds) -> Taken:
        letters = {letter.dead_letter_id: letter for letter in (self._letter(dead, at) for dead in plan.dead)}
        return Taken(plan.counts, tuple(letters.values()), tuple(plan.confirmations))

    def _letter(self, dead: Dead, at: Microseconds) -> DeadLetterRow:
        """Write the letter; the same item twice is the same letter."""
        text = payload(dead.item.raw, self.register.address_hash)
        digest = blake2b(f"{self.source.source_id}\n{text}".encode(), digest_size=12).hexdigest()
        return DeadLetterRow(
            f"dl_{digest}",
            self.source.source_id,
            self.source.provider,
            dead.refusal.reason,
            dead.refusal.detail,
            text,
            next(hashes_in(text), None) if dead.person is None else dead.person.hash,
            at,
        )

    def _forget_merged(self, directory: Directory) -> None:
        """Take contacts that are no more off the lists of predictions, which lie in another database."""
        if directory.merged:
            with suppress(StoreUnavailable):
                self.store.forget_latest([former for former, _ in directory.merged])


def read_directory(store: AccountStore, persons: Iterable[Person], *, creates: bool) -> Directory:
    """Read whom the store knows of some persons; joins an open transaction."""
    persons = list(persons)
    pointing = store.contacts_of({identity for person in persons for identity in person.hashes})
    named = {person.contact_id for person in persons} | {person.born_id for person in persons}
    contacts = store.known_contacts({name for name in named if name}) if named else set()
    directory = Directory({**pointing}, contacts, frozenset(), creates=creates)
    unknown: set[Identity] = {
        identity
        for person in persons
        for identity in person.hashes
        if directory.find(person) is None or (person.contact_id is not None and person.contact_id not in contacts)
    }
    directory.erased = frozenset(store.erased_identities(unknown))
    return directory
