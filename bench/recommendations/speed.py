"""How long 50,000 items take: to learn, to keep, and to list for one contact and for a thousand."""

import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

from bench.recommendations.data import made
from services.recommendations.model.recommender import RecommendationModel
from services.recommendations.schemas import ShownItems
from services.recommendations.training.fitting import fitted
from services.recommendations.training.material import material_of
from shared.timeline import ContactPasts, Pasts, build

CONTACTS, ITEMS = 30_000, 50_000
MANY = 1_000


def speed() -> str:
    """Write one paragraph."""
    shop = made(CONTACTS, ITEMS)
    began = perf_counter()
    fit = fitted(material_of(shop.pasts, now=shop.end, horizon_days=60), now=shop.end)
    learned = perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    with tempfile.TemporaryDirectory() as folder:
        fit.model.save(Path(folder))
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6
        model = RecommendationModel.load(Path(folder))
    one, many = part(shop.pasts, 1), part(shop.pasts, MANY)
    single = [timed(model, one, reasons=reasons) for reasons in (0, 3)]
    thousand = timed(model, many, reasons=0, rounds=3)
    ms = [seconds * 1e3 for seconds in (*single, thousand / MANY)]
    return (
        f"Speed, one process and one thread: {len(shop.pasts.at):,} purchases of {CONTACTS:,} contacts and "
        f"{len(model.items):,} items are learned in {learned:.0f} s with at most {peak:.1f} GB in the process, data "
        f"included; the artifact has {size:.0f} MB. One contact with 60 purchases takes {ms[0]:.1f} ms, with three "
        f"reasons an item {ms[1]:.1f} ms; {MANY:,} contacts in one call {thousand:.2f} s ({ms[2]:.2f} ms each). "
        "Reading the store and HTTP are not in it."
    )


def part(pasts: Pasts, contacts: int) -> Callable[[], ContactPasts]:
    """Return a maker of the pasts of some contacts, as a call would bring them."""
    end = int(pasts.offsets[contacts])
    owner = np.searchsorted(pasts.offsets, np.arange(end), side="right") - 1
    rows = [
        (pasts.contact_ids[who], "", "order_placed", at, None, None, None, pasts.items[item], None)
        for who, at, item in zip(owner.tolist(), pasts.at[:end].tolist(), pasts.item[:end].tolist(), strict=True)
    ]
    names = pasts.contact_ids[:contacts]
    return lambda: ContactPasts.of_columns(build(names, {}, [rows]))


def timed(
    model: RecommendationModel, made_pasts: Callable[[], ContactPasts], *, reasons: int, rounds: int = 50
) -> float:
    """Return the median seconds of an answer, after one that warms up."""
    seconds = []
    for _ in range(rounds + 1):
        pasts = made_pasts()
        cutoffs = np.full(len(pasts), 1_800_000_000_000_000, dtype=np.int64)
        began = perf_counter()
        model.recommend(pasts.columns, cutoffs, ShownItems(), most=10, reasons=reasons)
        seconds.append(perf_counter() - began)
    return float(np.median(seconds[1:]))
