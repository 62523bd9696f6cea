"""A connection more in a process must not drop the locks that its other connections hold."""

import subprocess
import sys
from pathlib import Path

from sqlalchemy import text

from shared.store.sql import new_engine, patience_of

OPEN_AND_CLOSE = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM t').fetchall(); c.close()"
)


def test_another_process_leaves_the_write_ahead_log_to_those_who_use_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    first, second = (
        new_engine(url, durable=True, writes=writes, places=2, patience=patience_of(1.0)) for writes in (True, False)
    )
    with first.begin() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
    with second.connect() as connection:
        connection.execute(text("SELECT * FROM t"))

    subprocess.run([sys.executable, "-c", OPEN_AND_CLOSE, str(tmp_path / "store.sqlite")], check=True)

    # Whoever is the last to close takes the log away; both engines here still have it open.
    assert (tmp_path / "store.sqlite-wal").exists()
    first.dispose()
    second.dispose()
