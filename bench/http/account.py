"""A generated account that a model can be trained on through the command line: 2,000 contacts x about 50 events."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from foretell.cli.context import ensure_account, ensure_key, now_us
from shared.contracts.rows import DAY, AttributeRow, ContactRow, EventRow, Microseconds
from shared.settings import Settings
from shared.store import migrate, open_database

CONTACTS = 2_000
EVENTS = 50
DAYS = 500
OUTCOME = "order"
PLANS = ("free", "team", "company", "school")
TYPES = ("email_sent", "email_opened", "email_clicked", "page_viewed")


def fill(home: Path, account: str, outcome: str) -> None:
    """Make a home with contacts, events, an outcome and a promoted model.

    Args:
        home: made when absent.
        account: whose.
        outcome: what is predicted: an order within 30 days.
    """
    home.mkdir(parents=True, exist_ok=True)
    settings = Settings(home=home)
    migrate(settings)
    database = open_database(settings)
    ensure_account(database, account)
    ensure_key(database, settings, account)
    store = database.of(account)
    choices, now = random.Random(0), now_us()
    keen = [choices.random() < 0.4 for _ in range(CONTACTS)]
    store.contacts.put_bulk(
        (_contact(choices, number, keen=keen[number], now=now) for number in range(CONTACTS)), recorded_at=now
    )
    store.events.add_bulk(
        [
            _event(choices, number, at=now - choices.randrange(DAYS * DAY), keen=keen[number])
            for number in range(CONTACTS)
            for _ in range(choices.randrange(EVENTS // 2, EVENTS * 3 // 2))
        ]
    )
    database.close()
    began = time.perf_counter()
    _foretell(home, "outcomes", "set", outcome, "--event", "order_placed", "--within", "30d", "--repeatable", account)
    _foretell(home, "train", "scoring", "--outcome", outcome, account)
    print(f"trained in {time.perf_counter() - began:.0f} s")


def _contact(choices: random.Random, number: int, *, keen: bool, now: Microseconds) -> ContactRow:
    since = now - (DAYS + 10) * DAY
    attributes = [AttributeRow("plan", choices.choice(PLANS[2 * keen :] if choices.random() < 0.6 else PLANS), since)]
    attributes += [
        AttributeRow(f"attribute_{place}", round(choices.gauss(keen, 2.0), 2), since) for place in range(1, 30, 3)
    ]
    return ContactRow(f"c-{number:05d}", created_at=since, timezone="Europe/Paris", attributes=tuple(attributes))


def _event(choices: random.Random, number: int, *, at: Microseconds, keen: bool) -> EventRow:
    ordered = choices.random() < (0.16 if keen else 0.01)
    return EventRow(
        contact_id=f"c-{number:05d}",
        event_id=f"~{choices.getrandbits(128):032x}",
        type="order_placed" if ordered else choices.choice(TYPES),
        occurred_at=at,
        recorded_at=at,
        value=round(choices.gammavariate(2, 30), 2) if ordered else None,
        campaign_id=f"campaign-{choices.randrange(40)}",
        human=1,
    )


def _foretell(home: Path, *words: str) -> None:
    *command, account = words
    subprocess.run(
        [sys.executable, "-m", "foretell", *command, "--account", account],
        env={**os.environ, "FORETELL_HOME": str(home), "MLFLOW_DISABLE_TELEMETRY": "true"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
