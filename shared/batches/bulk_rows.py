"""The answers about many contacts as a part of a result; as Parquet column by column, most of them without a row."""

from collections.abc import Sequence
from typing import IO, Any

from shared.batches.formats import COLUMNS, ParquetFormat, ResultRow, format_of
from shared.batches.request import Format, ModelName
from shared.contracts.rows import microseconds
from shared.serving.batch import PinnedModel
from shared.serving.eligibility import EligibilityResult, answered


def write_part(
    target: IO[bytes], name: Format, pinned: PinnedModel, ids: Sequence[str], results: Sequence[EligibilityResult]
) -> None:
    """Write the answers about some contacts, in order, as single predictions would be written.

    Args:
        target: of the part.
        name: of the format.
        pinned: what answered.
        ids: of the contacts.
        results: one a contact.
    """
    written = format_of(name)
    if not isinstance(written, ParquetFormat) or not results:
        written.write(target, [_row(pinned, one, result) for one, result in zip(ids, results, strict=True)])
        return
    plain = _plain(pinned, results)
    columns = _columns(pinned, ids, results)
    if True in plain:
        first = plain.index(True)
        columns["answer"] = [_row(pinned, ids[first], results[first]).to_cells()["answer"]] * len(ids)
    for row, is_plain in enumerate(plain):
        if not is_plain:
            cells = _row(pinned, ids[row], results[row]).to_cells()
            for column in ("detail", "reasons", "answer", "errors"):
                columns[column][row] = cells[column]
    written.write_columns(target, columns)


def _row(pinned: PinnedModel, contact_id: str, result: EligibilityResult) -> ResultRow:
    name = ModelName(pinned.spec.capability.name, pinned.outcome)
    prediction = answered(pinned.spec, contact_id, result)
    return ResultRow(name, pinned.champion.version, microseconds(pinned.cutoff), prediction)


def _plain(pinned: PinnedModel, results: Sequence[EligibilityResult]) -> list[bool]:
    """Return which answers hold nothing but their head, so that one stands for all."""
    nothing, fields = pinned.spec.fields(None), pinned.spec.fields
    return [
        one.scored is not None and not one.scored.reasons and not one.inputs.names and fields(one.scored) == nothing
        for one in results
    ]


def _columns(pinned: PinnedModel, ids: Sequence[str], results: Sequence[EligibilityResult]) -> dict[str, Any]:
    n, scored = len(ids), [one.scored for one in results]
    columns: dict[str, Any] = {name: [None] * n for name in COLUMNS}
    columns |= {
        "contact_id": list(ids),
        "status": [one.status for one in results],
        "probability": [None if one is None else one.probability for one in scored],
        "score": [None if one is None else one.score for one in scored],
        "band": [None if one is None else one.band for one in scored],
        "source": [None if one is None else one.source for one in scored],
        "trend": [one.trend for one in results],
        "data_quality": [one.data_quality for one in results],
        "capability": pinned.spec.capability.name,
        "outcome": pinned.outcome or None,
        "version": pinned.champion.version,
        "cutoff": microseconds(pinned.cutoff),
    }
    return columns
