"""The run of one batch: contacts cut into parts, each part answered, written and noted, the result joined in order.

What decides about the result is fixed before the first part: the contacts, the cutoff, the instant of asking and the
versions. A part is its file, put in its place whole, and then a row; so whoever goes on after a crash skips what is
done, does again what is not, and joins the same bytes.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from shared.batches.erasing import Forgotten, rewrite
from shared.batches.files import BatchFolder, replacing
from shared.batches.formats import ResultRow, format_of, status_counts
from shared.batches.predict import BatchPredictor
from shared.batches.request import BatchRequest
from shared.batches.selection import lines_of, parts_of
from shared.change_detection.account_messages import batch_job_completed
from shared.contracts.outcome import ModelName
from shared.contracts.rows import SECOND, Microseconds
from shared.errors import ArtifactRefused, BadRequest, ForetellError, NoModelTrained, SettingsRefused, StoreUnavailable
from shared.store import AccountStore, BatchEnd, BatchRow, FinishedPlan, Lease

log = logging.getLogger(__name__)

PART_CONTACTS: Final = 5_000
MAX_ATTEMPTS: Final = 5
"""How often a part may be begun in vain before the batch fails."""
LASTING: Final = (BadRequest, NoModelTrained, ArtifactRefused, SettingsRefused)
"""What would be the same at the next attempt."""

PAUSE: Final[Microseconds] = 30 * SECOND
"""How long a batch rests that needs something which is away, such as the registry."""

Load = Callable[[Sequence[Mapping[str, str]], BatchRow], BatchPredictor]
"""Load the versions that a batch is fixed to: models and row → what answers."""


class LeaseLost(Exception):
    """Somebody else works on the batch, or it was cancelled or deleted."""


@dataclass(frozen=True, slots=True)
class BatchRun:
    """One batch, worked on under a lease."""

    store: AccountStore
    folder: BatchFolder
    lease: Lease
    load: Load
    identity_key: bytes
    now: Callable[[], Microseconds]
    held: Microseconds
    """How long the lease is held after each step."""
    stop: Callable[[], bool] = lambda: False
    """Whether to give the batch back after the part that is under way."""
    part_contacts: int = PART_CONTACTS

    def run(self, row: BatchRow) -> bool:
        """Work on a batch that was taken, until its end.

        Returns:
            Whether it has ended; if not, it was given back, or is somebody else's.

        Raises:
            ForetellError: something passes by itself; the batch is given back, and another attempt goes on.
        """
        try:
            if row.attempts > MAX_ATTEMPTS:
                raise _Exhausted
            return self._run(row)
        except LeaseLost:
            return False
        except _Exhausted:
            self._fail(row, "attempts-exhausted", f"It was begun {MAX_ATTEMPTS} times and never got further.")
        except LASTING as error:
            self._fail(row, error.code, error.detail)
        except FileNotFoundError:  # whoever cancelled or ended the batch removed its files
            if self.store.batches.renew(self.lease, until=self._until()):
                raise
            return False
        except ForetellError:
            with suppress(StoreUnavailable):
                self.store.batches.release(self.lease, at=self.now() + PAUSE)
            raise
        return True

    def _run(self, row: BatchRow) -> bool:
        request = BatchRequest.from_json(row.request)
        if row.models is None:
            row = self._planned(row, request)
        parts = self.store.batches.parts(row.batch_id)
        left = [part for part in parts if part.finished_at is None]
        predictor = self.load(row.models or (), row) if left or request.plan is not None else None
        if predictor is not None and left:
            done = sum(part.contacts for part in parts[: left[0].number - 1])
            for part in left:
                self._require_going_on()
                self._part(predictor, request, part.number, first=done)
                done += part.contacts
        plan = None if predictor is None or request.plan is None else self._decided(predictor, request, len(parts))
        self._joined(row, request, len(parts), plan)
        log.info("batch.completed", extra=self._facts(row, contacts=row.contacts))
        return True

    def _planned(self, row: BatchRow, request: BatchRequest) -> BatchRow:
        """Fix versions and contacts."""
        models = [self._champion(model) for model in request.models]
        gone = self._forgotten()
        upload = self.folder.upload(request.choice.upload)
        lines = lines_of(self.store, request.choice, upload, cutoff=row.cutoff, recorded_at=row.created_at)
        kept = (line for line in lines if not gone.is_in(line))
        parts: list[int] = []
        for chunk in parts_of(kept, self.part_contacts):
            with replacing(self.folder.contacts(len(parts) + 1)) as target:
                target.writelines(line + b"\n" for line in chunk)
                # Just before the file gets its place: whoever took the batch over may have cut it otherwise.
                if not self.store.batches.renew(self.lease, until=self._until()):
                    raise LeaseLost
            parts.append(len(chunk))
        if not self.store.batches.plan(self.lease, models, parts, until=self._until()):
            raise LeaseLost
        upload.unlink(missing_ok=True)
        return row._replace(models=models, contacts=sum(parts))

    def _champion(self, model: ModelName) -> dict[str, str]:
        found = self.store.models.champion(model.capability, model.outcome)
        if found is None:
            raise NoModelTrained(f"No model of {model.capability} answers {model.outcome or 'now'} any more.")
        named = {"capability": model.capability, "outcome": model.outcome}
        return {**named, "version": found.version, "digest": found.digest}

    def _part(self, predictor: BatchPredictor, request: BatchRequest, number: int, *, first: int) -> None:
        written = format_of(request.format)
        with self.folder.contacts(number).open("rb") as source:  # a carriage return ends no line
            lines = [line.removesuffix(b"\n") for line in source]
        counts: Mapping[str, Mapping[str, int]] = {}
        if request.plan is not None:
            with replacing(self.folder.values(number)) as target:
                predictor.write_values(target, lines, first=first)
        else:
            rows: list[ResultRow] = predictor.rows(lines, first=first)
            with replacing(self.folder.part(number, written.ending)) as target:
                written.write(target, rows)
            counts = status_counts(rows)
        if not self.store.batches.finish_part(self.lease, number, counts, at=self.now(), until=self._until()):
            raise LeaseLost

    def _decided(self, predictor: BatchPredictor, request: BatchRequest, parts: int) -> FinishedPlan:
        """Decide about all contacts of a plan together, and write the rows of each part."""
        written = format_of(request.format)
        found = predictor.planned([self.folder.values(number) for number in range(1, parts + 1)])
        counts: Counter[str] = Counter()
        for number, rows in enumerate(found.parts, 1):
            with replacing(self.folder.part(number, written.ending)) as target:
                written.write(target, rows)
            counts.update(one.status for one in rows)
        return FinishedPlan({request.models[0].capability: dict(counts)}, found.summary)

    def _joined(self, row: BatchRow, request: BatchRequest, parts: int, plan: FinishedPlan | None) -> None:
        """Join the parts, without those who were erased meanwhile, and end the batch."""
        written = format_of(request.format)
        files = [self.folder.part(number, written.ending) for number in range(1, parts + 1)]
        # Whoever lost the lease without knowing it cannot write over what another one has joined.
        result = self.folder.result(f"result-{self.lease.claim[:12]}.{written.ending}")
        with replacing(result) as target:
            written.join(target, files)
        erased = frozenset[str]()
        while True:
            gone = self._forgotten()
            if gone.hashes - erased:
                rewrite(result, written, gone)
            erased = gone.hashes
            message = self._message(row)
            end = BatchEnd(result.name, message, self.now(), plan)
            outcome = self.store.batches.complete(self.lease, end, erased=erased)
            if outcome == "lost":
                result.unlink(missing_ok=True)
                raise LeaseLost
            if outcome == "completed":
                self.folder.drop_all_but(result)
                return

    def _fail(self, row: BatchRow, code: str, detail: str) -> None:
        error = {"code": code, "detail": detail}
        if self.store.batches.fail(self.lease, error, self._message(row, code), at=self.now()):
            self.folder.remove()
            log.warning("batch.failed", extra=self._facts(row, code=code))

    def _message(self, row: BatchRow, error: str | None = None) -> Any:
        request = BatchRequest.from_json(row.request)
        names = [one.capability for one in request.models]
        current = self.store.batches.find(row.batch_id) or row
        began, done = row.started_at or row.created_at, current.contacts_done
        return batch_job_completed(row.batch_id, names, contacts=done, began=began, ended=self.now(), error=error)

    def _require_going_on(self) -> None:
        if self.stop():
            self.store.batches.release(self.lease, at=self.now())
            raise LeaseLost

    def _forgotten(self) -> Forgotten:
        return Forgotten(frozenset(self.store.batches.erasures(self.lease.batch_id)), self.identity_key)

    def _until(self) -> Microseconds:
        return self.now() + self.held

    def _facts(self, row: BatchRow, **more: Any) -> dict[str, Any]:
        return {"account": self.store.account, "batch": row.batch_id, **more}


class _Exhausted(Exception):
    """It was begun too often."""
