"""What a run finds on a shop with two tastes, on chance, and on too little."""

import numpy as np
import pytest

from services.recommendations.training.fitting import RecommendationFit, fitted
from services.recommendations.training.material import material_of
from services.recommendations.training.report import plots, report
from shared.errors import InsufficientData
from shared.timeline import build
from tests.unit.recommendations.conftest import DAY, DAYS, START, RecsShop, bought

UNTIL = START + DAYS * DAY


def test_where_contacts_have_tastes_lists_beat_what_is_popular(recs_fit: RecommendationFit) -> None:
    assert recs_fit.usable
    assert recs_fit.lift_over("most popular").low > 0.2
    assert recs_fit.served.ndcg >= max(recs_fit.named(one).ndcg for one in ("item to item", "factorisation"))


def test_the_report_names_every_method_and_the_fallbacks(recs_fit: RecommendationFit, recs_shop: RecsShop) -> None:
    found = report(recs_fit, recs_shop.until).to_json()

    assert [one["label"] for one in found["candidates"]][:5] == [
        "most popular",
        "trending",
        "repeat purchase",
        "item to item",
        "factorisation",
    ]
    assert sum(one["served"] for one in found["candidates"]) == 1
    assert found["data"]["judged_from"] == "2025-10-07"
    assert 0 < found["figures"]["catalogue_coverage"] <= 1
    assert found["figures"]["share_of_fallbacks"] == 0.0
    assert plots(recs_fit)["methods"].startswith(b"\x89PNG")


def test_where_everybody_buys_at_random_there_is_no_usable_signal() -> None:
    draw = np.random.default_rng(1)
    rows = [
        bought(f"c-{contact}", f"i-{int(40 * draw.random() ** 3)}", day)
        for contact in range(200)
        for day in np.sort(draw.uniform(0, DAYS, 6))
    ]
    pasts = build([f"c-{contact}" for contact in range(200)], {}, [rows])

    fit = fitted(material_of(pasts, now=UNTIL, horizon_days=60), now=UNTIL)

    assert (fit.usable, fit.grade) == (False, "D")


def test_too_few_buyers_or_items_are_named_in_counts() -> None:
    pasts = build(["c-1"], {}, [[bought("c-1", "tea", 10)]])

    with pytest.raises(InsufficientData, match=r"1 contacts bought an item .* 0 items were bought by 5") as refused:
        material_of(pasts, now=UNTIL, horizon_days=None)
    assert refused.value.members["needed_buyers"] == 100


def test_too_short_a_time_is_named_with_the_way_out(recs_shop: RecsShop) -> None:
    with pytest.raises(InsufficientData, match=r"span 319 days; 800 are needed .*--horizon-days"):
        material_of(recs_shop.pasts, now=recs_shop.until, horizon_days=200)


def test_who_never_buys_again_gives_nothing_to_judge_by() -> None:
    rows = [bought(f"c-{contact}", f"i-{contact % 12}", contact % DAYS) for contact in range(300)]
    pasts = build([f"c-{contact}" for contact in range(300)], {}, [rows])

    with pytest.raises(InsufficientData, match="0 contacts who had bought before bought again"):
        fitted(material_of(pasts, now=UNTIL, horizon_days=60), now=UNTIL)


def test_items_that_nobody_bought_before_the_judged_days_are_refused_with_the_way_out() -> None:
    rows = [bought(f"c-{contact}", f"i-{contact % 12}", DAYS - 100 + contact % 50) for contact in range(300)]
    pasts = build([f"c-{contact}" for contact in range(300)], {}, [[bought("c-0", "i-0", 1), *rows]])

    with pytest.raises(InsufficientData, match=r"120 days before the end .* 5 contacts yet, .*--horizon-days"):
        fitted(material_of(pasts, now=UNTIL, horizon_days=60), now=UNTIL)


def test_who_buys_again_only_what_was_not_known_gives_nothing_to_learn_from() -> None:
    rows = [
        bought(f"c-{contact}", f"{'old' if day < DAYS - 120 else 'new'}-{(contact + day) % 12}", day)
        for contact in range(200)
        for day in range(DAYS - 200, DAYS, 40)
    ]
    pasts = build([f"c-{contact}" for contact in range(200)], {}, [[bought("c-0", "old-0", 1), *rows]])

    with pytest.raises(InsufficientData, match="200 in as many days before, then 0 times an item that was known"):
        fitted(material_of(pasts, now=UNTIL, horizon_days=60), now=UNTIL)


def test_the_horizon_is_shorter_where_the_data_are() -> None:
    rows = [bought(f"c-{contact}", f"i-{contact % 12}", contact % 100) for contact in range(300)]
    pasts = build([f"c-{contact}" for contact in range(300)], {}, [rows])

    assert material_of(pasts, now=UNTIL, horizon_days=None).horizon_days == 24
