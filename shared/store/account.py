"""Everything stored of one account: one attribute a subject, the account bound once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from shared.contracts.rows import Microseconds
from shared.store.assignments import Assignments
from shared.store.audit import Audit
from shared.store.batches import Batches
from shared.store.change_detection import ChangeDetection
from shared.store.contacts import Contacts
from shared.store.dead_letters import DeadLetters
from shared.store.deliveries import Deliveries
from shared.store.events import Events
from shared.store.idempotency import Idempotency
from shared.store.identities import Identities
from shared.store.keys import Keys
from shared.store.models import Models
from shared.store.outbox import Outbox
from shared.store.outcomes import Outcomes
from shared.store.predictions import Predictions
from shared.store.privacy import Privacy
from shared.store.scope import Scope
from shared.store.segments import Segments
from shared.store.sources import Sources
from shared.store.subscriptions import Subscriptions


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

    def hashing(self, identity_key: bytes | None) -> "AccountStore":
        """Take the same store, with the key under which it recognises who was erased.

        Args:
            identity_key: the installation's; None: it is not known here, and nobody new can be taken in where
                somebody was erased.
        """
        return AccountStore(replace(self._scope, identity_key=identity_key))

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
    def assignments(self) -> Assignments:
        """Which contact of an experiment got which arm."""
        return Assignments(self._scope)

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
        """People being marketed to, their attributes and pasts."""
        return Contacts(self._scope)

    @property
    def dead_letters(self) -> DeadLetters:
        """Items of webhooks that could not be taken."""
        return DeadLetters(self._scope)

    @property
    def deliveries(self) -> Deliveries:
        """Messages on their way to subscriptions."""
        return Deliveries(self._scope)

    @property
    def events(self) -> Events:
        """Dated facts about contacts."""
        return Events(self._scope)

    @property
    def idempotency(self) -> Idempotency:
        """Requests answered once, and providers' events received once."""
        return Idempotency(self._scope)

    @property
    def identities(self) -> Identities:
        """What else contacts are known by."""
        return Identities(self._scope)

    @property
    def keys(self) -> Keys:
        """Keys of the API."""
        return Keys(self._scope)

    @property
    def models(self) -> Models:
        """Registered versions, and which one answers."""
        return Models(self._scope)

    @property
    def outbox(self) -> Outbox:
        """Messages that are to be delivered."""
        return Outbox(self._scope)

    @property
    def outcomes(self) -> Outcomes:
        """What is predicted."""
        return Outcomes(self._scope)

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
