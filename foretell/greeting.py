"""What `foretell up` says once everything answers: addresses, where the key lies, and a request that works."""

import json
import shlex
import sys
from typing import TYPE_CHECKING

from foretell import home
from foretell.demonstration import ACCOUNT as DEMO
from foretell.demonstration import NOTES
from foretell.options import DEFAULT_ACCOUNT
from shared.capabilities import capability
from shared.settings import Settings
from shared.store import ChampionRow, Database, open_database

if TYPE_CHECKING:
    from pathlib import Path


def greeting(settings: Settings, host: str, port: int) -> str:
    """Compose the greeting.

    Args:
        settings: where home and store are.
        host: where the gateway listens.
        port: the gateway's.
    """
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
    url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
    database = open_database(settings)
    try:
        question = _question(settings, database)
    finally:
        database.close()
    account = question[0].account if question else DEFAULT_ACCOUNT
    lines = [
        "",
        f"Foretell answers at   {url}",
        f"Documentation         {url}/docs",
        f"Key of {account:<14} {_key(settings.keys_folder / account)}",
        f"Logs                  {settings.home / 'logs'}",
        "",
        *(_curl(url, settings, *question) if question else _what_next(account)),
        "",
        "Ctrl-C stops everything.",
    ]
    return "\n".join(lines)


def _key(path: "Path") -> str:
    """Show the key itself to a person only: a terminal is not kept, a journal is."""
    if not path.exists():
        return "none yet: foretell keys create"
    return f"{home.private_text(path)}  (in {path})" if sys.stdout.isatty() else f"in {path}"


def _question(settings: Settings, database: Database) -> tuple[ChampionRow, str] | None:
    """Find a champion whose key lies here, the sample's first, and a contact to ask about."""
    champions = [row for row in database.champions() if (settings.keys_folder / row.account).exists()]
    for champion in sorted(champions, key=lambda row: row.account != DEMO):
        contact = _contact(settings, database, champion)
        if contact is not None:
            return champion, contact
    return None


def _contact(settings: Settings, database: Database, champion: ChampionRow) -> str | None:
    store = database.of(champion.account)
    if champion.account == DEMO:
        lively = home.notes(settings.home / NOTES).get("contact")
        if lively and store.contact(lively) is not None:
            return str(lively)
    first = store.contacts(1, None)
    return first[0].contact_id if first else None


def _curl(url: str, settings: Settings, champion: ChampionRow, contact: str) -> list[str]:
    line = capability(champion.capability)
    body: dict[str, object] = {"contacts": [{"id": contact}]}
    if line.per_outcome:
        body["outcome"] = champion.outcome
    key = shlex.quote(str(settings.keys_folder / champion.account))
    return [
        "Try it in another terminal:",
        f'  curl -s {url}{line.path} -H "Authorization: Bearer $(cat {key})" \\',
        f"    -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body))}",
    ]


def _what_next(account: str) -> list[str]:
    return [
        f"No model is trained yet. `foretell demo` loads a sample, or bring your own data to the account {account}:",
        "  foretell import --contacts contacts.csv --events events.csv",
        "  foretell train scoring --outcome customer",
    ]
