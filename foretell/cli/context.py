"""The only place where a command gets at its settings, its store and its account."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from foretell import home
from foretell.cli.migrating import migrate_showing
from foretell.cli.options import DEFAULT_ACCOUNT
from shared.capabilities import TABLE
from shared.contracts import call as keys
from shared.contracts.rows import now_us
from shared.errors import BadRequest, Conflict, NotFound
from shared.settings import Settings, read
from shared.store import AccountStore, Database, open_database

COMMAND_LINE = "command line"
"""How the audit log names who acts with these commands."""
_ACCOUNT = re.compile(r"[a-z0-9-]{1,39}")


def account_name(name: str) -> str:
    """Check the shape of an account's name.

    Raises:
        BadRequest: other characters or too long.
    """
    if not _ACCOUNT.fullmatch(name):
        raise BadRequest(f"'{name}' is no account name: use 1 to 39 of a-z, 0-9 and -.")
    return name


def capability_name(name: str) -> str:
    """Check that the capability is in the table.

    Raises:
        BadRequest: it is not; lists those that are.
    """
    known = [line.name for line in TABLE]
    if name not in known:
        raise BadRequest(f"'{name}' is no capability: use {', '.join(known)}.")
    return name


def named_model(text: str, account: str, capability: str) -> tuple[str, str, str]:
    """Return account, capability and outcome of a model, named by its outcome or as `models list` prints it.

    Args:
        text: `redeem`, `scoring.redeem` or `demo.scoring.redeem`; no outcome has a dot in its name. A capability
            without outcomes is named alone: `segmentation` or `demo.segmentation`.
        account: where the text names none.
        capability: where the text names none.

    Raises:
        BadRequest: there is no such capability.
    """
    *before, outcome = text.rsplit(".", 2)
    if outcome in {line.name for line in TABLE if not line.per_outcome}:
        return (before.pop() if before else account), outcome, ""
    if before:
        capability = before.pop()
    return (before.pop() if before else account), capability_name(capability), outcome


@contextmanager
def opened_database(settings: Settings | None = None) -> Iterator[tuple[Settings, Database]]:
    """Open the store; the embedded one is made and migrated first, and has the account `default`.

    Raises:
        Conflict: the home folder cannot be used.
    """
    settings = settings or read(Settings)
    if settings.store_url is None:
        home.prepare(settings.home)
        home.refuse_lost_store(settings.home)
        migrate_showing(settings)
    database = open_database(settings, known_identity_key(settings))
    try:
        if settings.store_url is None:
            ensure_account(database, DEFAULT_ACCOUNT)
        yield settings, database
    finally:
        database.close()


@contextmanager
def opened_account(name: str) -> Iterator[tuple[Settings, Database, AccountStore]]:
    """Open the store of one account.

    Raises:
        NotFound: there is no such account; says how to make it.
    """
    account_name(name)
    with opened_database() as (settings, database):
        if name not in {account.name for account in database.accounts()}:
            raise NotFound(f"There is no account '{name}': make it with `foretell accounts create {name}`.")
        yield settings, database, database.of(name).acting(COMMAND_LINE, at=now_us())


def identity_key(settings: Settings) -> bytes:
    """Find the key under which e-mail addresses are hashed: the same that the gateway uses.

    Raises:
        BadRequest: the store is a server and the key was not given, so one made here would be another one.
    """
    found = known_identity_key(settings)
    if found is None:
        raise BadRequest("FORETELL_IDENTITY_KEY is not set: give the command the key that the gateway has.")
    return found


def known_identity_key(settings: Settings) -> bytes | None:
    """Find the same key; None: this command was not given it, and must not make one of its own."""
    if settings.identity_key is not None:
        return settings.identity_key.get_secret_value().encode()
    if settings.store_url is not None and not (settings.home / "secrets" / "identity_key").exists():
        return None
    return home.secret(settings.home, "identity_key").encode()


def ensure_account(database: Database, name: str) -> bool:
    """Make an account unless it exists; return whether it was made."""
    if name in {account.name for account in database.accounts()}:
        return False
    database.create_account(name, created_at=now_us())
    return True


def ensure_key(database: Database, settings: Settings, account: str) -> str:
    """Make sure that the key in the account's key file is known to the store, and return its text.

    A store that was made anew learns the key that clients already have; a revoked key stays revoked.

    Raises:
        Conflict: the file is unreadable, or its key is revoked or another account's.
    """
    path = settings.keys_folder / account
    if not path.exists():
        made = keys.new_key()
        register_key(database, account, made, name="first key", scopes=keys.SCOPES)
        home.write_private(path, made.text + "\n")
        return made.text
    text = home.private_text(path)
    public_id = keys.public_id_of(text)
    row = database.key(public_id)
    if row is None:
        register_key(
            database, account, keys.NewKey(text, public_id, keys.digest_of(text)), name="first key", scopes=keys.SCOPES
        )
    elif row.account != account or row.revoked_at is not None or not keys.matches(text, row.digest):
        raise Conflict(f"The key in {path} is revoked or another account's: delete the file to have a new key made.")
    return text


def register_key(database: Database, account: str, made: keys.NewKey, *, name: str, scopes: tuple[str, ...]) -> None:
    """Store what is kept of a key: its public id and its digest."""
    database.of(account).acting(COMMAND_LINE, at=now_us()).keys.create(
        name, scopes, public_id=made.public_id, digest=made.digest, created_at=now_us()
    )
