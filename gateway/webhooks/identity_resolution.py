"""Identity resolution: the identities of a recipient, and the contacts to which they lead. Pure."""

import re
from dataclasses import dataclass, field

from gateway.webhooks.notes import Note
from gateway.webhooks.provider import Recipient
from shared.contracts.rows import SHARED_BY, born_id, contact_hash
from shared.ingest import email_hash
from shared.store import Identity
from shared.values.addresses import is_placeholder, normal_address

MAX_ID = 200
_HASHED = re.compile(r"hash:([0-9a-f]{64})")
_ADDRESS = re.compile(r"[^\s<>,;\"@]+@[^\s<>,;\"@]+")


@dataclass(frozen=True, slots=True)
class Person:
    """A recipient as the store knows people: by hashes."""

    contact_id: str | None
    """The account's own id."""
    identities: tuple[Identity, ...]
    """Identities that lead to a contact, the most certain first."""
    own_identity: Identity | None
    """Hash of the account's own id; after a merge it leads to another contact."""
    born_id: str
    """The id of the contact if it has to be created."""
    has_placeholder: bool = False
    """The address is a placeholder, which identifies nobody."""

    @property
    def hash(self) -> str:
        """One hash by which an erasure finds what is kept of this person."""
        return (*self.identities, self.own_identity or ("", ""))[0][1]

    @property
    def hashes(self) -> tuple[Identity, ...]:
        """All hashes."""
        return self.identities if self.own_identity is None else (*self.identities, self.own_identity)


@dataclass(frozen=True, slots=True)
class RecipientHasher:
    """Hashes the recipients of one source into persons."""

    source_id: str
    source_name: str
    key: bytes
    """The installation's identity key."""

    def person(self, recipient: Recipient) -> Person:
        """Hash what is known of a recipient.

        An account may use addresses as ids: then the id is an address too, and both are the same after redaction.
        """
        contact_id, email = recipient.contact_id, recipient.email
        if contact_id is not None and (_HASHED.fullmatch(contact_id) or _ADDRESS.fullmatch(contact_id)):
            email = email or contact_id
            contact_id = None if _HASHED.fullmatch(contact_id) else contact_id
        has_placeholder = email is not None and _is_placeholder(email)
        email = None if has_placeholder else email
        found: list[Identity] = []
        if email is not None:
            found.append(("email", self.address_hash(email)))
        if recipient.external_id is not None:
            found.append((f"external:{self.source_id}", self._hash(recipient.external_id)))
        if recipient.anonymous_id is not None:
            found.append((f"anonymous:{self.source_id}", self._hash(recipient.anonymous_id)))
        own = None if contact_id is None else ("contact", contact_hash(contact_id, self.key))
        return Person(
            contact_id, tuple(found), own, self._born_id(contact_id, recipient.external_id, found), has_placeholder
        )

    def address_hash(self, address: str) -> str:
        """Hash an address; `hash:` and a hash is one already."""
        hashed = _HASHED.fullmatch(address)
        return hashed[1] if hashed else email_hash(address, self.key)

    def _hash(self, text: str) -> str:
        if _ADDRESS.fullmatch(text):  # as it reads after redaction
            text = f"hash:{self.address_hash(text)}"
        return contact_hash(text, self.key)

    def _born_id(self, contact_id: str | None, external_id: str | None, found: list[Identity]) -> str:
        if contact_id is not None:
            return contact_id
        if external_id is not None and not (_ADDRESS.fullmatch(external_id) or _HASHED.fullmatch(external_id)):
            made = f"{self.source_name}:{external_id}"  # no name holds a colon
            if len(made) <= MAX_ID and made.isprintable():
                return made
        return born_id(found[0]) if found else ""


def _is_placeholder(address: str) -> bool:
    return not _HASHED.fullmatch(address) and is_placeholder(normal_address(address))


