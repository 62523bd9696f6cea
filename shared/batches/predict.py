"""From lines of contacts to rows of a result: each contact's answers, one a model, order kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.batches.formats import ResultRow
from shared.batches.request import ModelName
from shared.batches.selection import contact_of
from shared.contracts.prediction import Prediction
from shared.contracts.rows import microseconds
from shared.serving.batch import PinnedModel
from shared.store import AccountStore

READ_AT_ONCE = 1_000
"""Contacts whose pasts are read together: two or three statements of the store."""


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
        return replace(one, holdouts=self.account.holdouts.active(name, one.outcome, at=one.asked_at))


def result_row(pinned: PinnedModel, prediction: Prediction) -> ResultRow:
    """Return the row of one contact's answer."""
    name = ModelName(pinned.spec.capability.name, pinned.outcome)
    version, cutoff = pinned.champion.version, microseconds(pinned.cutoff)
    return ResultRow(name, version, cutoff, prediction.status, pinned.body(prediction))
