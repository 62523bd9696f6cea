"""The answers about many contacts as a part of a result; as Parquet column by column, most of them without a row."""

from collections.abc import Sequence
from typing import IO, Any

import numpy as np

from shared.batches.formats import ParquetFormat, format_of
from shared.batches.predict import result_row
from shared.batches.request import Format
from shared.contracts.prediction import Prediction
from shared.contracts.rows import microseconds
from shared.serving.batch import PinnedModel
from shared.serving.bulk import BulkColumns, BulkContacts, bulk_columns, bulk_results


def write_answers(target: IO[bytes], name: Format, pinned: PinnedModel, bulk: BulkContacts) -> dict[str, int]:
    """Predict for contacts and write the answers, in order, as single predictions would be written.

    Args:
        target: of the part.
        name: of the format.
        pinned: what answers.
        bulk: the contacts.

    Returns:
        How many of each status.
    """
    written, ids = format_of(name), bulk.contacts.ids
    columns = bulk_columns(pinned, bulk) if isinstance(written, ParquetFormat) and len(ids) else None
    if columns is None or not isinstance(written, ParquetFormat):
        results = bulk_results(pinned, bulk)
        rows = [result_row(pinned, one) for one in results]
        written.write(target, rows)
        statuses, counts = np.unique([one.status for one in rows], return_counts=True)
        return dict(zip(statuses.tolist(), counts.tolist(), strict=True))
    return _write_columns(target, written, pinned, ids, columns)


def _write_columns(
    target: IO[bytes], written: ParquetFormat, pinned: PinnedModel, ids: Sequence[str], columns: BulkColumns
) -> dict[str, int]:
    import pyarrow as pa

    n, plain = len(ids), np.ones(len(ids), dtype=bool)
    plain[list(columns.others)] = False
    texts = [result_row(pinned, one).to_cells() for _, one in sorted(columns.others.items())]
    cells: dict[str, Any] = {
        "contact_id": list(ids),
        "capability": pinned.spec.capability.name,
        "outcome": pinned.outcome or None,
        "trend": "unknown",
        "version": pinned.champion.version,
        "cutoff": microseconds(pinned.cutoff),
        "status": _texts(pa, np.zeros(n, np.int64), ["ok"], plain),
        "probability": pa.array(columns.probability, mask=~plain),
        "score": pa.array(columns.score, pa.int16(), mask=~plain),
        "band": _texts(pa, columns.band, list(columns.bands), plain),
        "source": _texts(pa, np.zeros(n, np.int64), ["model"], plain),
        "data_quality": pa.array(columns.qualities or [[]], pa.list_(pa.string())).take(pa.array(columns.quality)),
        "answer": _empty(pinned),
        **dict.fromkeys(("detail", "reasons", "errors")),
    }
    if texts:
        places = pa.array(np.where(plain, -1, np.cumsum(~plain) - 1), mask=plain)
        for name in ("status", "probability", "score", "band", "source", "data_quality", *_OWN):
            kind = written.kind_of(name)
            others = pa.array([one[name] for one in texts], kind).take(places)
            usual = cells[name] if isinstance(cells[name], pa.Array) else pa.repeat(pa.scalar(cells[name], kind), n)
            cells[name] = pa.compute.if_else(pa.array(plain), usual, others)
    written.write_columns(target, cells)
    return _counted(columns, int(plain.sum()))


_OWN = ("answer", "detail", "reasons", "errors")


def _counted(columns: BulkColumns, plain: int) -> dict[str, int]:
    counts = {"ok": plain} if plain else {}
    for one in columns.others.values():
        counts[one.status] = counts.get(one.status, 0) + 1
    return counts


def _texts(pa: Any, codes: Any, names: list[str], there: Any) -> Any:
    coded = pa.array(codes, pa.int32(), mask=~there)
    return pa.DictionaryArray.from_arrays(coded, pa.array(names or [""])).cast(pa.string())


def _empty(pinned: PinnedModel) -> Any:
    """Return what stands in `answer` where there is nothing but the head."""
    return result_row(pinned, Prediction(status="unknown_contact")).to_cells()["answer"]
