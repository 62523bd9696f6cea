"""What the groups of a registered model explain of what comes next, and how far they hold."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.segments.data import DAY, Shop, before
from services.segmentation.model import SegmentationModel, Transform
from services.segmentation.training.clustering import agreement
from services.segmentation.training.fitting import SegmentationFit, SegmentationOptions, fitted
from services.segmentation.training.selection import Next, Usefulness, next_period, rfm_groups, usefulness
from services.segmentation.training.snapshot import assigned, population
from shared.features import matrix

REFERENCE = {
    "Online Retail": {3: 0.94, 4: 0.99, 5: 0.95, 6: 0.92},
    "Complete Journey": {3: 0.87, 4: 0.85, 5: 0.89, 6: 0.94},
}
"""Agreement of k-means on log recency, frequency and money, by number of groups: the data page."""
SEEDS = (1, 2, 3)
STILL = 0.1
"""Reference standard deviations within which a contact counts as unmoved."""

HEADER = (
    "| data, cutoff, next days | contacts | segments | spend explained | RFM score | gain | activity explained "
    "| RFM score | gain |\n|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Holding:
    """How far the groups at the end of the data hold."""

    k: int
    agreement: float
    silhouette: float
    silhouette_rfm: float
    same_id: tuple[float, ...]
    """Of the contacts that did not move, one share a seed."""
    still: int
    contacts: int


@dataclass(frozen=True)
class Result:
    """One population of one data set."""

    shop: str
    name: str
    contacts: int
    k: int
    useful: Usefulness
    holding: Holding

    @property
    def holds(self) -> bool:
        """Whether nothing lies below the plain score or the reference, and who is who is kept."""
        known = REFERENCE[self.shop].get(self.holding.k)
        return (
            self.useful.gain_spend.high >= 0
            and self.useful.gain_active.high >= 0
            and (known is None or round(self.holding.agreement, 2) >= known)
            and min(self.holding.same_id) >= 0.95
        )

    def line(self) -> str:
        """Write the row as Markdown."""
        one = self.useful
        return (
            f"| {self.name} | {self.contacts:,} | {self.k} "
            f"| {one.spend} | {one.rfm_spend.value:.3f} | {one.gain_spend} "
            f"| {one.active} | {one.rfm_active.value:.3f} | {one.gain_active} |"
        )

    def holding_line(self) -> str:
        """Write the row of the second table."""
        one = self.holding
        known = REFERENCE[self.shop].get(one.k)
        ids = ", ".join(f"{share:.1%}" for share in one.same_id)
        told = f"{ids} of the {one.still:,} (of {one.contacts:,}) contacts that did not move"
        return (
            f"| {self.shop} | {one.k} | {one.agreement:.3f} | {'–' if known is None else known} "
            f"| {one.silhouette:.3f} | {one.silhouette_rfm:.3f} | {told} |"
        )


def judged(shop: Shop) -> list[Result]:
    """Train at the protocol's date on what was known, and look at what came after.

    Args:
        shop: the data set.

    Returns:
        Two rows: the protocol's contacts (an order lately) and everybody; the plain score is cut among the same.
    """
    past = before(shop.pasts, shop.asked_at)
    fit = fitted(past, until=shop.asked_at, now=shop.asked_at)
    contact, cutoff = fit.today.contact, fit.today.cutoff
    after = next_period(shop.pasts, contact, cutoff, days=shop.horizon_days, leading=fit.today.leading)
    lately = np.nan_to_num(fit.today.values[:, 0], nan=np.inf) <= shop.active_days
    k, holding = len(fit.model.segments), _holding(shop)
    date = np.datetime64(shop.asked_at, "us").astype("datetime64[D]")
    rows = []
    for told, chosen in ((f"active in {shop.active_days} days", lately), ("everybody", np.ones(len(contact), bool))):
        plain = rfm_groups(past, contact[chosen], cutoff[chosen], leading=fit.today.leading, k=k)
        following = Next(after.spend[chosen], after.active[chosen])
        useful = usefulness(fit.labels[chosen], plain, following, contact[chosen], draws=1_000)
        name = f"{shop.name}, {date}, {shop.horizon_days}; {told}"
        rows.append(Result(shop.name, name, int(chosen.sum()), k, useful, holding))
    return rows


@lru_cache
def _holding(shop: Shop) -> Holding:
    from sklearn.metrics import silhouette_score

    fit = fitted(shop.pasts, until=shop.end, now=shop.end)
    k = len(fit.model.segments)
    shares, still, contacts = [], 0, 0
    for seed in SEEDS:
        share, still, contacts = _same_id(shop, seed)
        shares.append(share)
    return Holding(
        k=k,
        agreement=agreement(fit.today.places, k, seed=0),
        silhouette=float(silhouette_score(fit.today.places, fit.labels)),
        silhouette_rfm=float(silhouette_score(_rfm_places(fit), fit.labels)),
        same_id=tuple(shares),
        still=still,
        contacts=contacts,
    )


def _rfm_places(fit: SegmentationFit) -> NDArray[np.float64]:
    """Place contacts as the reference does: standardised logs of recency, frequency and money."""
    names = fit.today.feature_set.names
    lead = fit.today.leading
    wanted = (f"{lead}_days_since_last", f"{lead}_730d", f"{lead}_value_365d")
    logs = np.log1p(np.nan_to_num(fit.today.values[:, [names.index(name) for name in wanted]], nan=730.0))
    return (logs - logs.mean(axis=0)) / logs.std(axis=0)


def _same_id(shop: Shop, seed: int) -> tuple[float, int, int]:
    """Retrain with another seed and one more week; compare the ids of contacts that did not move.

    Returns:
        Share with the same id, how many did not move, how many there were both times.
    """
    week_before = shop.end - 7 * DAY
    old = fitted(before(shop.pasts, week_before), until=week_before, now=week_before)
    new = fitted(shop.pasts, until=shop.end, now=shop.end, wanted=SegmentationOptions(seed=seed), previous=old.model)
    everybody, cutoff = population(before(shop.pasts, week_before), week_before)
    then = _standardised(old.model, old.today.transform, shop, everybody, cutoff)
    now = _standardised(old.model, old.today.transform, shop, everybody, np.full(len(everybody), shop.end))
    still = np.abs(now - then).max(axis=1) < STILL
    ids = [
        np.array([segment.named.id for segment in one.model.segments])[assigned(one.model, shop.pasts, everybody, at)]
        for one, at in ((old, cutoff), (new, np.full(len(everybody), shop.end)))
    ]
    return float((ids[0] == ids[1])[still].mean()), int(still.sum()), len(everybody)


def _standardised(
    model: SegmentationModel, transform: Transform, shop: Shop, contact: NDArray[np.int32], cutoff: NDArray[np.int64]
) -> NDArray[np.float64]:
    return transform.standardised(matrix(model.feature_set, shop.pasts, contact, cutoff))
