"""One import in the hands of its process: checked, loaded or undone, resumed after a crash without counting twice."""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any, Final

from foretell.importing import Import, Summary
from shared.contracts.rows import Microseconds
from shared.errors import BadRequest, FileRefused, ForetellError
from shared.imports.erasing import take_out
from shared.imports.files import ImportFiles, ImportFolder
from shared.ingest import ColumnMissing, Options, subject_of
from shared.ingest.files import open_table
from shared.store import AccountStore, BulkPacing, ImportLease, ImportRow

log = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 3
EXHAUSTED: Final = {
    "code": "import-process-failed",
    "detail": "The process that worked on this file ended several times before its end, perhaps for want of memory. "
    "What was loaded stays and is not loaded twice; split the file, or load it with `foretell import`.",
}
MAX_REJECTED = 0.1
"""Share of rejects above which an import says that it went badly."""
NOTE_SECONDS = 0.5
"""How often it is written down how far the work is."""
FIELDS = ("renames", "constants", "timezone", "date_order", "decimal", "encoding", "delimiter", "sheet")

_INSTEAD: Final = (
    (r'; say (?:--map "X=\w+"\s*)+', "; say which column it is"),
    (r' unless --map "[^"]*" names it', " unless you say what it is"),
    (r"--map gives (\w+) to two columns", r"Two columns are to be \1"),
    (r"--map names a column twice", "A column is named twice"),
    (r"--map: there is no column", "There is no column"),
    (r"--set: ", ""),
    (r"; --sheet chooses another: ", "; others can be chosen: "),
    (r"say --date-order dmy or mdy", "say the order of day and month (dmy or mdy)"),
    (r"say --decimal point or --decimal comma", "say what begins decimals (point or comma)"),
    (r"say --timezone (\S+?)(?=[);,. ]|$)", r"say the time zone, such as \1"),
    (r"--timezone: give an", "Give an"),
    (r"--date-order: give", "Order of day and month: give"),
    (r"--decimal: give", "Decimals: give"),
    (r"--encoding: ", "Encoding: "),
    (r"--delimiter: ", "Separator: "),
    (r"say --encoding", "say the encoding"),
)
"""What reading a file says, for who has a form or a call and no command line: options by their names in words."""


class ImportStopped(Exception):
    """The process is to stop, or lost its lease: another one goes on."""


