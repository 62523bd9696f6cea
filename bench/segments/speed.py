"""How long assignment takes after the features: a million contacts in one process, and one contact."""

from time import perf_counter

import numpy as np

from bench.segments.data import Shop
from services.segmentation.training.fitting import fitted

MANY = 1_000_000


def speed(shop: Shop) -> str:
    """Write one paragraph: assignment, membership and shares of a million contacts; one contact's whole answer."""
    fit = fitted(shop.pasts, until=shop.end, now=shop.end)
    model = fit.model
    rows = np.resize(np.arange(len(fit.today.values)), MANY)
    values = fit.today.values[rows]
    began = perf_counter()
    places = model.transform.apply(values)
    sure = model.grouping.membership(places)
    assigned = perf_counter() - began
    order = np.argsort(-sure, axis=1)
    model.grouping.contributions(places, order[:, 0], order[:, 1])
    explained = perf_counter() - began
    one = values[:1]
    singles = []
    for _ in range(2_000):
        began = perf_counter()
        model.grouping.membership(model.transform.apply(one))
        singles.append(perf_counter() - began)
    return (
        f"Speed, one process, after the features: {MANY:,} contacts get their segment and membership in "
        f"{assigned:.2f} s ({assigned / MANY * 1e6:.2f} µs a contact), and the shares behind the reasons as well in "
        f"{explained:.2f} s; a single contact takes {np.median(singles) * 1e6:.0f} µs."
    )
