"""What the environments of both databases share: which tables are theirs, on the connection that is handed in."""

import warnings

from alembic import context
from sqlalchemy import MetaData


def run(metadata: MetaData, version_table: str) -> None:
    """Run migrations on the connection of the configuration.

    Args:
        metadata: tables of this database; others in the same PostgreSQL are not touched and not compared.
        version_table: where this database keeps its revision.
    """
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        version_table=version_table,
        include_object=lambda _, name, kind, *__: kind != "table" or name in metadata.tables,
        compare_server_default=True,
        render_as_batch=True,
    )
    with context.begin_transaction(), warnings.catch_warnings():
        # Of an index over an expression SQLAlchemy reads nothing back from SQLite, and alembic compares nothing.
        warnings.filterwarnings("ignore", message=".*expression-based index")
        context.run_migrations()
