"""The same contacts exported by line and by order: the same models, the same answers, the same reasons."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from services.churn.model import ChurnQuery
from services.churn.training import churn_material
from services.churn.training import fitted as fitted_churn
from services.scoring.training import fitted as fitted_scoring
from services.segmentation.training.fitting import SegmentationOptions
from services.segmentation.training.fitting import fitted as fitted_segments
from shared.contracts.engagement import EXPORTED_BY_LINE
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY
from shared.features import Feature, FeatureSet
from shared.timeline import ContactFacts, ContactPasts, EventTuple, Pasts, build
from shared.training.material import framed

START = 20_000 * DAY
UNTIL = START + 240 * DAY
IDS = [f"c-{number:03}" for number in range(130)]
AGAIN = Outcome(
    name="again",
    capability="scoring",
    event_types=("order_placed",),
    horizon_days=30,
    every_days=30,
    repeatable=True,
)
LAPSED = Outcome(name="lapsed", capability="churn", silence=("order_placed",), horizon_days=30)


@dataclass(frozen=True)
class Shop:
    """One way in which a shop's orders came."""

    rows: list[EventTuple]
    ids: list[str]

    @property
    def facts(self) -> dict[str, ContactFacts]:
        return {name: ContactFacts(created_at=START, timezone="Europe/Paris") for name in self.ids}

    @property
    def pasts(self) -> Pasts:
        return build(self.ids, self.facts, [self.rows])

    @property
    def few(self) -> ContactPasts:
        return ContactPasts(self.ids[:3], self.facts, [row for row in self.rows if row[0] in self.ids[:3]])


def exported(*, by_line: bool) -> Shop:
    """Contacts who order at a rate of their own, one to six lines each time, and half of whom stop at some day."""
    draw = np.random.default_rng(7)
    rows: list[EventTuple] = []
    for name in IDS:
        gap, stops = float(draw.uniform(4, 30)), float(draw.uniform(0, 480))
        day = float(draw.uniform(0, gap))
        while day < min(stops, 240):
            lines = draw.integers(1, 20, int(draw.integers(1, 7))).tolist()
            at = START + int(day * DAY)
            for number, worth in enumerate(lines if by_line else [sum(lines)]):
                order = f"{name}-{at}-{number}"
                rows.append((name, order, "order_placed", at, float(worth), None, None, None, None))
            if draw.random() < 0.5:
                rows.append((name, f"{name}-{at}-v", "page_viewed", at - DAY // 8, None, None, None, None, None))
            day += float(draw.exponential(gap))
    return Shop(rows, IDS)


@pytest.fixture(scope="module")
def shops() -> tuple[Shop, Shop]:
    return exported(by_line=True), exported(by_line=False)


def answers_of(shop: Shop, model: Any) -> list[Any]:
    """Ask about all contacts in columns, and about the first three one by one."""
    everybody = np.full(len(shop.ids), UNTIL, dtype=np.int64)
    if hasattr(model, "predict"):
        return [*model.predict(shop.pasts, everybody, reasons=5), *model.predict(shop.few, everybody[:3], reasons=5)]
    query = ChurnQuery(reasons=5, survival=True)
    return [*model.predict(shop.pasts, everybody, query), *model.predict(shop.few, everybody[:3], query)]


def told(answers: list[Any], features: FeatureSet) -> list[tuple[int, Feature, Any]]:
    """List the reasons that count orders, with the place of the answer."""
    counts = {one.name: one for one in features.features if (one.kind, one.type) == ("count", "order_placed")}
    parts = [(place, part) for place, answer in enumerate(answers) for part in answer.reasons]
    return [(place % len(IDS), counts[part.feature], part) for place, part in parts if part.feature in counts]


def counts_told(answers: list[Any], features: FeatureSet) -> list[float]:
    return [float(part.value) for _, _, part in told(answers, features)]


def counts_of_orders(answers: list[Any], features: FeatureSet, by_order: Shop) -> list[float]:
    """Count by hand what those reasons tell."""
    found = []
    for place, feature, _ in told(answers, features):
        since = UNTIL - (feature.window_days or 730) * DAY
        mine = [row for row in by_order.rows if row[0] == IDS[place] and row[2] == "order_placed" and row[3] >= since]
        found.append(float(len(mine)))
    assert found
    return found


def test_scores_and_their_reasons_are_the_same(shops: tuple[Shop, Shop]) -> None:
    by_line, by_order = (fitted_scoring(framed(AGAIN, shop.pasts, now=UNTIL), now=UNTIL).model for shop in shops)

    assert (by_line.feature_set.whole_orders, by_order.feature_set.whole_orders) == (EXPORTED_BY_LINE, ())
    assert by_line.feature_set.features == by_order.feature_set.features
    answers = answers_of(shops[0], by_line)
    assert repr(answers) == repr(answers_of(shops[1], by_order))
    assert counts_told(answers, by_line.feature_set) == counts_of_orders(answers, by_line.feature_set, shops[1])


@pytest.mark.slow
def test_the_risk_of_churn_and_its_reasons_are_the_same(shops: tuple[Shop, Shop]) -> None:
    by_line, by_order = (fitted_churn(churn_material(LAPSED, shop.pasts, now=UNTIL), now=UNTIL).model for shop in shops)

    assert by_line.feature_set.whole_orders == EXPORTED_BY_LINE
    assert repr(answers_of(shops[0], by_line)) == repr(answers_of(shops[1], by_order))


def test_segments_are_the_same(shops: tuple[Shop, Shop]) -> None:
    by_line, by_order = (
        fitted_segments(shop.pasts, until=UNTIL, now=UNTIL, wanted=SegmentationOptions(segments=3)).model
        for shop in shops
    )

    assert by_line.feature_set.whole_orders == EXPORTED_BY_LINE
    assert [one.named for one in by_line.segments] == [one.named for one in by_order.segments]
    assert repr(answers_of(shops[0], by_line)) == repr(answers_of(shops[1], by_order))
