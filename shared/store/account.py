"""Everything stored of one account, in one place to ask."""

from shared.store.answers import Answers
from shared.store.assignments import Assignments
from shared.store.audit import Audit
from shared.store.bulk import BulkEvents
from shared.store.catalogue import Catalogue
from shared.store.champions import Champions
from shared.store.contacts import Contacts
from shared.store.courier_rounds import CourierRounds
from shared.store.dead_letters import DeadLetters
from shared.store.deliveries import Deliveries
from shared.store.erasure import Erasure
from shared.store.erasures import Erasures
from shared.store.events import Events
from shared.store.export import Export
from shared.store.keys import Keys
from shared.store.merging import Merging
from shared.store.outbox import Outbox
from shared.store.outcomes import Outcomes
from shared.store.pasts import PastReads
from shared.store.predictions import Predictions
from shared.store.ranking import Ranking
from shared.store.receipts import Receipts
from shared.store.segments import Segments
from shared.store.sightings import Sightings
from shared.store.sources import Sources
from shared.store.stale import StaleContacts
from shared.store.standings import Standings
from shared.store.subscriptions import Subscriptions


class AccountStore(
    Keys,
    Contacts,
    Events,
    BulkEvents,
    PastReads,
    Outcomes,
    Champions,
    Catalogue,
    Predictions,
    Ranking,
    Segments,
    Assignments,
    Standings,
    StaleContacts,
    Outbox,
    Subscriptions,
    Deliveries,
    CourierRounds,
    Sources,
    Receipts,
    DeadLetters,
    Merging,
    Sightings,
    Answers,
    Erasure,
    Erasures,
    Export,
    Audit,
):
    """One account's store: whatever is called, only this account's rows are seen or changed."""
