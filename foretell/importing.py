"""`foretell import`: files into the store in bounded memory; a row that cannot be read goes to a file of rejects."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from foretell.rejects import Rejects
from shared.contracts.decision import CAPABILITY, CLICKED
from shared.contracts.rows import SHARED_BY, ContactRow, Microseconds, now_us
from shared.errors import FileRefused
from shared.ingest import (
    Batch,
    Findings,
    Options,
    Plan,
    Reject,
    contact_batches,
    decision_batches,
    event_batches,
    item_batches,
    named_messages,
    plan_file,
)
from shared.ingest.plan import Subject, lines_text

if TYPE_CHECKING:
    from shared.store import AccountStore, ImportLease

Row = TypeVar("Row")
CHECKED = 0.3
"""Share of the progress that the first reading is, which only looks."""
ERASED = "left out: the contact was erased"
Showing = Callable[[str], AbstractContextManager[Callable[[float], None]]]
"""Shows how far the work on a file is, by its name."""
SHARED = f"its address is that of {SHARED_BY} contacts or more, so the event is nobody's"


@dataclass(slots=True)
class Summary:
    """What became of one file."""

    plan: Plan
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    erased: int = 0
    """Left out: their contacts were erased."""
    erased_lines: list[int] = field(default_factory=list)
    """The first lines of those."""
    made: int = 0
    """Contacts that were made for addresses that nobody had."""
    messages_made: list[str] = field(default_factory=list)
    """Messages that decisions name and nobody described."""
    rejected: int = 0
    first_rejects: list[Reject] = field(default_factory=list)
    rejects_file: str | None = None
    findings: list[str] = field(default_factory=list)
    """Sentences: what was changed or left out in single cells."""
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """How many rows were read, rejects included."""
        return self.new + self.updated + self.unchanged + self.erased + self.rejected

    def to_row(self) -> dict[str, Any]:
        """Lay it out for a table."""
        return {
            "file": str(self.plan.path),
            "rows": self.rows,
            "new": self.new,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "erased": self.erased,
            "rejected": self.rejected,
            "rejects_file": self.rejects_file,
            "seconds": round(self.seconds, 2),
        }

    def to_dict(self) -> dict[str, Any]:
        """Lay it out as JSON, with the notes and warnings on the way."""
        return {
            **self.to_row(),
            "not_read_from_line": self.plan.layout.unread_from,
            "warnings": [*self.plan.notes, *self.plan.warnings],
            "findings": self.findings,
            "rejects": [{"line": reject.line, "reason": reject.reason} for reject in self.first_rejects],
            "erased_lines": self.erased_lines,
            "contacts_made": self.made,
            "messages_made": self.messages_made,
        }

    def failure(self, max_rejected: float) -> str | None:
        """Say why the import as a whole did not succeed, though rows may have been loaded; None: it did.

        Args:
            max_rejected: share of the rows that may be rejects, 0 to 1; one row never is too many.
        """
        name, layout = self.plan.path.name, self.plan.layout
        loaded = self.new + self.updated + self.unchanged
        see = f"; see {self.rejects_file}" if self.rejects_file else ""
        if layout.unread_from is not None:
            return f"{name} was not read from line {layout.unread_from:,} on: {layout.unread_reason}{see}."
        if not self.rows:
            return f"{name} holds no row: nothing was loaded."
        if not loaded and self.rejected:
            return f"Nothing of {name} was loaded: all {self.rejected:,} rows that could be are rejects{see}."
        if self.rejected > 1 and self.rejected > max_rejected * self.rows:
            share = self.rejected / self.rows
            return (
                f"{self.rejected:,} of {self.rows:,} rows of {name} ({share:.0%}) are rejects, more than "
                f"{max_rejected:.0%}{see}, mend them and import again; what was loaded stays and is not loaded twice."
            )
        return None


@contextmanager
def _unshown(name: str) -> Iterator[Callable[[float], None]]:  # noqa: ARG001 - a `Showing`
    """Show nowhere how far the work is."""
    yield lambda _: None


def _uncounted(rows: int) -> None:
    """Take how many rows are done, and show it nowhere."""


@dataclass(frozen=True, slots=True)
class Import:
    """One run over files of contacts, events, items and decisions."""

    store: "AccountStore"
    identity_key: bytes
    rejects_of: Callable[[Path], Path]
    """Says where the rejects of a file go."""
    options: Options = field(default_factory=Options)
    max_errors: int | None = None
    showing: Showing = _unshown
    count_rows: Callable[[int], None] = _uncounted
    """Takes how many rows are done, after each batch; what it raises ends the import."""
    lease: "ImportLease | None" = None
    """Of an import that counts what it stores; None: nothing is counted in the store."""
    recorded_at: Microseconds | None = None
    """When what it stores counts as recorded; None: now."""

    def check(self, path: Path, subject: Subject) -> Summary:
        """Read a file as an import would, and write nothing.

        Raises:
            FileRefused: it cannot be read.
        """
        with self.showing(path.name) as progress:
            plan, shown = self._planned(path, subject, progress)
            summary, findings = Summary(plan), Findings()
            for batch in self._batches(plan, findings, now_us(), shown):
                summary.new += len(batch.rows)
                summary.rejected += len(batch.rejects)
                summary.first_rejects += batch.rejects[: max(0, 5 - len(summary.first_rejects))]
                self.count_rows(summary.rows)
            summary.findings = findings.sentences({column.name: column.filled for column in plan.columns})
        return summary

    def load(self, path: Path, subject: Subject, *, announce: Callable[[Plan], None]) -> Summary:
        """Load a file; the same file again changes nothing.

        Args:
            path: of the file.
            subject: what its rows are.
            announce: takes the plan before the first row is written.

        Raises:
            FileRefused: it cannot be read, or has too many bad rows.
        """
        at, began = now_us() if self.recorded_at is None else self.recorded_at, time.monotonic()
        with self.showing(path.name) as progress:
            plan, shown = self._planned(path, subject, progress)
            announce(plan)
            summary, findings = Summary(plan), Findings()
            rejects = Rejects(self.rejects_of(path), [column.name for column in plan.columns])
            write = self._writer(subject, summary, rejects, at)
            try:
                for batch in one_ahead(self._batches(plan, findings, at, shown)):
                    write(batch)
                    rejects.take(batch.rejects)
                    self._refuse_many(path, rejects)
                    self.count_rows(summary.rows + rejects.count)
            finally:
                rejects.close()
        summary.rejected, summary.first_rejects = rejects.count, rejects.first
        summary.rejects_file = str(rejects.path) if rejects.count or rejects.left_out else None
        summary.findings = findings.sentences({column.name: column.filled for column in plan.columns})
        summary.seconds = time.monotonic() - began
        return summary

    def _planned(
        self, path: Path, subject: Subject, progress: Callable[[float], None]
    ) -> tuple[Plan, Callable[[float], None]]:
        """Read a file for the first time; the progress goes on with the second one."""
        plan = plan_file(path, subject, self.options, lambda fraction: progress(CHECKED * fraction))
        return plan, lambda fraction: progress(CHECKED + (1 - CHECKED) * fraction)

    def _batches(
        self, plan: Plan, findings: Findings, at: int, progress: Callable[[float], None]
    ) -> Iterator[Batch[Any]]:
        if plan.subject == "items":
            return item_batches(plan, findings, progress=progress)
        if plan.subject == "decisions":
            outcomes = {CLICKED, *(one.name for one in self.store.outcomes.of(CAPABILITY))}
            default = self.store.outcomes.default(CAPABILITY) or CLICKED
            return decision_batches(plan, findings, outcomes=outcomes, default=default, progress=progress)
        if plan.subject == "events":
            return event_batches(plan, findings, recorded_at=at, identity_key=self.identity_key, progress=progress)
        return contact_batches(plan, findings, recorded_at=at, identity_key=self.identity_key, progress=progress)

    def _writer(self, subject: Subject, summary: Summary, rejects: Rejects, at: int) -> Callable[[Batch[Any]], None]:
        from shared.store import BulkPacing

        pacing = BulkPacing()

        def contacts(batch: Batch[Any]) -> None:
            counts = self.store.contacts.put_bulk(batch.rows, recorded_at=at, pacing=pacing, lease=self.lease)
            summary.new += counts.created
            summary.updated += counts.updated
            summary.unchanged += counts.unchanged
            erased([batch.lines[place] for place in counts.erased_rows])

        def events(batch: Batch[Any]) -> None:
            if batch.addresses:
                owned(batch)
            added = self.store.events.add_bulk(batch.rows, pacing=pacing, lease=self.lease)
            summary.new += added.new
            summary.unchanged += len(batch.rows) - added.new - added.erased
            if added.erased_contacts:
                pairs = zip(batch.rows, batch.lines, strict=True)
                erased([line for row, line in pairs if row.contact_id in added.erased_contacts])

        def items(batch: Batch[Any]) -> None:
            counts = self.store.items.put_bulk(batch.rows, at=at, pacing=pacing, lease=self.lease)
            summary.new += counts.created
            summary.updated += counts.updated
            summary.unchanged += counts.unchanged

        def decisions(batch: Batch[Any]) -> None:
            messages = self.store.experiments.messages.add_missing(named_messages(batch.rows), at=at)
            summary.messages_made += messages
            added = self.store.experiments.decisions.add_imported_bulk(batch.rows, pacing=pacing)
            summary.new += added.new
            summary.unchanged += len(batch.rows) - added.new - added.erased
            pairs = zip(batch.rows, batch.lines, strict=True) if added.erased_contacts else ()
            erased([line for row, line in pairs if row.contact_id in added.erased_contacts])

        def owned(batch: Batch[Any]) -> None:
            owners = owners_of(self.store, batch.addresses, at=at, lease=self.lease)
            summary.made += owners.made
            numbered = list(zip(batch.rows, batch.lines, strict=True))
            batch.rejects += [Reject(line, SHARED) for row, line in numbered if row.contact_id in owners.shared]
            erased([line for row, line in numbered if row.contact_id in owners.erased])
            kept = [(row, line) for row, line in numbered if row.contact_id in owners.contacts]
            batch.rows = [row._replace(contact_id=owners.contacts[row.contact_id]) for row, _ in kept]
            batch.lines = [line for _, line in kept]

        def erased(lines: list[int]) -> None:
            summary.erased += len(lines)
            # A batch may lie in the order of contacts; lines are looked up in that of the file.
            summary.erased_lines = sorted([*summary.erased_lines, *lines])[:5]
            for line in sorted(lines):
                rejects.leave_out(line, ERASED)

        writers: dict[Subject, Callable[[Batch[Any]], None]] = {
            "contacts": contacts,
            "events": events,
            "items": items,
            "decisions": decisions,
        }
        return writers[subject]

    def _refuse_many(self, path: Path, rejects: Rejects) -> None:
        if self.max_errors is not None and rejects.count > self.max_errors:
            raise FileRefused(
                f"{path} has more than {self.max_errors} bad rows: see {rejects.path}, mend them and import again; "
                "what was loaded stays and is not loaded twice."
            )


def sentences_after(summary: Summary) -> list[str]:
    """Say what reading the rows found: first rejects, rows of the erased, cells that were changed or left out."""
    notes = [*summary.findings]
    if summary.made:
        notes.append(f"{summary.made:,} contacts were made for addresses that nobody had.")
    if summary.messages_made:
        notes.append(
            f"{len(summary.messages_made):,} messages were new; they are in the catalogue and switched off: "
            f"{', '.join(summary.messages_made[:5])}{', ...' if len(summary.messages_made) > 5 else ''}."
        )
    if summary.erased:
        lines = lines_text(summary.erased_lines, summary.erased)
        notes.append(f"{summary.erased:,} rows were {ERASED} ({lines}).")
    notes += [f"Line {reject.line:,} is a reject: {reject.reason}." for reject in summary.first_rejects]
    if summary.rejected > len(summary.first_rejects):
        notes.append(f"{summary.rejected - len(summary.first_rejects):,} more rejects are in {summary.rejects_file}.")
    return notes


def one_ahead(batches: Iterator[Row]) -> Iterator[Row]:
    """Make the next item in a thread while the caller works on this one; at most two exist at once."""
    with ThreadPoolExecutor(1, thread_name_prefix="reading") as pool:
        following = pool.submit(next, batches, None)
        while (item := following.result()) is not None:
            following = pool.submit(next, batches, None)
            yield item


@dataclass(frozen=True, slots=True)
class Owners:
    """Who stands behind the addresses of a batch."""

    contacts: Mapping[str, str]
    """Contact by the id that was made from the address."""
    shared: frozenset[str]
    """Made ids whose address so many contacts have that it is nobody's."""
    erased: frozenset[str]
    """Made ids whose address is that of somebody who was erased."""
    made: int
    """How many contacts were made."""


