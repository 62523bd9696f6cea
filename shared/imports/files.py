"""Where the files of imports lie: what was uploaded until it is loaded, its first rows for the page, its rejects."""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.batches.files import UNKNOWN_SECONDS, moved, replacing

_MOST_NAME_BYTES = 120


@dataclass(frozen=True, slots=True)
class ImportFolder:
    """The files of one import."""

    path: Path

    def upload(self) -> Path | None:
        """Find the uploaded file; None: it is gone."""
        above = self.path / "upload"
        return next(iter(sorted(above.iterdir())), None) if above.is_dir() else None

    def take_upload(self, source: Path, filename: str) -> None:
        """Put an uploaded file in its place, under a name by which messages call it."""
        moved(source, self.path / "upload" / safe_name(filename))

    def drop_upload(self) -> None:
        """Remove the uploaded file, and its first rows."""
        shutil.rmtree(self.path / "upload", ignore_errors=True)
        self._first_rows.unlink(missing_ok=True)

    def rejects(self) -> Path:
        """Where the rows lie that could not be read."""
        return self.path / "rejects.csv"

    def keep_first_rows(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Keep the first rows of the file for whoever looks at it before it is loaded."""
        with replacing(self._first_rows) as target:
            target.write(json.dumps([dict(row) for row in rows]).encode())

    def first_rows(self) -> list[dict[str, str]]:
        """Read the first rows; none once the file is gone."""
        try:
            found: list[dict[str, str]] = json.loads(self._first_rows.read_bytes())
        except FileNotFoundError:
            return []
        return found

    def is_old(self) -> bool:
        """Whether it was there before any request that is being answered now."""
        return time.time() - self.path.stat().st_mtime > UNKNOWN_SECONDS

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def _first_rows(self) -> Path:
        return self.path / "first_rows.json"


@dataclass(frozen=True, slots=True)
class ImportFiles:
    """The files of all imports; gateway and worker see the same folder."""

    root: Path

    def of(self, account: str, import_id: str) -> ImportFolder:
        """Return the folder of an import; nothing is made."""
        return ImportFolder(self.root / "imports" / account / import_id)

    def accounts(self) -> Iterator[tuple[str, list[str]]]:
        """List the accounts that have files, and the ids of their imports."""
        above = self.root / "imports"
        for folder in sorted(above.iterdir()) if above.is_dir() else ():
            yield folder.name, sorted(one.name for one in folder.iterdir())

    def remove_account(self, account: str) -> None:
        """Remove the files of all imports of an account."""
        shutil.rmtree(self.root / "imports" / account, ignore_errors=True)


def safe_name(filename: str) -> str:
    r"""Return a name that is nothing but the name of a file.

    >>> safe_name("../../etc/passwd"), safe_name("C:\\leads 2026.csv"), safe_name(".."), safe_name("")
    ('passwd', 'leads 2026.csv', 'upload', 'upload')
    """
    last = filename.replace("\\", "/").rpartition("/")[2]
    shown = "".join(char for char in last if char.isprintable()).strip().lstrip(".")
    short = shown.encode()[-_MOST_NAME_BYTES:].decode(errors="ignore")
    return short or "upload"
