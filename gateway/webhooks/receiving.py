"""From a request to what became of it: the source found, the proof checked, the batch taken."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.webhooks.intake import Intake, Taken
from gateway.webhooks.people import Register
from gateway.webhooks.preparing import Preparation
from gateway.webhooks.provider import Provider, SignedRequest
from gateway.webhooks.sourcebook import KnownSource, SourceBook
from shared.contracts.credentials import Seal
from shared.contracts.rows import Microseconds, instant_of, microseconds
from shared.errors import BadRequest, Conflict, NotFound
from shared.store import AccountStore, Database, DeadLetterRow, SourceRow

MAX_ITEMS: Final = 10_000
PAGE: Final = 200
_ABSENT: Final = "There is no such source: copy its address again, or list them with `foretell sources list`."


@dataclass(frozen=True, slots=True)
class Receiving:
    """Everything between a request and the store; called from threads."""

    database: Database
    book: SourceBook
    providers: Mapping[str, Provider]
    identity_key: bytes
    seal: Seal

    def known(self, provider: str, source_id: str, at: Microseconds) -> KnownSource:
        """Find a source by its whole address.

        Raises:
            NotFound: there is none, or it is another provider's; the same words for both.
            StoreUnavailable: nobody can say.
        """
        known = self.book.source(source_id, at)
        if known is None or known.row.provider != provider or provider not in self.providers:
            raise NotFound(_ABSENT)
        return known

    def receive(self, known: KnownSource, request: SignedRequest) -> Taken:
        """Verify a request and take what is new in it; committed when this returns.

        Raises:
            WebhookRefused: it does not come from the provider, or is stale.
            BadRequest: it is verified and cannot be read.
            StoreUnavailable: nothing was stored.
        """
        provider, at = self.providers[known.row.provider], microseconds(request.received_at)
        provider.verify(request, known.credentials(at))
        items = provider.items(request)
        if len(items) > MAX_ITEMS:
            raise BadRequest(f"A request carries at most {MAX_ITEMS:,} items; send it in several.")
        intake = intake_of(self.database.of(known.row.account), known.row, self.identity_key)
        preparation = Preparation(provider, intake.register, request.received_at, at)
        return intake.take([preparation.item(item) for item in items], at=at)


@dataclass(frozen=True, slots=True)
class Retrying:
    """Dead letters of an account tried again; at the API and on the command line."""

    store: AccountStore
    providers: Mapping[str, Provider]
    identity_key: bytes

    def retry(self, letter: DeadLetterRow, *, at: Microseconds) -> bool:
        """Take a letter once more; tell whether it was taken and is gone.

        Raises:
            Conflict: its source is no more.
        """
        source = self.store.sources.find(letter.source_id)
        if source is None or source.provider not in self.providers:
            raise Conflict("The source of this dead letter was removed; it cannot be tried again.")
        intake = intake_of(self.store, source, self.identity_key)
        # What the provider says without an instant of its own happened when it came.
        came = instant_of(letter.received_at)
        preparation = Preparation(self.providers[source.provider], intake.register, came, at)
        return not intake.retry(letter, preparation.item(json.loads(letter.payload)), at=at).letters

    def retry_all(self, *, source_id: str | None, reason: str | None, at: Microseconds) -> tuple[int, int]:
        """Take all letters once more, of one source or reason where given.

        Returns:
            How many were taken, and how many stay.
        """
        taken = stay = 0
        after: tuple[Microseconds, str] | None = None
        while page := self.store.dead_letters.page(PAGE, after=after, source_id=source_id, reason=reason):
            after = page[-1].received_at, page[-1].dead_letter_id
            for letter in page:
                try:
                    gone = self.retry(letter, at=at)
                except Conflict:
                    gone = False
                taken, stay = taken + gone, stay + (not gone)
        return taken, stay


def intake_of(store: AccountStore, source: SourceRow, identity_key: bytes) -> Intake:
    """Make the intake of a source."""
    return Intake(store, source, Register(source.source_id, source.name, identity_key))
