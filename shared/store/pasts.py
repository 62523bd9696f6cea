"""What lies before a cutoff: the read that every prediction makes, and the one that training makes."""

from collections.abc import Collection, Sequence

from sqlalchemy import String, bindparam, select

from shared.contracts.rows import DAY, Microseconds
from shared.store.events import EVENT_COLUMNS
from shared.store.facts import facts_of
from shared.store.scope import BATCH, Scope, batches
from shared.store.tables import EventTable
from shared.timeline import ContactFacts, EventTuple, PastRows

_EVENTS = select(*EVENT_COLUMNS).where(
    EventTable.account_id == bindparam("account"),
    EventTable.contact_id.in_(bindparam("ids", expanding=True, type_=String)),
    EventTable.occurred_at < bindparam("cutoff"),
    EventTable.occurred_at >= bindparam("since"),
    EventTable.recorded_at <= bindparam("asked_at"),
)
_OLDER = select(*EVENT_COLUMNS).where(
    EventTable.account_id == bindparam("account"),
    EventTable.contact_id.in_(bindparam("ids", expanding=True, type_=String)),
    EventTable.occurred_at < bindparam("since"),
    EventTable.recorded_at <= bindparam("asked_at"),
    EventTable.type.in_(bindparam("always", expanding=True, type_=String)),
)


class PastReads(Scope):
    """Pasts of one account's contacts."""

    def past_rows(
        self,
        contact_ids: Collection[str],
        *,
        cutoff: Microseconds,
        asked_at: Microseconds,
        always: Collection[str] = (),
        lookback_days: int = 730,
    ) -> PastRows:
        """Read what existed before a cutoff and was known when it was asked.

        Args:
            contact_ids: up to 1,000 cost two statements (three with `always`), one snapshot.
            cutoff: only events strictly before it, and attribute values valid from before it.
            asked_at: only what was recorded until then, so that an answer can be replayed.
            always: event types of which older events are read too, apart from the others.
            lookback_days: older events are left out.
        """
        distinct: Sequence[str] = list(dict.fromkeys(contact_ids))
        facts: dict[str, ContactFacts] = {}
        events: list[EventTuple] = []
        older: list[EventTuple] = []
        since = cutoff - lookback_days * DAY
        with self._store.reading() as connection:
            for part in batches(distinct, BATCH):
                facts.update(facts_of(connection, self.account, part, cutoff=cutoff, asked_at=asked_at))
                bounds = {"account": self.account, "ids": list(part), "since": since, "asked_at": asked_at}
                events.extend(connection.execute(_EVENTS, {**bounds, "cutoff": cutoff}).all())
                if always:
                    older.extend(connection.execute(_OLDER, {**bounds, "always": list(always)}).all())
        return PastRows(facts=facts, events=events, older=older)

    def scan_contacts(self) -> tuple[list[str], dict[str, ContactFacts]]:
        """Read all contacts with all values of their attributes, for training.

        Returns:
            Their ids in order, and their facts by id.
        """
        with self._store.reading() as connection:
            facts = facts_of(connection, self.account, None)
        return sorted(facts), facts
