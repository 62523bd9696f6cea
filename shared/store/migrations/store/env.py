"""Migrations of the store."""

from shared.store.database import Database  # noqa: F401 - with it every table is known
from shared.store.migrations import environment
from shared.store.schema import StoreTable

environment.run(StoreTable.metadata, "store_revision")