@dataclass(slots=True)
class _Shown:
    """How far the work is, as far as it is known and written down."""

    fraction: float = 0.0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class ImportRun:
    """Works on one import under a lease."""

    store: AccountStore
    files: ImportFiles
    lease: ImportLease
    identity_key: bytes
    now: Callable[[], Microseconds]
    stopping: Callable[[], bool]
    _shown: _Shown = field(default_factory=_Shown)

    def run(self, row: ImportRow) -> bool:
        """Do what is to be done; return whether it has ended."""
        if row.attempts > MAX_ATTEMPTS:
            return self.store.imports.fail(self.lease, EXHAUSTED, at=self.now())
        take = {"uploaded": self._check, "loading": self._load, "undoing": self._undo}[row.state]
        try:
            if row.state != "undoing":
                self._without_erased(row)
            take(row)
        except ImportStopped:
            self.store.imports.release(self.lease, at=self.now())
            return False
        except (FileRefused, BadRequest) as error:
            self._fail(row, error)
        return True

    def _check(self, row: ImportRow) -> None:
        folder, path = self._folder(row), self._upload(row)
        options = options_of(row.options)
        subject = row.kind or subject_of(path, options)
        summary = self._import(row, options).check(path, subject)
        folder.keep_first_rows(summary.plan.first_rows)
        plan = checked_plan(summary)
        self.store.imports.checked(self.lease, subject, plan, rows=summary.rows)

    def _load(self, row: ImportRow) -> None:
        path, kind = self._upload(row), row.kind
        if kind is None or row.recorded_at is None:
            raise FileRefused("This file was not checked.")
        while kind != "items" and self.store.imports.forget_marks(self.lease):
            self._go_on()
        static = row.options.get("static")
        if static:
            self.store.contacts.declare_static(static)
        summary = self._import(row, options_of(row.options)).load(path, kind, announce=lambda _: None)
        nothing = not summary.new + summary.updated + summary.unchanged
        problem = summary.failure(MAX_REJECTED)
        if nothing and problem is not None:
            raise FileRefused(problem)
        result = loaded_result(summary, problem)
        if self.store.imports.loaded(self.lease, result, rows=summary.rows, at=self.now()):
            facts = {"account": self.store.account, "import": row.import_id, "rows": summary.rows}
            log.info("import.loaded", extra={**facts, "rejected": summary.rejected})
            self.store.imports.drop_file(row.import_id, at=self.now())
            self._folder(row).drop_upload()

    def _undo(self, row: ImportRow) -> None:
        undo = self.store.imports.undo(self.lease, row)
        result = dict(row.result or {})
        made = result["made"]
        done, every = 0, max(1, row.events_made + self.store.imports.made_contacts(row.import_id))
        pause = partial(time.sleep, BulkPacing().gap_seconds)
        steps = chain(undo.events(pause) if row.events_made else (), undo.contacts(pause))
        for gone in steps:
            done += gone
            self._go_on(done / every, done)
        left = self.store.imports.find(row.import_id) or row
        contacts, events = made["contacts"] - left.contacts_made, made["events"] - left.events_made
        result["undone"] = {"contacts": contacts, "events": events, "contacts_kept": left.contacts_made}
        if self.store.imports.undone(self.lease, result, at=self.now()):
            facts = {"account": self.store.account, "import": row.import_id}
            log.info("import.undone", extra={**facts, "contacts": contacts, "events": events})

    def _without_erased(self, row: ImportRow) -> None:
        """Take out first who was erased since the file came; a file that names them goes."""
        if self.store.imports.erasures(row.import_id):
            self.store.imports.release(self.lease, at=self.now())
            take_out(self.store, self.files, row.import_id, self.identity_key, at=self.now())
            raise ImportStopped

    def _import(self, row: ImportRow, options: Options) -> Import:
        return Import(
            self.store,
            self.identity_key,
            lambda _: self._folder(row).rejects(),
            options,
            showing=self._showing,
            count_rows=lambda rows: self._go_on(rows=rows),
            lease=self.lease,
            recorded_at=row.recorded_at,
        )

    @contextmanager
    def _showing(self, name: str) -> Iterator[Callable[[float], None]]:  # noqa: ARG002 - a `Showing`
        def note(fraction: float) -> None:
            self._shown.fraction = fraction

        yield note

    def _go_on(self, fraction: float | None = None, rows: int = 0) -> None:
        """Write down how far the work is, now and then.

        Raises:
            ImportStopped: the process is to stop, or the lease was lost.
        """
        if self.stopping():
            raise ImportStopped
        self._shown.fraction = self._shown.fraction if fraction is None else fraction
        if time.monotonic() - self._shown.at > NOTE_SECONDS:
            self._shown.at = time.monotonic()
            if not self.store.imports.advance(self.lease, min(1.0, self._shown.fraction), rows):
                raise ImportStopped

    def _folder(self, row: ImportRow) -> ImportFolder:
        return self.files.of(self.store.account, row.import_id)

    def _upload(self, row: ImportRow) -> Any:
        path = self._folder(row).upload()
        if path is None:
            raise FileRefused("The uploaded file is gone, or lies in another folder than FORETELL_FILES of the worker.")
        return path

    def _fail(self, row: ImportRow, error: ForetellError) -> None:
        facts: dict[str, Any] = {"code": error.code, "detail": in_words(str(error))}
        path = self._folder(row).upload()
        if isinstance(error, ColumnMissing) and path is not None:
            facts |= {"code": "column-missing", "columns": header_of(path, options_of(row.options))}
        if self.store.imports.fail(self.lease, facts, at=self.now()):
            log.warning(
                "import.failed", extra={"account": self.store.account, "import": row.import_id, "code": facts["code"]}
            )


def options_of(stored: Mapping[str, Any]) -> Options:
    """Read the options that concern the reading of a file."""
    return Options(**{name: stored[name] for name in FIELDS if stored.get(name)})


def header_of(path: Any, options: Options) -> list[str]:
    """List the columns of a file, of which one is to be chosen."""
    table = open_table(path, Options(**{name: getattr(options, name) for name in ("encoding", "delimiter", "sheet")}))
    if not table.header:
        next(iter(table.records()), None)
    return list(table.header)


def checked_plan(summary: Summary) -> dict[str, Any]:
    """Lay out what a check found, without any cell of the file."""
    plan = summary.plan
    found = {name: value for name, value in plan.to_dict().items() if name not in ("file", "subject", "first_rows")}
    sentences = [*plan.notes, *plan.warnings, *summary.findings]
    return {
        **{name: value for name, value in found.items() if name not in ("notes", "warnings")},
        "readable": summary.new,
        "rejected": summary.rejected,
        "notes": [in_words(sentence) for sentence in sentences],
        "rejects": _rejects(summary),
    }


def loaded_result(summary: Summary, problem: str | None) -> dict[str, Any]:
    """Lay out what a load came to, beside what the store counted."""
    return {
        "rows": summary.rows,
        "rejected": summary.rejected,
        "erased": summary.erased,
        "contacts_by_address": summary.made,
        "notes": [in_words(sentence) for sentence in summary.findings],
        "rejects": _rejects(summary),
        "problem": None if problem is None else in_words(problem),
    }


def _rejects(summary: Summary) -> list[dict[str, Any]]:
    return [{"line": one.line, "reason": in_words(one.reason)} for one in summary.first_rejects]


def in_words(sentence: str) -> str:
    """Take the options of the command line out of a sentence.

    >>> in_words('leads.csv has no column id; found: Email; say --map "X=id".')
    'leads.csv has no column id; found: Email; say which column it is.'
    >>> in_words("Born: a time without a zone; left out (say --timezone Europe/Berlin) (line 3).")
    'Born: a time without a zone; left out (say the time zone, such as Europe/Berlin) (line 3).'
    """
    for pattern, instead in _INSTEAD:
        sentence = re.sub(pattern, instead, sentence)
    return sentence
