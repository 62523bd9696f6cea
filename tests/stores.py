"""An account's store as a process opens it that knows the installation's key to addresses."""

from dataclasses import replace

from shared.store import AccountStore


def hashing(store: AccountStore, identity_key: bytes) -> AccountStore:
    """Take the same store, with the key under which it recognises who was erased."""
    return AccountStore(replace(store._scope, identity_key=identity_key))