@dataclass(slots=True)
class IdentityDirectory:
    """Which contact each identity leads to, and what a batch changes, in the order of its items."""

    pointing: dict[Identity, str]
    contacts: set[str]
    """Existing contacts that the batch may be about."""
    erased: frozenset[Identity]
    creates: bool
    """Whether unknown people become contacts."""
    claims: dict[Identity, set[str]] = field(default_factory=dict)
    """Existing contacts that an address ever led to."""
    notes: list[tuple[Note, tuple[str, ...]]] = field(default_factory=list)
    """Notes about the person that was resolved last, with the contacts that each names."""
    created: list[str] = field(default_factory=list)
    merged: list[tuple[str, str]] = field(default_factory=list)
    """Former contact and the contact it becomes, in order."""
    pointed: dict[Identity, str] = field(default_factory=dict)
    """Identities to write; each leads to a contact that exists after the batch."""

    def resolve(self, person: Person) -> str | None:
        """Find or create the contact, and point all identities of the person to it; None: unknown."""
        contact = self.find(person)
        if person.contact_id is not None and contact != person.contact_id and self._makes(person):
            contact = None  # the account's own id shows that it is another person
        if contact is None:
            if not (self.creates and person.born_id) or self.is_erased(person) or self.is_shared(person):
                return None
            contact = person.born_id
            self.created.append(contact)
            self.contacts.add(contact)
        for identity in person.identities:
            self._point(identity, contact)
        return contact

    def find(self, person: Person) -> str | None:
        """Find the contact without changing anything."""
        if person.contact_id is not None and person.contact_id in self.contacts:
            return person.contact_id
        for identity in (*((person.own_identity,) if person.own_identity else ()), *person.identities):
            if identity in self.pointing and not self._is_shared(identity):
                return self.pointing[identity]
        return person.born_id if person.born_id in self.contacts else None

    def is_erased(self, person: Person) -> bool:
        """Whether the person was erased, and not put again."""
        return any(identity in self.erased and not self._is_shared(identity) for identity in person.hashes)

    def is_shared(self, person: Person) -> bool:
        """Whether a person is known only by an address that several contacts share."""
        alone = person.contact_id is None and all(map(self._is_shared, person.identities))
        return alone and bool(person.identities) and self.find(person) is None

    def merge(self, former: Person, into: str) -> None:
        """Point a person's identities to another contact; the person's own contact, if any, is merged into it."""
        contact = self.find(former)
        if contact is not None and contact != into:
            self._unite(contact, into)
        if former.own_identity is not None and former.contact_id != into:
            self._point(former.own_identity, into)
        for identity in former.identities:
            self._point(identity, into)

    def _makes(self, person: Person) -> bool:
        return self.creates and person.own_identity not in self.pointing and not self.is_erased(person)

    def _point(self, identity: Identity, contact: str) -> None:
        before = self.pointing.get(identity)
        if before == contact or self._is_shared(identity):
            return
        self.pointing[identity] = self.pointed[identity] = contact
        if before is None or identity[0] == "contact":
            return
        if before == born_id(identity):
            self._unite(before, contact)  # that contact was created from this identity alone
        elif identity[0] == "email":
            self._claim(identity, before, contact)
        elif identity[0].startswith("external:"):
            detail = f"An id of this source that led to contact {before} leads to contact {contact} from now on."
            self.notes.append((Note("id_moved", detail), (before, contact)))

    def _claim(self, identity: Identity, before: str, contact: str) -> None:
        """Note that an address leads to another contact than before, or that too many contacts share it."""
        self.claims.setdefault(identity, set()).update((before, contact))
        if self._is_shared(identity):
            detail = (
                f"An address was told of {SHARED_BY} contacts or more, so it is shared: by it alone nobody is "
                "recognised from now on, and nobody becomes one with another."
            )
            self.notes.append((Note("address_shared", detail), ()))
            return
        detail = f"The address that led to contact {before} leads to contact {contact} from now on."
        self.notes.append((Note("address_moved", detail), (before, contact)))

    def _is_shared(self, identity: Identity) -> bool:
        return len(self.claims.get(identity, ())) >= SHARED_BY

    def _unite(self, former: str, into: str) -> None:
        self.merged.append((former, into))
        self.contacts.discard(former)
        for pointing in (self.pointing, self.pointed):
            _replace(pointing, former, into)
        for claimed in self.claims.values():
            if former in claimed:
                claimed.remove(former)
                claimed.add(into)

    def final(self, contact: str) -> str:
        """Return the contact that a contact has become at the end of the batch."""
        for former, into in self.merged:
            contact = into if contact == former else contact
        return contact


def _replace(pointing: dict[Identity, str], former: str, into: str) -> None:
    for identity, contact in pointing.items():
        if contact == former:
            pointing[identity] = into
