"""Store what is new of a verified batch, in one transaction; an item that is wrong becomes a dead letter."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Final

from gateway.webhooks.batch_plan import ERASED, BatchPlan, DeadItem, ItemStatus, NotedItem, plan_batch
from gateway.webhooks.bot_detection import assess_batch, is_of_message, without_repeats
from gateway.webhooks.identity_resolution import IdentityDirectory, Person, RecipientHasher
from gateway.webhooks.normalize import NormalizedItem, Normalizer
from gateway.webhooks.notes import LEFT_OUT
from gateway.webhooks.provider import Confirmation, IncomingErasure, Provider
from gateway.webhooks.redaction import hashes_in, redacted_json
from shared.contracts.rows import ContactRow, EventRow, Microseconds, instant_of
from shared.errors import Conflict, StoreUnavailable
from shared.store import AccountStore, DeadLetterRow, Identity, SourceRow

NOTE_REASONS: Final = frozenset(
    {LEFT_OUT, "address_moved", "id_moved", "address_shared", "erased_contact", "placeholder_left_out"}
)
"""Reasons of letters that are only notes: their item was taken, or skipped."""
PAGE: Final = 200


class _MergeNeeded(Exception):
    """Contacts are to be merged, which needs a transaction without other writers."""


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """The result of a batch."""

    counts: Counter[ItemStatus]
    letters: tuple[DeadLetterRow, ...]
    confirmations: tuple[Confirmation, ...]
    notes: Counter[str] = field(default_factory=Counter)
    """What was left out, moved or skipped, by reason."""


@dataclass(frozen=True, slots=True)
class Intake:
    """Stores batches of one source."""

    store: AccountStore
    source: SourceRow
    recipient_hasher: RecipientHasher

    def take(self, items: Sequence[NormalizedItem], *, at: Microseconds) -> IntakeResult:
        """Store what is new; committed when this returns.

        Args:
            items: normalized; a wrong one becomes a dead letter, and the others are stored.
            at: now.

        Raises:
            NotFound: the source or its account was removed.
            StoreUnavailable: nothing was stored.
        """
        self._erase_requested(items, at)
        return self._committed(lambda together: self.write(together, items, at))

    def write(
        self, together: AccountStore, items: Sequence[NormalizedItem], at: Microseconds
    ) -> tuple[IdentityDirectory, IntakeResult]:
        """Write what is new into an open transaction; whoever the items want erased is erased before."""
        receipts = {receipt for item in items for receipt in item.receipts}
        together.sources.hold(self.source.source_id, received_at=at)
        fresh = together.idempotency.add_received(self.source.source_id, receipts, at=at)
        directory, taken = self._written(together, items, fresh, at)
        together.sources.dead_letters.put(taken.letters)
        return directory, taken

    def retry(self, letter: DeadLetterRow, item: NormalizedItem, *, at: Microseconds) -> IntakeResult:
        """Retry a dead letter: it is removed if its item is taken, else its reason is updated.

        Args:
            letter: as stored.
            item: normalized from its payload.
            at: now.

        Returns:
            The result; it has letters if the item is still a dead letter.
        """
        self._erase_requested([item], at)

        def work(together: AccountStore) -> tuple[IdentityDirectory, IntakeResult]:
            # Its receipts were stored when it came first; its events are deduplicated by their ids.
            directory, taken = self._written(together, [item], item.receipts, at)
            dead = next((one for one in taken.letters if one.reason not in NOTE_REASONS), None)
            if dead is not None:
                together.sources.dead_letters.put([letter._replace(reason=dead.reason, detail=dead.detail, times=0)])
                return directory, taken
            stays = [one for one in taken.letters if one.dead_letter_id == letter.dead_letter_id]
            if not stays:
                together.sources.dead_letters.remove([letter.dead_letter_id])
                together.sources.dead_letters.put(taken.letters)
            return directory, replace(taken, letters=tuple(stays))

        return self._committed(work)

    def _committed(self, work: Callable[[AccountStore], tuple[IdentityDirectory, IntakeResult]]) -> IntakeResult:
        """Run the work in one transaction; if contacts have to be merged, run it again without other writers."""
        try:
            with self.store.transaction() as together:
                directory, taken = work(together)
        except _MergeNeeded:
            with self.store.transaction(alone=True) as together:
                directory, taken = work(together)
        self.forget_merged(directory)
        return taken

    def _erase_requested(self, items: Sequence[NormalizedItem], at: Microseconds) -> None:
        """Erase before anything is stored: if the process dies, the provider sends it again and it is done again."""
        requested = [
            change for item in items for change in item.changes if isinstance(change.incoming, IncomingErasure)
        ]
        if not requested:
            return
        known = self.store.idempotency.received(self.source.source_id, {change.receipt for change in requested})
        persons = [change.person for change in requested if change.receipt not in known and change.person is not None]
        directory = read_directory(self.store, persons, creates=False)
        found = [(directory.find(person), person) for person in persons if not directory.is_shared(person)]
        for contact in sorted({contact for contact, _ in found if contact is not None}):
            self.store.privacy.erase(contact, at=at, identity_key=self.recipient_hasher.key)
        # Other items about the person, in this request or later, would otherwise create a new contact.
        led_to_it = {
            identity
            for contact, person in found
            for identity in person.hashes
            if directory.pointing.get(identity) in (None, contact)
        }
        self.store.privacy.forget(led_to_it, at=at)

    def _written(
        self, together: AccountStore, items: Sequence[NormalizedItem], fresh: Collection[str], at: Microseconds
    ) -> tuple[IdentityDirectory, IntakeResult]:
        new_changes = [change for item in items for change in item.changes if change.receipt in fresh]
        persons = [person for change in new_changes for person in (change.person, change.former) if person is not None]
        directory = read_directory(together, persons, creates=self.source.creates_contacts)
        plan = plan_batch(items, fresh, directory)
        made = [ContactRow(contact) for contact in directory.created]
        if directory.merged:
            if not together.is_alone:
                raise _MergeNeeded
            together.contacts.put(made, recorded_at=at, lifts=False)
            for former, into in directory.merged:
                together.contacts.merge(former, into, at=at)
            made = []
        # Contacts, identities, stale contacts, events: each once and in this order, or two sources would deadlock.
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
        plan.noted += [NotedItem(ERASED)] * (erased + gone)
        erased += gone
        plan.counts.update({"new": -repeated - erased, "duplicate": repeated, "ignored": erased})
        return directory, self._taken(plan, at)

    def _judged(self, together: AccountStore, rows: Sequence[EventRow]) -> list[EventRow]:
        """Leave out events that are stored under another id, assess the rest, and correct what is stored."""
        named = [row for row in rows if is_of_message(row)]
        contacts, messages = {row.contact_id for row in named}, {str(row.message_id) for row in named}
        stored = list(together.events.of_messages(contacts, messages))
        judged, corrected = assess_batch(without_repeats(rows, stored), stored)
        together.events.correct(corrected)
        return judged

    def _taken(self, plan: BatchPlan, at: Microseconds) -> IntakeResult:
        letters: dict[str, DeadLetterRow] = {}
        for letter in (*(self._letter(dead, at) for dead in plan.dead), *(self._note(one, at) for one in plan.noted)):
            before = letters.get(letter.dead_letter_id)
            letters[letter.dead_letter_id] = letter._replace(times=letter.times + (before.times if before else 0))
        notes = Counter(one.note.reason for one in plan.noted)
        return IntakeResult(plan.counts, tuple(letters.values()), tuple(plan.confirmations), notes)

    def _note(self, noted: NotedItem, at: Microseconds) -> DeadLetterRow:
        """Return the letter of a note: the same note about several items is one letter."""
        reason, detail = noted.note
        digest = blake2b(f"{self.source.source_id}\n{reason}\n{detail}".encode(), digest_size=12).hexdigest()
        # An erasure finds it by the contacts it names.
        named = {"contact_ids": [{"contact_id": one} for one in noted.contact_ids]} if noted.contact_ids else None
        text = redacted_json(named, self.recipient_hasher.address_hash)
        if noted.item is not None and named is None:
            text = redacted_json(noted.item.raw, self.recipient_hasher.address_hash)
        recipient = noted.person.hash or None if noted.person is not None else next(hashes_in(text), None)
        source = self.source
        return DeadLetterRow(f"dl_{digest}", source.source_id, source.provider, reason, detail, text, recipient, at)

    def _letter(self, dead: DeadItem, at: Microseconds) -> DeadLetterRow:
        """Return the letter of an item; the same item again is the same letter."""
        text = redacted_json(dead.item.raw, self.recipient_hasher.address_hash)
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

    def forget_merged(self, directory: IdentityDirectory) -> None:
        """Remove merged contacts from the lists of predictions, which are in another database."""
        if directory.merged:
            with suppress(StoreUnavailable):
                self.store.predictions.forget_latest([former for former, _ in directory.merged])


@dataclass(eq=False, slots=True)
class VerifiedBatch:
    """A batch that is verified and normalized, and its result once it is stored."""

    intake: Intake
    items: Sequence[NormalizedItem]
    at: Microseconds
    taken: IntakeResult | None = None

    @property
    def erases(self) -> bool:
        """Whether somebody is to be erased, which has transactions of its own."""
        return any(isinstance(change.incoming, IncomingErasure) for item in self.items for change in item.changes)

    def take(self) -> IntakeResult:
        """Store it alone; see `Intake.take`."""
        return self.intake.take(self.items, at=self.at)


def take_together(batches: Sequence[VerifiedBatch]) -> None:
    """Store batches of one source with one commit, each as if it came alone.

    Args:
        batches: in the order in which they came. Those that have to be alone, and all where one of them fails, are
            left as they are: taken alone, each says what is wrong with it.
    """
    joined = [batch for batch in batches if not batch.erases]
    if len(joined) < 2:
        return
    try:
        with joined[0].intake.store.transaction() as together:
            written = [batch.intake.write(together, batch.items, batch.at) for batch in joined]
    except Exception:  # whatever it is: the one to blame raises it again when it is taken alone, and no other may
        return
    for batch, (directory, taken) in zip(joined, written, strict=True):
        batch.taken = taken
        batch.intake.forget_merged(directory)


def read_directory(store: AccountStore, persons: Iterable[Person], *, creates: bool) -> IdentityDirectory:
    """Read which contacts some persons lead to; joins an open transaction."""
    persons = list(persons)
    pointing = store.identities.contacts_of({identity for person in persons for identity in person.hashes})
    named = {person.contact_id for person in persons} | {person.born_id for person in persons}
    contacts = store.contacts.known({name for name in named if name}) if named else set()
    claims = store.identities.claims_on({identity for identity in pointing if identity[0] == "email"})
    living = store.contacts.known({contact for claimed in claims.values() for contact in claimed}) if claims else set()
    directory = IdentityDirectory({**pointing}, contacts, frozenset(), creates=creates)
    directory.claims = {identity: claimed & living for identity, claimed in claims.items()}
    unknown: set[Identity] = {
        identity
        for person in persons
        for identity in person.hashes
        if directory.find(person) is None or (person.contact_id is not None and person.contact_id not in contacts)
    }
    directory.erased = frozenset(store.identities.erased(unknown))
    return directory


@dataclass(frozen=True, slots=True)
class DeadLetterRetry:
    """Retries dead letters of an account, for the API and the command line."""

    store: AccountStore
    providers: Mapping[str, Provider]
    identity_key: bytes

    def retry(self, letter: DeadLetterRow, *, at: Microseconds) -> bool:
        """Retry a letter; return whether it was taken and removed.

        Raises:
            Conflict: its source was removed.
        """
        source = self.store.sources.find(letter.source_id)
        if source is None or source.provider not in self.providers:
            raise Conflict("The source of this dead letter was removed; it cannot be tried again.")
        intake = intake_of(self.store, source, self.identity_key)
        # An item without an instant of its own happened when it was received.
        came = instant_of(letter.received_at)
        normalizer = Normalizer(self.providers[source.provider], intake.recipient_hasher, came, at)
        return not intake.retry(letter, normalizer.item(json.loads(letter.payload)), at=at).letters

    def retry_all(self, *, source_id: str | None, reason: str | None, at: Microseconds) -> tuple[int, int]:
        """Retry all letters, of one source or reason if given.

        Returns:
            How many were taken, and how many stay.
        """
        taken = stay = 0
        after: tuple[Microseconds, str] | None = None
        while page := self.store.sources.dead_letters.page(PAGE, after=after, source_id=source_id, reason=reason):
            after = page[-1].received_at, page[-1].dead_letter_id
            for letter in page:
                try:
                    gone = self.retry(letter, at=at)
                except Conflict:
                    gone = False
                taken, stay = taken + gone, stay + (not gone)
        return taken, stay


def intake_of(store: AccountStore, source: SourceRow, identity_key: bytes) -> Intake:
    """Return the intake of a source."""
    return Intake(store, source, RecipientHasher(source.source_id, source.name, identity_key))
