"""What a version says of contacts, by hand: a coin in each of two periods, of ten and of twenty days."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from services.churn.model import ChurnModel, ChurnQuery
from services.churn.model.predictions import value_rate, value_rates
from shared.contracts.rows import DAY
from shared.evaluation.calibration import Calibrator
from shared.timeline import ContactFacts, ContactPasts
from shared.timeline.risk import Episode


def rates(pasts: Any, cutoffs: np.ndarray, *types: str) -> list[float]:
    return value_rates(pasts, cutoffs, types or ("order_placed",)).tolist()


@pytest.mark.parametrize(
    ("created", "orders", "rate"),
    [
        (0, [(100, 30.0), (150, 70.0)], 100 / 200),  # known for 200 days
        (190, [(195, 30.0)], 30 / 30),  # known for ten days, taken as thirty
        (-500, [(-200, 900.0), (150, 73.0)], 73 / 365),  # only the last year counts
        (0, [(100, 30.0), (200, 70.0)], 30 / 200),  # at the cutoff is too late
        (0, [(100, 30.0), (120, None)], 30 / 200),  # without a value it adds nothing
        (150, [(0, 100.0)], 100 / 200),  # created in this system long after the first order
    ],
)
def test_the_rate_is_the_value_of_the_last_year_over_the_days_known(
    account: Any, day: Any, created: float, orders: list[tuple[float, float | None]], rate: float
) -> None:
    pasts = account(*(("c", "order_placed", at, value) for at, value in orders), c=created)

    assert_allclose(rates(pasts, day(200)), [rate])


def test_a_contact_without_creation_is_known_from_the_first_event(account: Any, day: Any) -> None:
    pasts = account(("c", "page_viewed", 100, None), ("c", "order_placed", 150, 40.0))

    assert_allclose(rates(pasts, day(200)), [40 / 100])


def test_without_a_valued_event_of_these_types_there_is_no_rate(account: Any, day: Any) -> None:
    pasts = account(("c", "order_placed", 1, None), ("d", "page_viewed", 1, 5.0), ("e", "order_placed", 1, 6.0))

    assert_allclose(rates(pasts, day(51, 3)), [np.nan, np.nan, 6 / 50])
    assert np.isnan(rates(pasts, day(51, 3), "deal_won")).all()
    assert np.isnan(value_rates(pasts, day(51, 3), ())).all()


@given(
    events=st.lists(
        st.tuples(
            st.sampled_from(["order_placed", "deal_won", "page_viewed"]),
            st.integers(-800, 800).map(lambda half: half * DAY // 2),
            st.one_of(st.none(), st.floats(-1e4, 1e4)),
        ),
        max_size=12,
    ),
    created=st.one_of(st.none(), st.integers(-600, 300).map(lambda days: days * DAY)),
    cutoff=st.integers(-400, 400).map(lambda days: days * DAY),
)
def test_one_contact_alone_has_the_rate_that_it_has_among_many(
    events: list[tuple[str, int, float | None]], created: int | None, cutoff: int
) -> None:
    types = ("order_placed", "deal_won")
    rows = [("c", str(n), name, at, value, None, None, None, 1) for n, (name, at, value) in enumerate(events)]
    pasts = ContactPasts(["c"], {"c": ContactFacts(created_at=created)}, rows)

    alone = value_rate(pasts.one_by_one[0], cutoff, types)

    np.testing.assert_array_equal(value_rates(pasts.columns, np.array([cutoff]), types), [alone])


def test_each_contact_has_its_own_cutoff(account: Any, day: Any) -> None:
    pasts = account(("c", "order_placed", 0, 60.0), ("d", "order_placed", 0, 60.0))
    cutoffs = np.concatenate([day(60), day(120)])

    assert_allclose(rates(pasts, cutoffs), [1.0, 0.5])


def test_values_of_several_types_are_summed(account: Any, day: Any) -> None:
    pasts = account(("c", "order_placed", 0, 60.0), ("c", "subscription_renewed", 10, 40.0))

    assert_allclose(rates(pasts, day(100), "order_placed", "subscription_renewed"), [1.0])


def one(model: ChurnModel, pasts: Any, cutoffs: np.ndarray, **asked: Any) -> Any:
    (scored,) = model.predict(pasts, cutoffs, ChurnQuery(**asked))
    return scored


@pytest.fixture
def somebody(account: Any) -> Any:
    """A contact whose last order was yesterday, at day 100."""
    return account(("c", "order_placed", 50, 30.0), ("c", "order_placed", 99, 20.0), a={"c": 0.0}, c=0)


@pytest.mark.parametrize(
    ("contractual", "days", "risk"),
    [
        (True, 5, 1 - 0.5**0.5),
        (True, 10, 0.5),
        (True, 20, 1 - 0.5**1.5),
        (True, 30, 0.75),
        (False, 5, 0.5**0.5),
        (False, 10, 0.5),
        (False, 20, 0.5**1.5),
        (False, 30, 0.25),
    ],
)
def test_leaving_is_that_the_event_comes_for_a_cancellation_and_that_none_does_for_a_silence(
    tiny: Any, somebody: Any, day: Any, contractual: bool, days: int, risk: float
) -> None:
    model = tiny(contractual=contractual)

    asked = one(model, somebody, day(100), horizon_days=days)
    further = one(model, somebody, day(100), horizons=(days,))

    assert asked.probability == pytest.approx(risk)
    assert asked.horizon_days == days
    assert further.horizons == [(days, pytest.approx(risk))]
    assert asked.contractual is contractual
    assert (asked.status, asked.source, asked.detail, asked.data_quality) == ("ok", "model", None, ())


def test_without_a_horizon_the_version_s_own_is_meant(tiny: Any, somebody: Any, day: Any) -> None:
    scored = one(tiny(horizon_days=10), somebody, day(100))

    assert (scored.horizon_days, scored.probability) == (10, pytest.approx(0.5))
    assert (scored.horizons, scored.survival, scored.reasons, scored.margin, scored.base) == ([], [], [], None, None)


def test_horizons_come_back_in_the_requested_order_the_same_one_twice(tiny: Any, somebody: Any, day: Any) -> None:
    scored = one(tiny(), somebody, day(100), horizons=(30, 10, 30))

    assert scored.horizons == [(30, pytest.approx(0.75)), (10, pytest.approx(0.5)), (30, pytest.approx(0.75))]


@pytest.mark.parametrize("contractual", [True, False])
def test_the_curve_comes_in_steps_of_seven_days_as_far_as_it_reaches(
    tiny: Any, somebody: Any, day: Any, contractual: bool
) -> None:
    scored = one(tiny(contractual=contractual), somebody, day(100), survival=True)

    # The event has not come: 2 to the power of the days in ten, then of the days in twenty.
    assert [days for days, _ in scored.survival] == [7, 14, 21, 28]
    assert_allclose([left for _, left in scored.survival], 0.5 ** np.array([0.7, 1.2, 1.55, 1.9]))


def test_a_curve_shorter_than_a_week_has_no_step(tiny: Any, somebody: Any, day: Any) -> None:
    assert one(tiny(ends=(1.0, 3.0)), somebody, day(100), survival=True).survival == []


@pytest.mark.parametrize(
    ("base", "days"),
    [
        ((0.0, 0.0), 10.0),
        ((np.log(3), 0.0), 5.0),
        ((-np.log(3), 0.0), 10 + 20 * np.log(1.5) / np.log(2)),
        ((-5.0, -5.0), None),
    ],
)
def test_the_median_is_the_day_by_which_half_have_had_the_event(
    tiny: Any, somebody: Any, day: Any, base: tuple[float, float], days: float | None
) -> None:
    found = one(tiny(base=base), somebody, day(100)).days_to_event

    # Three in four come in ten days: half of the doubled hazard. One in four: log 4/3 then, log 3/2 of log 2 is left.
    assert found == (None if days is None else pytest.approx(days))


@pytest.mark.parametrize(("days", "at_risk"), [(10, 0.5 * 0.5 * 10), (30, 0.75 * 0.5 * 30)])
def test_the_value_at_risk_is_risk_times_rate_times_horizon(
    tiny: Any, somebody: Any, day: Any, days: int, at_risk: float
) -> None:
    model = tiny(value_types=("order_placed",))

    # Known for 100 days, spent 50: half a unit a day.
    assert one(model, somebody, day(100), horizon_days=days).value_at_risk == pytest.approx(at_risk)
    assert one(tiny(), somebody, day(100)).value_at_risk is None


def test_a_horizon_beyond_the_curve_is_null_and_flagged_and_nothing_is_invented(
    tiny: Any, somebody: Any, day: Any
) -> None:
    model = tiny(value_types=("order_placed",))

    beyond = one(model, somebody, day(100), horizon_days=31, horizons=(10, 31, 365), survival=True, reasons=3)

    assert beyond.data_quality == ("horizon_beyond_data",)
    assert (beyond.probability, beyond.score, beyond.band, beyond.value_at_risk) == (None, None, None, None)
    assert (beyond.reasons, beyond.margin, beyond.base) == ([], None, None)
    assert beyond.horizon_days == 31
    assert beyond.horizons == [(10, pytest.approx(0.5)), (31, None), (365, None)]
    assert [days for days, _ in beyond.survival] == [7, 14, 21, 28]
    assert beyond.days_to_event == pytest.approx(10.0)
    assert beyond.status == "ok"


def test_a_further_horizon_beyond_is_flagged_and_the_answer_itself_stays(tiny: Any, somebody: Any, day: Any) -> None:
    scored = one(tiny(), somebody, day(100), horizons=(30, 31))

    assert scored.data_quality == ("horizon_beyond_data",)
    assert scored.probability == pytest.approx(0.75)
    assert one(tiny(), somebody, day(100), horizons=(30,)).data_quality == ()


def test_flat_data_answers_without_a_horizon_and_flags_one_that_was_requested(
    flat_model: Any, account: Any, day: Any
) -> None:
    who = account(a={"c": np.e - 1})

    plain = one(flat_model(), who, day(0), reasons=3)
    asked = one(flat_model(), who, day(0), horizon_days=30, horizons=(7,), survival=True)

    assert plain.probability == pytest.approx(0.5)  # log-odds of log(e) - 1
    assert (plain.horizon_days, plain.days_to_event, plain.data_quality) == (None, None, ())
    assert (plain.margin, plain.base) == (pytest.approx(0.0), pytest.approx(-1.0))
    assert [(part.feature, part.contribution) for part in plain.reasons] == [("a", pytest.approx(1.0))]
    assert plain.score == 50
    assert (asked.probability, asked.horizon_days) == (plain.probability, None)
    assert asked.data_quality == ("no_horizon",)
    assert (asked.horizons, asked.survival) == ([(7, None)], [])


@pytest.mark.parametrize("asked", [{"horizon_days": 1}, {"horizons": (1,)}, {"survival": True}])
def test_each_way_to_ask_flat_data_about_time_is_flagged(flat_model: Any, account: Any, day: Any, asked: Any) -> None:
    assert one(flat_model(), account(a={"c": 1.0}), day(0), **asked).data_quality == ("no_horizon",)


def test_a_flat_version_has_no_value_at_risk(flat_model: Any, account: Any, day: Any) -> None:
    who = account(("c", "order_placed", 1, 9.0), a={"c": 1.0})

    assert one(flat_model(value_types=("order_placed",)), who, day(50)).value_at_risk is None


SILENT = Episode(("order_placed", "page_viewed"), contractual=False, active_within_days=30)


def test_who_was_not_active_lately_is_not_eligible_with_the_reason(tiny: Any, account: Any, day: Any) -> None:
    pasts = account(("a", "order_placed", 0, None), ("b", "page_viewed", 71, None), ("c", "clicked", 99, None))

    found = tiny(episode=SILENT).predict(pasts, day(100, 3), ChurnQuery())

    assert [scored.status for scored in found] == ["not_eligible", "ok", "not_eligible"]
    assert found[0].detail == (
        "No order_placed or page_viewed in the last 30 days; only contacts active so lately are asked about."
    )
    assert found[1].detail is None


def test_a_subscriber_is_eligible_however_quiet_unless_the_outcome_says_otherwise(
    tiny: Any, account: Any, day: Any
) -> None:
    pasts = account(("a", "seen", 0, None))
    bounded = Episode(("ended",), contractual=True, active_within_days=30)

    assert one(tiny(), pasts, day(100)).status == "ok"
    assert one(tiny(episode=bounded), pasts, day(31)).status == "not_eligible"
    assert one(tiny(episode=bounded), pasts, day(31)).detail == (
        "No activity in the last 30 days; only contacts active so lately are asked about."
    )


def test_without_a_bound_who_was_never_active_is_answered_so(tiny: Any, account: Any, day: Any) -> None:
    ever = Episode(("order_placed",), contractual=False)
    pasts = account(("a", "clicked", 0, None), ("b", "order_placed", 0, None))

    never, once = tiny(episode=ever).predict(pasts, day(600, 2), ChurnQuery())

    assert (never.status, once.status) == ("not_eligible", "ok")
    assert never.detail == "No order_placed yet; only contacts with one are asked about."


@pytest.mark.parametrize(("contractual", "sign"), [(True, 1.0), (False, -1.0)])
@pytest.mark.parametrize(
    ("days", "weight"),
    [
        (5, [1.0, 0.0]),
        (10, [1.0, 0.0]),
        # Half come in the first ten days, a quarter of the others by day 30: eight to two of those who come.
        (30, [0.8, 0.2]),
        (20, [0.5, 0.5 - 0.5 * 0.75**0.5]),
    ],
)
def test_reasons_share_the_log_odds_of_the_periods_weighted_by_when_the_event_is_likely_to_come(
    tiny: Any, account: Any, day: Any, contractual: bool, sign: float, days: int, weight: list[float]
) -> None:
    model = tiny(base=(0.0, -np.log(3)), contractual=contractual)
    pasts = account(("c", "order_placed", 99, None), a={"c": 0.0})

    scored = one(model, pasts, day(100), horizon_days=days, reasons=3)

    second = weight[1] / sum(weight)
    assert scored.margin == pytest.approx(-sign * second * np.log(3), abs=1e-12)
    assert scored.base == pytest.approx(scored.margin, abs=1e-12)
    assert scored.reasons == []  # log(1 + 0) weighs nothing


@pytest.mark.parametrize(("contractual", "share"), [(True, 2.0), (False, -2.0)])
def test_what_brings_an_activity_nearer_lowers_the_risk_of_silence(
    tiny: Any, account: Any, day: Any, contractual: bool, share: float
) -> None:
    pasts = account(("c", "order_placed", 99, None), a={"c": np.e - 1})

    scored = one(tiny(weight=2.0, contractual=contractual), pasts, day(100), reasons=3)

    assert [(part.feature, part.contribution) for part in scored.reasons] == [("a", pytest.approx(share))]
    assert scored.base == pytest.approx(0.0, abs=1e-12)


def test_the_calibration_stretches_the_shares_too(tiny: Any, account: Any, day: Any) -> None:
    model = tiny(weight=2.0, calibrator=Calibrator(0.5, -1.0))
    scored = one(model, account(a={"c": np.e - 1}), day(100), reasons=3)

    assert [part.contribution for part in scored.reasons] == [pytest.approx(1.0)]
    assert (scored.margin, scored.base) == (pytest.approx(0.0, abs=1e-12), pytest.approx(-1.0))


def test_an_event_as_good_as_impossible_still_explains_itself(tiny: Any, account: Any, day: Any) -> None:
    scored = one(tiny(base=(-60.0, -50.0), weight=1.0), account(a={"c": np.e - 1}), day(100), reasons=3)

    assert scored.probability == pytest.approx(0.0, abs=1e-12)
    assert scored.margin == pytest.approx(-49.0, abs=0.1)
    assert [part.contribution for part in scored.reasons] == [pytest.approx(1.0)]


def test_long_pasts_are_reported_as_cut(tiny: Any, account: Any, day: Any) -> None:
    pasts = account(("a", "order_placed", 0, None), ("b", "order_placed", 799, None))

    found = tiny().predict(pasts, day(800, 2), ChurnQuery())

    assert [scored.truncated for scored in found] == [True, False]


@given(
    base=st.lists(st.floats(-12, 6), min_size=15, max_size=15),
    weight=st.floats(-5, 5),
    a=st.floats(0, 100),
)
def test_a_cancellation_s_risk_never_falls_with_the_horizon_and_a_silence_s_never_rises(
    tiny: Any, account: Any, day: Any, base: list[float], weight: float, a: float
) -> None:
    ends = (1, 3, 7, 14, 21, 30, 45, 60, 90, 120, 150, 180, 240, 300, 365)
    pasts = account(("c", "order_placed", 99, None), a={"c": a})
    every = tuple(range(1, 366))
    for contractual, sign in ((True, 1.0), (False, -1.0)):
        model = tiny(ends=ends, base=base, weight=weight, contractual=contractual)

        risks = [risk for _, risk in one(model, pasts, day(100), horizons=every).horizons]

        assert (sign * np.diff(risks) >= 0).all()
        assert min(risks) >= 0
        assert max(risks) <= 1
