"""`foretell import`: files into the store in bounded memory; a row that cannot be read goes to a rejects file."""

import csv
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from foretell.opening import now_us
from foretell.showing import progress_bars
from shared.errors import FileRefused
from shared.ingest import Batch, Reject, read_contacts, read_events

if TYPE_CHECKING:
    from rich.progress import Progress

    from shared.store import AccountStore

Row = TypeVar("Row")


@dataclass(slots=True)
class Summary:
    """What became of one file."""

    file: str
    rows: int = 0
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    erased: int = 0
    """Left out: their contacts were erased."""
    rejected: int = 0
    rejects_file: str | None = None
    seconds: float = 0.0

    def to_row(self) -> dict[str, Any]:
        """Lay it out for a table."""
        return {
            "file": self.file,
            "rows": self.rows,
            "new": self.new,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "erased": self.erased,
            "rejected": self.rejected,
            "rejects_file": self.rejects_file,
            "seconds": round(self.seconds, 2),
        }


@dataclass(slots=True)
class Rejects:
    """The file beside the source that takes line and reason of each bad row; made when there is one."""

    source: Path
    max_errors: int | None
    count: int = 0
    _open: ExitStack = field(default_factory=ExitStack)
    _writer: Any = None

    @property
    def path(self) -> Path:
        """Tell where it lies."""
        return self.source.with_name(f"{self.source.name}.rejects.csv")

    def take(self, rejects: list[Reject]) -> None:
        """Write bad rows down.

        Raises:
            FileRefused: there are more than were allowed; what was loaded before stays.
        """
        if rejects and self._writer is None:
            file = self._open.enter_context(self.path.open("w", newline="", encoding="utf-8"))
            self._writer = csv.writer(file)
            self._writer.writerow(("line", "reason"))
        for reject in rejects:
            self._writer.writerow(reject)
        self.count += len(rejects)
        if self.max_errors is not None and self.count > self.max_errors:
            raise FileRefused(
                f"{self.source} has more than {self.max_errors} bad rows: see {self.path}, mend them and import again; "
                "what was loaded stays and is not loaded twice."
            )

    def close(self) -> None:
        """Close the file."""
        self._open.close()


@dataclass(frozen=True, slots=True)
class Import:
    """One run over a file of contacts, a file of events, or both."""

    store: "AccountStore"
    identity_key: bytes
    max_errors: int | None = None

    def load(self, contacts: Path | None, events: Path | None) -> list[Summary]:
        """Load contacts, then events; the same file again changes nothing.

        Args:
            contacts: a file of contacts.
            events: a file of events.

        Raises:
            FileRefused: a file cannot be read, or has too many bad rows.
        """
        at = now_us()
        summaries = []
        with progress_bars() as progress:
            if contacts is not None:
                batches = read_contacts(contacts, recorded_at=at, identity_key=self.identity_key)
                summaries.append(
                    self._load(contacts, batches, lambda rows, one: self._put_contacts(rows, one, at), progress)
                )
            if events is not None:
                summaries.append(self._load(events, read_events(events, recorded_at=at), self._add_events, progress))
        return summaries

    def _load(
        self,
        path: Path,
        batches: Iterator[Batch[Row]],
        write: Callable[[list[Row], Summary], None],
        progress: "Progress",
    ) -> Summary:
        summary, rejects, began = Summary(str(path)), Rejects(path, self.max_errors), time.monotonic()
        task = progress.add_task(path.name, total=1.0)
        try:
            for batch in one_ahead(batches):
                write(batch.rows, summary)
                summary.rows += len(batch)
                rejects.take(batch.rejects)
                progress.update(task, completed=batch.fraction)
        finally:
            rejects.close()
        summary.rejected = rejects.count
        summary.rejects_file = str(rejects.path) if rejects.count else None
        summary.seconds = time.monotonic() - began
        return summary

    def _put_contacts(self, rows: list[Any], summary: Summary, at: int) -> None:
        counts = self.store.bulk_contacts(rows, recorded_at=at)
        summary.new += counts.created
        summary.updated += counts.updated
        summary.unchanged += counts.unchanged
        summary.erased += counts.erased

    def _add_events(self, rows: list[Any], summary: Summary) -> None:
        added = self.store.bulk_events(rows)
        summary.new += added.new
        summary.erased += added.erased
        summary.unchanged += len(rows) - added.new - added.erased


def one_ahead(batches: Iterator[Row]) -> Iterator[Row]:
    """Make the next item in a thread while the caller works on this one; at most two exist at once."""
    with ThreadPoolExecutor(1, thread_name_prefix="reading") as pool:
        following = pool.submit(next, batches, None)
        while (item := following.result()) is not None:
            following = pool.submit(next, batches, None)
            yield item
