from itertools import pairwise, permutations

import numpy as np
import pytest

from shared.attribution.draws import Draws, drawn
from shared.attribution.joins import Joins
from shared.attribution.journeys import Journeys, PathCounts, from_paths
from shared.attribution.markov import Chain
from shared.attribution.rules import RULES, Ruled
from shared.attribution.shapley import EXACT_CHANNELS, Dividends, ShapleyGame

ROWS = [
    PathCounts(["a", "b"], 30, 0.0, 70),
    PathCounts(["a"], 10, 0.0, 90),
    PathCounts(["b", "c", "b"], 20, 0.0, 40),
    PathCounts(["c"], 0, 0.0, 50),
    PathCounts([], 5, 0.0, 95),
]


def observed(journeys: Journeys) -> Draws:
    return drawn(journeys, 0)


def removed(rows: list[PathCounts], channel: str) -> float:
    """Simulate the chain without a channel by powers of its matrix, until all have ended."""
    names = ["start", *sorted({one for row in rows for one in row.path}), "won", "lost"]
    steps = np.zeros((len(names), len(names)))
    for row in (one for one in rows if one.path):
        walk = ["start", *row.path]
        for here, there in pairwise(walk):
            steps[names.index(here), names.index(there)] += row.conversions + row.nulls
        steps[names.index(walk[-1]), names.index("won")] += row.conversions
        steps[names.index(walk[-1]), names.index("lost")] += row.nulls
    steps = steps / np.maximum(steps.sum(axis=1, keepdims=True), 1e-300)
    if channel:
        gone = names.index(channel)
        steps[:, names.index("lost")] += steps[:, gone]
        steps[:, gone] = 0.0
    steps[-2, -2] = steps[-1, -1] = 1.0
    return float(np.linalg.matrix_power(steps, 4096)[0, -2])


def test_a_removal_effect_is_the_share_of_conversions_that_the_chain_loses_without_the_channel() -> None:
    made = from_paths(ROWS)

    effects = Chain(observed(made)).removal_effects()

    whole = removed(ROWS, "")
    expected = [1 - removed(ROWS, channel) / whole for channel in made.channels]
    assert effects == pytest.approx(expected, abs=1e-9)


def test_markov_shares_out_the_conversions_that_came_after_a_touch() -> None:
    made = from_paths(ROWS)

    assert Chain(observed(made)).credits().sum() == pytest.approx(60.0)


def test_a_chain_in_which_nothing_converts_gives_no_credit() -> None:
    made = from_paths([PathCounts(["a", "b"], 0.0, 0.0, 10.0)])

    assert Chain(observed(made)).credits().tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("first_touch", [1.0, 0.0, 0.0]),
        ("last_touch", [0.0, 0.0, 1.0]),
        ("linear", [0.25, 0.5, 0.25]),
        ("time_decay", [1 / 15, 2 / 15 + 4 / 15, 8 / 15]),
        ("position", [0.4, 0.2, 0.4]),
    ],
)
def test_a_rule_shares_a_conversion_by_place_alone(rule: str, expected: list[float]) -> None:
    made = from_paths([PathCounts(["a", "b", "b", "c"], 1.0, 0.0, 0.0)])

    assert Ruled(observed(made), rule).credits()[:, 0] == pytest.approx(expected)


def test_time_decay_halves_a_touch_seven_days_earlier() -> None:
    made = from_paths([PathCounts(["a", "b"], 1.0, 0.0, 0.0)])
    dated = Journeys(
        made.channels, made.offsets, made.channel, np.array([9.0, 2.0]),
        made.conversions, made.value, made.nulls, made.unit,
    )  # fmt: skip

    assert Ruled(observed(dated), "time_decay").credits()[:, 0] == pytest.approx([1 / 3, 2 / 3])


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_gives_each_conversion_after_a_touch_away_once(rule: str) -> None:
    made = from_paths(ROWS)

    assert Ruled(observed(made), rule).credits()[:, 0].sum() == pytest.approx(60.0)


def effect_world(random: np.random.Generator, gains: list[float], base: float, number: int) -> Journeys:
    """Let chance decide who meets which channels; each that does something adds its own chance of a conversion."""
    met = random.random((number, len(gains))) < [0.3 + 0.08 * place for place in range(len(gains))]
    rate = 1 - (1 - base) * np.prod(np.where(met, 1 - np.array(gains), 1.0), axis=1)
    won = random.random(number) < rate
    rows = [
        PathCounts(
            [f"ch-{code:02}" for code in random.permutation(np.flatnonzero(one))], float(hit), 0.0, float(not hit)
        )
        for one, hit in zip(met, won, strict=True)
    ]
    return from_paths(rows)


def true_credit(journeys: Journeys, gains: list[float], base: float) -> np.ndarray:
    """Average what each channel adds over all orders of joining, with the world's own rates."""
    credit = np.zeros(len(gains))
    for begin, end in zip(journeys.offsets[:-1], journeys.offsets[1:], strict=True):
        members = sorted(set(journeys.channel[begin:end].tolist()))
        orders = list(permutations(members))
        for order in orders:
            rate = base
            for channel in order:
                more = 1 - (1 - rate) * (1 - gains[channel])
                credit[channel] += (more - rate) / len(orders)
                rate = more
    return credit


def test_shapley_recovers_what_each_channel_adds_in_a_world_where_that_is_known() -> None:
    gains, base = [0.20, 0.10, 0.05, 0.0], 0.04
    made = effect_world(np.random.default_rng(3), gains, base, 20_000)

    found = ShapleyGame(observed(made)).credits()

    truth = true_credit(made, gains, base)
    assert found.credits == pytest.approx(truth, abs=90)  # of about 3,400 conversions: three standard errors
    assert found.without == pytest.approx(base * len(made), rel=0.15)
    assert found.credits.sum() + found.without == pytest.approx(made.conversions.sum())
    assert abs(found.credits[3]) < 90 < Ruled(observed(made), "last_touch").credits()[:, 0][3]


def test_a_journey_of_more_channels_than_are_counted_exactly_is_sampled_and_says_how_well() -> None:
    gains = [0.05] * (EXACT_CHANNELS + 2)
    rows = [
        PathCounts([f"ch-{code:02}" for code in range(EXACT_CHANNELS + 2)], 60.0, 0.0, 40.0),
        PathCounts([], 10.0, 0.0, 90.0),
    ]
    made = from_paths(rows)

    found = ShapleyGame(observed(made)).credits()

    assert found.credits.sum() + found.without == pytest.approx(70.0)
    assert 0.0 < found.sampling_error < 1.0
    assert np.ptp(found.credits) < 6 * found.sampling_error + 1e-9
    assert len(found.credits) == len(gains)


def test_counting_by_dividends_and_by_joins_are_the_same() -> None:
    played = np.unique(np.array([0, 1, 3, 6, 7, 15]))
    random = np.random.default_rng(2)
    gone, rates = random.integers(1, 90, len(played)).astype(float), random.random(16)
    joins = Joins(played, 4)

    found = joins.credits(rates[joins.sets], gone)

    assert found == pytest.approx(Dividends(played, 4).credits(rates, gone))


def test_where_everybody_met_a_channel_nothing_is_expected_without_one() -> None:
    made = from_paths([PathCounts(["a"], 10.0, 0.0, 10.0), PathCounts(["b"], 5.0, 0.0, 15.0)])

    found = ShapleyGame(observed(made)).credits()

    assert (found.without, found.sampling_error) == (0.0, 0.0)
    assert found.credits.sum() == pytest.approx(15.0)
    assert found.credits[0] > found.credits[1]
