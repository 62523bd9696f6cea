"""A verified batch taken in: what is new of it, in one transaction, whatever is wrong with single items."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Final

from gateway.webhooks.incoming import Confirmation, IncomingErasure
from gateway.webhooks.judging import by_their_messages, distinct, is_of_message
from gateway.webhooks.notes import LEFT_OUT
from gateway.webhooks.people import Directory, Person, Register
from gateway.webhooks.planning import ERASED, Became, Dead, Noted, Plan, planned
from gateway.webhooks.preparing import Item
from gateway.webhooks.redaction import hashes_in, payload
from shared.contracts.rows import ContactRow, EventRow, Microseconds
from shared.errors import StoreUnavailable
from shared.store import AccountStore, DeadLetterRow, Identity, SourceRow

NOTES: Final = frozenset(
    {LEFT_OUT, "address_moved", "id_moved", "address_shared", "erased_contact", "placeholder_left_out"}
)
"""Reasons of letters that say something of an item that was taken, or skipped."""


class _Merges(Exception):
    """Contacts are to become one, which no other writer may disturb."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch."""

    counts: Counter[Became]
    letters: tuple[DeadLetterRow, ...]
    confirmations: tuple[Confirmation, ...]
    notes: Counter[str] = field(default_factory=Counter)
    """What was left out, moved or skipped, by reason."""


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
        receipts = {receipt for item in items for receipt in item.receipts}

        def work(together: AccountStore) -> tuple[Directory, Taken]:
            together.sources.hold(self.source.source_id, received_at=at)
            fresh = together.idempotency.add_received(self.source.source_id, receipts, at=at)
            directory, taken = self._written(together, items, fresh, at)
            together.dead_letters.put(taken.letters)
            return directory, taken

        return self._committed(work)

    def retry(self, letter: DeadLetterRow, item: Item, *, at: Microseconds) -> Taken:
        """Take a dead letter once more: it goes when it is taken, else it says why it is not.

        Args:
            letter: as stored.
            item: prepared from its payload.
            at: now.

        Returns:
            With letters where it stays one.
        """
        self._erase_asked([item], at)

        def work(together: AccountStore) -> tuple[Directory, Taken]:
            # Its receipts were noted when it came first; its events are known by their ids.
            directory, taken = self._written(together, [item], item.receipts, at)
            dead = next((one for one in taken.letters if one.reason not in NOTES), None)
            if dead is not None:
                together.dead_letters.put([letter._replace(reason=dead.reason, detail=dead.detail, times=0)])
                return directory, taken
            stays = [one for one in taken.letters if one.dead_letter_id == letter.dead_letter_id]
            if not stays:
                together.dead_letters.remove([letter.dead_letter_id])
                together.dead_letters.put(taken.letters)
            return directory, replace(taken, letters=tuple(stays))

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
        known = self.store.idempotency.received(self.source.source_id, {said.receipt for said in asked})
        persons = [said.person for said in asked if said.receipt not in known and said.person is not None]
        directory = read_directory(self.store, persons, creates=False)
        found = [(directory.find(person), person) for person in persons if not directory.is_shared(person)]
        for contact in sorted({contact for contact, _ in found if contact is not None}):
            self.store.privacy.erase(contact, at=at, identity_key=self.register.key)
        # What is told of the person in the same request, or comes late, would make somebody who is not known yet.
        lead_there = {
            identity
            for contact, person in found
            for identity in person.hashes
            if directory.pointing.get(identity) in (None, contact)
        }
        self.store.privacy.forget(lead_there, at=at)

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
            together.contacts.put(made, recorded_at=at, lifts=False)
            for former, into in directory.merged:
                together.contacts.merge(former, into, at=at)
            made = []
        # Contacts, identities, the stale, events: each once and in order, or two sources would wait for each other.
        rows = [*made, *plan.contacts]
        words = together.contacts.put(rows, recorded_at=at, lifts=False, touches=False)
        erased = words[len(made) :].count("erased")
        together.identities.point(directory.pointed, at=at)
        became = {row.contact_id: word for row, word in zip(rows, words, strict=True) if word != "unchanged"}
        if became:
            touched = {row.contact_id for row in plan.events}.union(became)
            together.changes.touch([one for one in touched if became.get(one) != "erased"], at=at)
        events = self._judged(together, plan.events)
        added = together.events.add(events)
        repeated, gone = len(plan.events) - len(events) + added.count(False), added.count(None)
        plan.noted += [Noted(ERASED)] * (erased + gone)
        erased += gone
        plan.counts.update({"new": -repeated - erased, "duplicate": repeated, "ignored": erased})
        return directory, self._taken(plan, at)

    def _judged(self, together: AccountStore, rows: Sequence[EventRow]) -> list[EventRow]:
        """Leave out what is known under another id, judge the rest, and correct the verdicts of what is stored."""
        named = [row for row in rows if is_of_message(row)]
        contacts, messages = {row.contact_id for row in named}, {str(row.message_id) for row in named}
        stored = list(together.events.of_messages(contacts, messages))
        judged, corrected = by_their_messages(distinct(rows, stored), stored)
        together.events.correct(corrected)
        return judged

    def _taken(self, plan: Plan, at: Microseconds) -> Taken:
        letters: dict[str, DeadLetterRow] = {}
        for letter in (*(self._letter(dead, at) for dead in plan.dead), *(self._note(one, at) for one in plan.noted)):
            before = letters.get(letter.dead_letter_id)
            letters[letter.dead_letter_id] = letter._replace(times=letter.times + (before.times if before else 0))
        notes = Counter(one.note.reason for one in plan.noted)
        return Taken(plan.counts, tuple(letters.values()), tuple(plan.confirmations), notes)

    def _note(self, noted: Noted, at: Microseconds) -> DeadLetterRow:
        """Write a note: the same of another item is the same letter, with the newest item as its sample."""
        reason, detail = noted.note
        digest = blake2b(f"{self.source.source_id}\n{reason}\n{detail}".encode(), digest_size=12).hexdigest()
        # So that an erasure finds it by whom it names, as it finds the others.
        named = {"contact_ids": [{"contact_id": one} for one in noted.contact_ids]} if noted.contact_ids else None
        text = payload(named, self.register.address_hash)
        if noted.item is not None and named is None:
            text = payload(noted.item.raw, self.register.address_hash)
        recipient = noted.person.hash or None if noted.person is not None else next(hashes_in(text), None)
        source = self.source
        return DeadLetterRow(f"dl_{digest}", source.source_id, source.provider, reason, detail, text, recipient, at)

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
                self.store.predictions.forget_latest([former for former, _ in directory.merged])


def read_directory(store: AccountStore, persons: Iterable[Person], *, creates: bool) -> Directory:
    """Read whom the store knows of some persons; joins an open transaction."""
    persons = list(persons)
    pointing = store.identities.contacts_of({identity for person in persons for identity in person.hashes})
    named = {person.contact_id for person in persons} | {person.born_id for person in persons}
    contacts = store.contacts.known({name for name in named if name}) if named else set()
    claims = store.identities.claims_on({identity for identity in pointing if identity[0] == "email"})
    living = store.contacts.known({contact for claimed in claims.values() for contact in claimed}) if claims else set()
    directory = Directory({**pointing}, contacts, frozenset(), creates=creates)
    directory.claims = {identity: claimed & living for identity, claimed in claims.items()}
    unknown: set[Identity] = {
        identity
        for person in persons
        for identity in person.hashes
        if directory.find(person) is None or (person.contact_id is not None and person.contact_id not in contacts)
    }
    directory.erased = frozenset(store.identities.erased(unknown))
    return directory
