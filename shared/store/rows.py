"""What the store returns and takes, apart from contacts and events (shared.contracts.rows)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shared.contracts.input_drift import InputDrift
from shared.contracts.rows import Microseconds
from shared.timeline import DatedValue


class Account(NamedTuple):
    """Who owns keys, contacts, events and models."""

    name: str
    created_at: Microseconds


class KeyRow(NamedTuple):
    """A key as stored: its secret part is known by digest only."""

    public_id: str
    account: str
    digest: bytes
    """SHA-256 of the whole key."""
    scopes: tuple[str, ...]
    name: str
    created_at: Microseconds
    last_used_at: Microseconds | None
    revoked_at: Microseconds | None
    expires_at: Microseconds | None


class AnswerRow(NamedTuple):
    """The first answer under an idempotency key, or the claim to give it."""

    key: str
    operation: str
    """Method and path of the route."""
    fingerprint: str
    claim: str
    """Random name of the request that may answer."""
    begun_at: Microseconds
    status: int | None = None
    """None: not answered yet."""
    answer: str | None = None
    """Sealed; None with a status: erased with a contact."""


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


class EventCount(NamedTuple):
    """Events of one type of one contact."""

    events: int
    first_at: Microseconds
    last_at: Microseconds


class EventTypeCount(NamedTuple):
    """How often an account uses an event type."""

    type: str
    events: int
    contacts: int
    with_value: int


class BulkCounts(NamedTuple):
    """What an import changed."""

    created: int
    updated: int
    unchanged: int
    erased: int = 0
    """Left out: these contacts were erased, and an import does not bring them back."""
    erased_rows: tuple[int, ...] = ()
    """Places of the rows that were left out."""


class AddedEvents(NamedTuple):
    """What became of many events; the others were there."""

    new: int
    erased: int
    """Left out: their contacts were erased."""
    erased_contacts: frozenset[str] = frozenset()
    """Whose they were."""


class AuditRow(NamedTuple):
    """One administrative action."""

    number: int
    """1 for the account's first one."""
    at: Microseconds
    actor: str
    action: str
    target: str
    detail: Mapping[str, Any]


class ChampionRow(NamedTuple):
    """Which version answers for an account, a capability and an outcome ("" when there is none)."""

    account: str
    capability: str
    outcome: str
    version: str
    digest: str
    promoted_at: Microseconds
    previous_version: str | None
    previous_digest: str | None


class PromotionRow(NamedTuple):
    """One promotion or rollback."""

    capability: str
    outcome: str
    number: int
    """1 for the first one."""
    promoted_at: Microseconds
    version: str
    digest: str
    replaced_version: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A registered version in the catalogue."""

    capability: str
    outcome: str
    version: str
    digest: str
    kind: str
    grade: str
    trained_at: Microseconds
    horizon_days: int | None
    run_id: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)
    card: str = ""
    input_drift: InputDrift | None = None
    """Counted over the last round of scoring; None: not counted yet."""


class PredictionRow(NamedTuple):
    """A prediction as it was answered."""

    contact_id: str
    capability: str
    outcome: str
    version: str
    cutoff: Microseconds
    asked_at: Microseconds
    request_id: str
    status: str
    probability: float | None
    score: int | None
    band: str | None
    source: str | None
    body: str
    """The prediction as it was sent, JSON."""
    segment: str | None = None
    """Id of the segment that it tells; None where the capability has none."""


class AssignmentRow(NamedTuple):
    """One contact of an experiment. Field order is the order of the store's columns."""

    campaign_id: str
    contact_id: str
    arm: str
    """`treatment`, `control` or `exploration`."""
    propensity: float
    """Chance with which this instant was chosen for this contact, over all arms."""
    send_at: Microseconds
    """What the contact was told, or would have been: the control's is the default."""
    policy_at: Microseconds
    """What the model would have chosen."""
    default_send_at: Microseconds
    engagement: str
    """What counts as an answer; empty where only activity is known."""
    version: str
    assigned_at: Microseconds


class SourceSecretRow(NamedTuple):
    """A secret of a source, sealed."""

    secret_id: str
    sealed: str
    created_at: Microseconds
    expires_at: Microseconds | None = None


class SourceRow(NamedTuple):
    """Where webhooks come from."""

    account: str
    source_id: str
    name: str
    provider: str
    creates_contacts: bool
    settings: Mapping[str, Any]
    created_at: Microseconds
    last_received_at: Microseconds | None = None
    secrets: tuple[SourceSecretRow, ...] = ()
    """Expired ones too, oldest first."""


class DeadLetterRow(NamedTuple):
    """An item of a webhook that could not be taken. Field order is the order of the store's columns."""

    dead_letter_id: str
    source_id: str
    provider: str
    reason: str
    """A stable code."""
    detail: str
    payload: str
    """The redacted item, JSON."""
    recipient: str | None
    """Keyed hash of whom it is about."""
    received_at: Microseconds
    times: int = 1
    """How often it came; as written, what is added."""
