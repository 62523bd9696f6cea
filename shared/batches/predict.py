"""From lines of contacts to rows of a result: each contact's answers, one a model, order kept; or a plan about all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from pydantic import BaseModel

from shared.batches.formats import ResultRow
from shared.batches.selection import contact_of
from shared.contracts.outcome import ModelName
from shared.contracts.prediction import Prediction
from shared.contracts.rows import microseconds
from shared.serving.batch import PinnedModel
from shared.serving.capability_spec import JointDecision
from shared.store import AccountStore

READ_AT_ONCE = 1_000
"""Contacts whose pasts are read together: two or three statements of the store."""


class PlannedResult(NamedTuple):
    """A plan about all contacts of a batch."""

    parts: Iterator[list[ResultRow]]
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BatchPredictor:
    """The models of a batch, each in a fixed version."""

    account: AccountStore
    models: Sequence[PinnedModel]

    def rows(self, lines: Sequence[bytes], *, first: int = 0) -> list[ResultRow]:
        """Answer about the contacts of some lines.

        Args:
            lines: JSON, a contact each.
            first: place of the first one in the batch.
        """
        rows: list[ResultRow] = []
        for start in range(0, len(lines), READ_AT_ONCE):
            contacts = [contact_of(line) for line in lines[start : start + READ_AT_ONCE]]
            answers = [self._held(one).answers(self.account, contacts, first=first + start) for one in self.models]
            for of_contact in zip(*answers, strict=True):
                for model, prediction in zip(self.models, of_contact, strict=True):
                    rows.append(result_row(model, prediction))
        return rows

    def _held(self, one: PinnedModel) -> PinnedModel:
        """Read anew who is held out: a batch takes hours, and a holdout may begin meanwhile."""
        name = one.spec.capability.name
        return replace(one, holdouts=self.account.experiments.holdouts.active(name, one.outcome, at=one.asked_at))

    def write_values(self, target: IO[bytes], lines: Sequence[bytes], *, first: int = 0) -> None:
        """Value the contacts of some lines for a plan, and write that as arrays.

        Args:
            target: an npz file.
            lines: JSON, a contact each.
            first: place of the first one in the batch.
        """
        model, plan, _ = self._planning
        answers: list[Prediction] = []
        for start in range(0, len(lines), READ_AT_ONCE):
            contacts = [contact_of(line) for line in lines[start : start + READ_AT_ONCE]]
            answers += self._held(model).answers(self.account, contacts, first=first + start)
        arrays: dict[str, Any] = dict(plan.pack(answers))
        np.savez_compressed(target, **arrays)

    def planned(self, values: Sequence[Path]) -> PlannedResult:
        """Decide about all contacts.

        Args:
            values: of every part, as `write_values` wrote them.

        Raises:
            BadRequest: they are too many.
        """
        model, plan, options = self._planning
        parts = [_read(file) for file in values]
        found = plan.assign(model.champion.model, parts, options, microseconds(model.cutoff))
        fixed = _fixed(model)
        rows = ([ResultRow(*fixed, one.status, one.body) for one in part] for part in found.parts)
        return PlannedResult(rows, found.summary)

    @property
    def _planning(self) -> tuple[PinnedModel, JointDecision[Any], BaseModel]:
        (model,) = self.models
        if model.plan is None or model.spec.batch_plan is None:
            raise TypeError("this batch is no plan")
        return model, model.spec.batch_plan, model.plan


def _read(file: Path) -> Mapping[str, np.ndarray]:
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _fixed(pinned: PinnedModel) -> tuple[ModelName, str, int]:
    name = ModelName(pinned.spec.capability.name, pinned.outcome)
    return name, pinned.champion.version, microseconds(pinned.cutoff)


def result_row(pinned: PinnedModel, prediction: Prediction) -> ResultRow:
    """Return the row of one contact's answer."""
    return ResultRow(*_fixed(pinned), prediction.status, pinned.body(prediction))
