"""Answers of a call that stay columns, from its contacts to their bytes: the many that nobody needs an object of.

A call is answered so where its contacts bring the same attributes, the store knows none of them, and no reasons are
asked for. Whoever gets another answer than a plain one is looked at alone. `shared.serving.contact_answers` says what
the answers are; a test holds both to the same bytes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from shared.contracts.prediction import Prediction, Status, wires
from shared.contracts.rows import ALWAYS, instant_of
from shared.serving.batch import PinnedModel
from shared.serving.bulk import SOURCE, BulkColumns, BulkContacts, bulk_columns
from shared.serving.capability_spec import ColumnModel
from shared.serving.contact_answers import ContactAnswers, put_trends, trend_of
from shared.serving.request_contacts import AlikeContacts, AttributeNames
from shared.serving.threads import LoggedCall
from shared.store import PredictionRow, RequestReads
from shared.timeline.coded_pasts import NOBODY, ContactColumns, EventColumns
from shared.timeline.pasts import NEVER, AttributeColumn

LEAST_CONTACTS: Final = 24
"""Fewer are answered one by one in less time; at so many both ways take the same (`bench.many`'s model)."""
_row = partial(tuple.__new__, PredictionRow)
"""Makes a row of its fields at once."""


@dataclass(frozen=True, slots=True)
class ColumnAnswers:
    """The answers of one call, column by column."""

    ids: Sequence[str]
    columns: BulkColumns
    bodies: Sequence[bytes]

    @property
    def statuses(self) -> Mapping[Status, int]:
        """Count them."""
        others = self.columns.others.values()
        counted = Counter[Status]([one.status for one in others])
        counted["ok"] += len(self.ids) - len(others)
        return +counted

    def rows(self, call: LoggedCall) -> list[PredictionRow]:
        """Make the rows of the log; nobody is unknown here, so that everybody has one."""
        columns = self.columns
        fields = (
            *(self.ids, *map(repeat, call), repeat("ok")),
            *(columns.probability.tolist(), columns.score.tolist(), _coded(columns.band, columns.bands)),
            *(repeat(SOURCE), map(bytes.decode, self.bodies), repeat(None), repeat(None)),
        )
        rows = list(map(_row, zip(*fields, strict=False)))
        for place, one in columns.others.items():
            rows[place] = call.row(one, self.bodies[place])
        return rows


def column_answers(answers: ContactAnswers, contacts: AlikeContacts, reads: RequestReads) -> ColumnAnswers | None:
    """Answer the contacts of a call; None: they are to be answered one by one.

    Args:
        answers: what is asked of them.
        contacts: all of the call.
        reads: of these.
    """
    if not _stay_columns(answers, contacts, reads):
        return None
    spec, cutoff, held = answers.spec, instant_of(answers.cutoff), answers.holdouts
    pinned = PinnedModel(spec, answers.champion, answers.outcome, cutoff, answers.asked_at, 0, holdouts=held)
    columns = bulk_columns(pinned, _bulk(contacts, reads))
    if columns is None:
        return None
    put_trends([*columns.others.values()], reads.past_scores)
    return ColumnAnswers(contacts.ids, columns, _bodies(contacts.ids, columns, reads.past_scores, spec.absent_fields))


def _stay_columns(answers: ContactAnswers, contacts: AlikeContacts, reads: RequestReads) -> bool:
    spec, model, stored = answers.spec, answers.champion.model, reads.rows
    if len(contacts) < LEAST_CONTACTS or not contacts.attributes or answers.request.reasons_requested:
        return False
    if not isinstance(model, ColumnModel) or spec.as_of_now or spec.add_stored or spec.before_respond:
        return False
    if stored.facts or stored.events or stored.older or answers.counts_inputs or answers.plan is not None:
        return False
    known = AttributeNames.of(model.attribute_names).known
    return (not known or known.issuperset(contacts.attributes)) and len(set(contacts.ids)) == len(contacts)


def _bulk(contacts: AlikeContacts, reads: RequestReads) -> BulkContacts:
    """Lay out what a call brings, which holds at any cutoff."""
    n = len(contacts)
    rows, always, dated = np.arange(n, dtype=np.int32), np.full(n, ALWAYS), np.ones(n, dtype=bool)
    attributes = {name: AttributeColumn(rows, always, values, dated) for name, values in contacts.attributes.items()}
    facts = ContactColumns(contacts.ids, np.full(n, NEVER), [None] * n, [{}] * n, attributes)
    human = np.full(0, NOBODY, dtype=np.int8)
    return BulkContacts(facts, np.zeros(n, dtype=bool), EventColumns.none(), human, reads.newest_event_at)


def _bodies(
    ids: Sequence[str], columns: BulkColumns, before: Mapping[str, int], absent: Mapping[str, object]
) -> list[bytes]:
    """Write the answers as `Prediction.wire` does.

    Args:
        ids: of the contacts.
        columns: of the answers.
        before: past scores of some contacts.
        absent: as of `Prediction.wire`.
    """
    scores = columns.score.tolist()
    written = {
        "contact_id": list(map(orjson.dumps, ids)),
        "probability": _numbers(columns.probability.tolist()),
        "score": _numbers(scores),
        "band": _coded(columns.band, list(map(orjson.dumps, columns.bands))),
        "data_quality": _coded(columns.quality, list(map(orjson.dumps, columns.qualities))),
    }
    if before:
        trends = [trend_of(score, before.get(contact_id)) for contact_id, score in zip(ids, scores, strict=True)]
        written["trend"] = list(map(orjson.dumps, trends))
    bodies = wires(Prediction(source=SOURCE), absent, written)
    for place, one in columns.others.items():
        bodies[place] = one.wire(absent)
    return bodies


def _numbers(values: Sequence[float]) -> list[bytes]:
    return orjson.dumps(values)[1:-1].split(b",")


def _coded(codes: NDArray[np.int64], names: Sequence[Any]) -> list[Any]:
    """Return the name behind each code; where nobody has a plain answer there are codes, but no names."""
    return list(map(names.__getitem__, codes.tolist())) if names else [b""] * len(codes)