def owners_of(
    store: "AccountStore", addresses: Mapping[str, str], *, at: Microseconds, lease: "ImportLease | None" = None
) -> Owners:
    """Find the contacts that have addresses, as webhooks do, and make those that are missing.

    Args:
        store: of the account.
        addresses: keyed hash by the contact id that is made from it.
        at: now.
        lease: of the import that they are part of, where it counts what it stores.
    """
    identities = {made_id: ("email", hashed) for made_id, hashed in addresses.items()}
    shared_identities, pointing = (
        store.identities.shared(identities.values()),
        store.identities.contacts_of(identities.values()),
    )
    shared = frozenset(made_id for made_id, identity in identities.items() if identity in shared_identities)
    contacts = {
        made_id: pointing[one] for made_id, one in identities.items() if one in pointing and made_id not in shared
    }
    missing = sorted(set(identities) - shared - set(contacts))
    rows = [
        ContactRow(made_id, created_at=None, timezone=None, consent=None, email_hash=addresses[made_id], attributes=())
        for made_id in missing
    ]
    counts = store.contacts.put_bulk(rows, recorded_at=at, lease=lease)
    erased = frozenset(missing[place] for place in counts.erased_rows)
    contacts |= {made_id: made_id for made_id in missing if made_id not in erased}
    return Owners(contacts, shared, erased, counts.created)
