import dataclasses
from typing import Any

import numpy as np
import pytest

from shared.cards.thresholds import ThresholdQuery, precision_interval, thresholds
from shared.errors import Conflict
from shared.store import VersionRow

QUERY = ThresholdQuery(value=50.0, cost=6.0)
TODAY = {10: 700, 60: 200, 90: 80, 99: 20}


def test_every_cut_equals_brute_force_on_the_raw_predictions(scored: VersionRow, world: Any) -> None:
    found = thresholds(scored, "scoring.customer", QUERY, {})

    n, positives = len(world.labels), world.labels.sum()
    for cut in found.cuts:
        chosen = world.scores >= cut.from_score
        hits, addressed = world.labels[chosen].sum(), chosen.sum()
        assert cut.true_positives == pytest.approx(1_000 * hits / n, abs=1e-3)
        assert cut.false_positives == pytest.approx(1_000 * (addressed - hits) / n, abs=1e-3)
        assert cut.precision == pytest.approx(hits / addressed, abs=1e-6)
        assert cut.recall == pytest.approx(hits / positives, abs=1e-6)
        assert cut.profit == pytest.approx(1_000 * (50 * hits - 6 * addressed) / n, abs=1e-3)
    profits = [50 * world.labels[world.scores >= s].sum() - 6 * (world.scores >= s).sum() for s in range(1, 100)]
    assert found.best is not None
    assert found.best.from_score == 1 + int(np.argmax(profits))
    assert found.everybody == found.cuts[-1]


def test_the_interval_is_as_wide_as_drawing_contacts_again_says(world: Any) -> None:
    below, above = precision_interval(world.counts, 70)

    generator, chosen, drawn = np.random.default_rng(1), world.scores >= 70, []
    hits = np.bincount(world.owner, weights=world.labels * chosen, minlength=400)
    frames = np.bincount(world.owner, weights=chosen, minlength=400)
    for _ in range(2_000):
        contacts = generator.integers(0, 400, 400)
        drawn.append(hits[contacts].sum() / frames[contacts].sum())
    low, high = np.quantile(drawn, (0.025, 0.975))
    assert below + above == pytest.approx(high - low, rel=0.1)


def test_counts_are_of_the_contacts_whose_scores_are_stored(scored: VersionRow, world: Any) -> None:
    found = thresholds(scored, "scoring.customer", QUERY, TODAY)

    rate = {s: world.labels[world.scores == s].mean() for s in TODAY}
    cut = next(one for one in found.cuts if one.from_score == 90)
    assert (found.population.source, found.population.contacts, cut.contacts) == ("latest_predictions", 1_000, 100)
    assert cut.true_positives == pytest.approx(80 * rate[90] + 20 * rate[99], abs=1e-3)


@pytest.mark.parametrize("query", [{"capacity": 100}, {"capacity_share": 0.1}, {"capacity": 299}])
def test_the_best_cut_lies_within_the_capacity(scored: VersionRow, query: dict[str, Any]) -> None:
    found = thresholds(scored, "scoring.customer", ThresholdQuery(50.0, 0.5, **query), TODAY)

    assert found.best is not None
    assert (found.best.from_score, found.best.contacts, found.best.only_first) == (90, 100, False)
    assert found.sentence.startswith("Address contacts with score 90 or more: 100 of 1,000.")


def test_where_not_even_the_highest_score_fits_the_first_of_the_list_are_addressed(scored: VersionRow) -> None:
    whole = thresholds(scored, "scoring.customer", ThresholdQuery(50.0, 0.5, capacity=20), TODAY).best
    found = thresholds(scored, "scoring.customer", ThresholdQuery(50.0, 0.5, capacity=5), TODAY)

    assert whole is not None
    assert found.best is not None
    assert (found.best.contacts, found.best.only_first) == (5, True)
    assert found.best.profit == pytest.approx(whole.profit / 4)
    assert "the first 5 of the list" in found.sentence


@pytest.mark.parametrize(
    ("query", "why"),
    [
        (ThresholdQuery(1.0, 2.0), "even the contacts with the highest scores cost more"),
        (ThresholdQuery(50.0, 0.5, capacity=0), "the capacity holds not one contact."),
        (ThresholdQuery(50.0, 0.5, capacity_share=0.0009), "the capacity holds not one contact."),
    ],
)
def test_nobody_is_addressed_where_nobody_pays_or_nothing_can_be_done(
    scored: VersionRow, query: ThresholdQuery, why: str
) -> None:
    found = thresholds(scored, "scoring.customer", query, TODAY)

    assert found.best is None
    assert found.sentence.startswith(f"Address nobody: {why}")


def test_the_currency_changes_the_amounts_and_not_the_cut_off(scored: VersionRow) -> None:
    plain = thresholds(scored, "scoring.customer", QUERY, TODAY).best
    tiny = thresholds(scored, "scoring.customer", ThresholdQuery(QUERY.value / 10**9, QUERY.cost / 10**9), TODAY)

    assert plain is not None
    assert tiny.best is not None
    assert tiny.best.from_score == plain.from_score
    assert tiny.best.profit == pytest.approx(plain.profit / 10**9)
    assert "Expected profit: 0.00" not in tiny.sentence


def test_the_break_even_is_where_the_chance_is_cost_by_value(scored: VersionRow, world: Any) -> None:
    found = thresholds(scored, "scoring.customer", QUERY, {})

    assert found.break_even_probability == 0.12
    assert found.break_even_score is not None
    chances = world.counts["chance"]
    assert chances[found.break_even_score - 1] >= 0.12 > chances[found.break_even_score - 2]
    assert thresholds(scored, "scoring.customer", ThresholdQuery(1.0, 2.0), {}).break_even_score is None


def test_a_number_of_contacts_without_stored_scores_is_refused(scored: VersionRow) -> None:
    with pytest.raises(Conflict, match="No scores of version 3 are stored"):
        thresholds(scored, "scoring.customer", ThresholdQuery(50.0, 6.0, capacity=100), {})


def test_a_version_without_counts_is_refused(scored: VersionRow) -> None:
    with pytest.raises(Conflict, match="keeps no counts by score"):
        thresholds(dataclasses.replace(scored, report={}), "scoring.customer", QUERY, {})


def test_a_score_that_nobody_had_takes_the_rate_of_the_next_lower_one(scored: VersionRow) -> None:
    counts = {"frames": [0] * 99, "positives": [0] * 99, "chance": [None] * 99}
    counts |= {"contacts_from": [2] * 99, "squares_from": {name: [4] * 99 for name in ("positives", "both", "frames")}}
    counts["frames"][9], counts["positives"][9], counts["chance"][9] = 4, 1, 0.25
    row = dataclasses.replace(scored, report={"evidence": {"scores": counts}})

    found = thresholds(row, "scoring.customer", QUERY, {5: 100, 50: 100})

    assert [one.true_positives for one in found.cuts if one.from_score in (50, 5)] == [25.0, 50.0]
    assert precision_interval(counts, 50) == (1.0, 1.0)
