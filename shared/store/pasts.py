"""What lies before a cutoff: the read that every prediction makes, and the one that training makes."""

import logging
from collections.abc import Collection, Sequence

from sqlalchemy import SelectBase, bindparam, select

from shared.contracts.rows import DAY, Microseconds
from shared.store.events import EVENT_COLUMNS
from shared.store.facts import facts_of
from shared.store.prepared import IDS, Prepared, among_ids
from shared.store.scope import BATCH, Scope, batches
from shared.store.tables import EventTable
from shared.timeline import ContactFacts, EventTuple, PastRows

log = logging.getLogger(__name__)


def _events(sqlite: bool) -> SelectBase:
    return select(*EVENT_COLUMNS).where(
        EventTable.account_id == bindparam("account"),
        among_ids(EventTable.contact_id, sqlite=sqlite),
        EventTable.occurred_at < bindparam("cutoff"),
        EventTable.occurred_at >= bindparam("since"),
        EventTable.recorded_at <= bindparam("asked_at"),
    )


def _older(sqlite: bool) -> SelectBase:
    return select(*EVENT_COLUMNS).where(
        EventTable.account_id == bindparam("account"),
        among_ids(EventTable.contact_id, sqlite=sqlite),
        EventTable.occurred_at < bindparam("since"),
        EventTable.recorded_at <= bindparam("asked_at"),
        among_ids(EventTable.type, sqlite=sqlite, parameter="always"),
    )


_EVENTS = Prepared(_events)
_OLDER = Prepared(_older)


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
                bounds = {"account": self.account, IDS: part, "since": since, "asked_at": asked_at}
                events.extend(_EVENTS.rows(connection, {**bounds, "cutoff": cutoff}))
                if always:
                    older.extend(_OLDER.rows(connection, {**bounds, "always": list(always)}))
        return PastRows(facts=facts, events=events, older=older)

    def scan_contacts(self) -> tuple[list[str], dict[str, ContactFacts]]:
        """Read all contacts with all values of their attributes, for training.

        Returns:
            Their ids in order, and their facts by id.
        """
        with self._store.reading() as connection:
            facts = facts_of(connection, self.account, None)
        unreadable = sum(1 for one in facts.values() if one.unreadable)
        if unreadable:
            log.warning("store.values_unreadable", extra={"account": self.account, "contacts": unreadable})
        return sorted(facts), facts
