"""Migrations of the store."""

from shared.store.migrations import environment
from shared.store.tables import AccountTable

environment.run(AccountTable.metadata, "store_revision")
