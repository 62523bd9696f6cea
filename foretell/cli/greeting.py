"""What `foretell up` says once everything answers: addresses, where the key lies, and a request that works."""

import json
import shlex
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from foretell import home
from foretell.cli.demonstration import ACCOUNT as DEMO
from foretell.cli.demonstration import NOTES
from foretell.cli.options import DEFAULT_ACCOUNT
from foretell.processes import directly
from gateway.console.sessions import Sessions
from shared.capabilities import TABLE, capability
from shared.contracts.call import digest_of, public_id_of
from shared.settings import Settings
from shared.store import AccountStore, ChampionRow, Database, open_database


@dataclass(frozen=True, slots=True)
class ExampleRequest:
    """A request that has an answer: a champion, a contact that exists, and a key that lies here."""

    account: str
    key_file: Path
    path: str
    body: str

    def is_answered(self, url: str, *, timeout_seconds: float = 5.0) -> bool:
        """Ask it; False while the model is being loaded."""
        request = urllib.request.Request(  # noqa: S310 - our own gateway
            url + self.path,
            data=self.body.encode(),
            headers={
                "Authorization": f"Bearer {home.private_text(self.key_file)}",
                "Content-Type": "application/json",
            },
        )
        try:
            with directly(request, timeout=timeout_seconds) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False


def example_requests(settings: Settings) -> list[ExampleRequest]:
    """Find something to ask, one question a capability of one account, the sample's first; none without a model."""
    database = open_database(settings)
    try:
        examples: dict[str, ExampleRequest] = {}
        champions = [row for row in database.champions() if (settings.keys_folder / row.account).exists()]
        for champion in sorted(champions, key=lambda row: row.account != DEMO):
            first = next(iter(examples.values()), None)
            if champion.capability in examples or (first is not None and first.account != champion.account):
                continue
            contact = _contact(settings, database, champion)
            if contact is not None:
                examples[champion.capability] = _example_request(settings, champion, contact)
        return [examples[line.name] for line in TABLE if line.name in examples]
    finally:
        database.close()


def _contact(settings: Settings, database: Database, champion: ChampionRow) -> str | None:
    store: AccountStore = database.of(champion.account)
    noted = home.notes(settings.home / NOTES).get("contacts", {}) if champion.account == DEMO else {}
    contact_id = noted.get(champion.capability)
    if contact_id and store.contacts.find(contact_id) is not None:
        return str(contact_id)
    best = store.predictions.ranked(champion.capability, champion.outcome, limit=1)
    first = store.contacts.page(1, None)
    return best[0].contact_id if best else first[0].contact_id if first else None


def _example_request(settings: Settings, champion: ChampionRow, contact: str) -> ExampleRequest:
    line = capability(champion.capability)
    body: dict[str, object] = {"contacts": [{"id": contact}]}
    if line.per_outcome:
        body["outcome"] = champion.outcome
    # `foretell up` asks it at each start: no decision may come of that.
    written = json.dumps(line.harmless_request(body))
    return ExampleRequest(champion.account, settings.keys_folder / champion.account, line.path, written)


def base_url(host: str, port: int) -> str:
    """Return the address under which this machine reaches the gateway."""
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"


def greeting(settings: Settings, url: str, examples: Sequence[ExampleRequest]) -> str:
    """Compose the greeting.

    Args:
        settings: where home is.
        url: of the gateway.
        examples: requests worth trying, where there are models.
    """
    account = examples[0].account if examples else DEFAULT_ACCOUNT
    lines = [
        "",
        f"Foretell answers at   {url}",
        f"Console               {_console(settings, url, settings.keys_folder / account)}",
        f"Documentation         {url}/docs",
        f"Key of {account:<14} {_key(settings.keys_folder / account)}",
        f"Logs                  {settings.home / 'logs'}",
        "",
        *(_curls(url, examples) if examples else _what_next(account)),
        "",
        "Ctrl-C stops everything.",
    ]
    return "\n".join(lines)


def _key(path: Path) -> str:
    """Show the key itself to a person only: a terminal is not kept, a journal is."""
    if not path.exists():
        return "none yet: foretell keys create"
    return f"{home.private_text(path)}  (in {path})" if sys.stdout.isatty() else f"in {path}"


def _console(settings: Settings, url: str, path: Path) -> str:
    """Show a link that signs in once to a person only, as the key itself."""
    if not path.exists() or not sys.stdout.isatty():
        return f"{url}/console"
    return f"{console_link(url, path, home.secret(settings.home, 'signing_key'))}  (works once)"


def console_link(url: str, key_file: Path, signing_key: str) -> str:
    """Make a link that signs in to the console once.

    Args:
        url: of the gateway.
        key_file: holds the key that is signed in.
        signing_key: the installation's.
    """
    text = home.private_text(key_file)
    token = Sessions(signing_key.encode()).link_token(public_id_of(text), digest_of(text))
    return f"{url.rstrip('/')}/console/enter?link={token}"


def _curls(url: str, examples: Sequence[ExampleRequest]) -> list[str]:
    return ["Try it in another terminal:", *(line for question in examples for line in _curl(url, question))]


def _curl(url: str, question: ExampleRequest) -> list[str]:
    return [
        f'  curl -s {url}{question.path} -H "Authorization: Bearer $(cat {shlex.quote(str(question.key_file))})" \\',
        f"    -H 'Content-Type: application/json' -d {shlex.quote(question.body)}",
    ]


def _what_next(account: str) -> list[str]:
    return [
        f"No model is trained yet. `foretell demo` loads a sample, or bring your own data to the account {account}:",
        "  foretell import --contacts contacts.csv --events events.csv",
        "  foretell train scoring --outcome customer",
    ]
