import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bench.messages import frequency_world
from bench.messages.frequency import columns_of
from bench.messages.frequency_world import BLOCKS, KINDS, OPTIMUM, pasts_of, world, worth_of
from services.messages.model.pressure import COLUMNS, DRAWS, Line, PressureModel, Rates, Scales
from services.messages.model.sends import SendColumns, send_columns
from services.messages.training.pressure import PressureFit, cost_of_loss, fitted_pressure, framed, pressure_notes
from shared.contracts.rows import DAY, HOUR
from shared.timeline import ContactFacts, EventTuple, build
from tests.unit.messages.conftest import AT

CLICKS = ("email_clicked",)


def sent(*counts: float) -> SendColumns:
    """Contacts that got so many mails of late, and are alike otherwise."""
    one, some = np.ones(len(counts)), np.array(counts)
    return SendColumns(some / 4, some, 3 * one, 20 * one, 150 * one, 20 * one, 3 * one, 6 * one, 180 * one)


def by_number(*chances: float, spread: float = 0.0) -> PressureModel:
    """Return a model of which the chances of leaving at 0, 1, 2, ... mails before are known, more or less."""
    weight = np.log(np.array(chances) / (1 - np.array(chances)))
    draws = weight + spread * np.linspace(-1, 1, DRAWS)[:, None]
    scales = Scales(0.15, 0.3, 4.0, np.zeros(len(COLUMNS)), np.ones(len(COLUMNS)))
    knots = Rates(np.arange(float(len(chances))))
    return PressureModel("rate", scales, Line(weight, draws), knots, None, most=5.0, cost=10.0)


def learned(*, contacts: int = 700, seed: int = 2) -> PressureFit:
    made = world(contacts=contacts, seed=seed)
    return fitted_pressure(pasts_of(made), reward_types=CLICKS, reward_days=7, until=made.until)


@pytest.fixture(scope="module")
def fit() -> PressureFit:
    return learned()


def test_the_optimum_of_the_made_world_is_the_stated_one() -> None:
    assert {kind.name: int(worth_of(kind, np.arange(11)).argmax()) for kind in KINDS} == OPTIMUM


def test_the_made_world_counts_mails_as_the_product_does() -> None:
    made, day = world(contacts=30, seed=1), 100
    contacts = np.arange(30, dtype=np.int32)
    stays = made.lost_on < 0

    ours = send_columns(pasts_of(made), contacts, np.full(30, frequency_world.START + day * DAY + 10 * HOUR))
    theirs = columns_of(made.sent[:, :day], made.clicked[:, :day], made.opened[:, :day])

    for name in ("sends_7d", "sends_28d", "days_since_send", "sends_before", "sends", "clicks", "opens", "days_known"):
        assert_allclose(getattr(ours, name)[stays], getattr(theirs, name)[stays], err_msg=name)
    assert made.n_days == 28 * BLOCKS


def test_one_more_mail_risks_itself_and_what_it_adds_to_the_next_ones() -> None:
    model = by_number(0.01, 0.02, 0.04)

    chance = model.marginal(sent(0, 1, 2)).chance[:, 0]

    # With two before: its own 0.04, and twice the 0.02 by which the next ones rise.
    assert_allclose(chance, [0.01, 0.03, 0.08])


def test_nothing_is_worth_more_where_the_risk_costs_more_than_the_message_earns() -> None:
    found = by_number(0.01, 0.02, 0.04).weighed(sent(0, 1, 2), np.full(3, 0.2), 10.0)

    assert_allclose(found.value, [0.1, -0.1, -0.6])
    assert_array_equal(found.pays, [True, False, False])


def test_pressure_is_under_right_or_over_by_what_one_more_and_the_last_one_bring() -> None:
    # At a cost of 10, the best message earns 0.25: one more brings 0.15, -0.05, -0.55.
    found = by_number(0.01, 0.02, 0.04).weighed(sent(0, 1, 2), np.full(3, 0.25), 10.0)

    assert found.pressure.tolist() == ["under", "right", "over"]


def test_a_wide_interval_claims_nothing() -> None:
    found = by_number(0.01, 0.02, 0.04, spread=3.0).weighed(sent(1), np.full(1, 0.25), 10.0)

    assert found.pressure.tolist() == ["unknown"]
    assert found.low[0] < found.unsubscribe_chance[0] < found.high[0]


def test_more_than_was_ever_sent_is_not_advised() -> None:
    found = by_number(0.0001, 0.0001).weighed(sent(5, 6), np.full(2, 0.2), 10.0)

    assert found.pays.tolist() == [True, False]


def test_what_is_learned_rises_with_the_number_of_mails(fit: PressureFit) -> None:
    chance = fit.model.losing(sent(*range(11)))

    assert fit.report is not None
    assert (fit.model.kind, fit.report.lost) == ("logistic", 132)
    assert fit.report.model_loss < fit.report.rate_loss < fit.report.constant_loss
    assert "By mails of late, answers and tenure" in pressure_notes(fit)[0]
    assert (np.diff(chance, axis=0) >= -1e-12).all()
    assert chance[10, 0] > 3 * chance[0, 0]
    assert fit.model.cost == pytest.approx(4, abs=1)


def test_mails_tire_also_where_better_contacts_got_more() -> None:
    made = world(contacts=1_200, confounded=True, seed=3)
    fit = fitted_pressure(pasts_of(made), reward_types=CLICKS, reward_days=7, until=made.until)

    kept = fit.model.marginal(sent(4)).kept[0]

    # By truth 1 - 4 * 0.1: a mail that finds one fewer earns 9 to 11 % more.
    assert np.quantile(kept[1:], 0.025) < 0.6 < np.quantile(kept[1:], 0.975)


def test_few_losses_claim_nothing_and_always_send() -> None:
    fit = learned(contacts=150)

    found = fit.model.weighed(sent(0, 10), np.full(2, 0.1), 10.0)

    assert (fit.model.kind, fit.report) == ("unknown", None)
    assert found.pays.all()
    assert np.isnan(found.unsubscribe_chance).all()
    assert found.pressure.tolist() == ["unknown", "unknown"]
    assert "is unknown, and a message is always sent" in pressure_notes(fit)[0]


def test_a_model_is_read_as_it_was_written(fit: PressureFit) -> None:
    model = fit.model
    read = PressureModel.from_json(json.loads(json.dumps(model.to_json())))
    columns, reward = sent(0, 3, 9), np.full(3, 0.1)

    for ours, theirs in zip(read.weighed(columns, reward, 5.0), model.weighed(columns, reward, 5.0), strict=True):
        assert_array_equal(ours, theirs)


def test_a_damaged_model_is_refused(fit: PressureFit) -> None:
    written = fit.model.to_json()
    written["leaving"] = {"weight": [1.0], "draws": [[1.0]]}

    with pytest.raises(ValueError, match="do not fit"):
        PressureModel.from_json(written)


def test_a_loss_counts_once_after_the_newest_mail() -> None:
    made = world(contacts=300, seed=2)
    frames = framed(pasts_of(made), reward_types=CLICKS, reward_days=7, until=made.until)
    lost = frames.contact[frames.lost == 1]

    over = (made.lost_on >= 0) & (made.lost_on < made.n_days - 28)
    assert sorted(lost) == np.flatnonzero(over).tolist()


def test_what_contacts_earn_is_unknown_after_too_few_days() -> None:
    made = world(contacts=60, seed=2)

    assert cost_of_loss(pasts_of(made), reward_types=CLICKS, until=frequency_world.START + 50 * DAY) is None


def test_without_events_nothing_is_known() -> None:
    made = world(contacts=30, seed=2)
    nothing = replace(made, sent=made.sent & False, clicked=made.clicked & False, opened=made.opened & False)

    fit = fitted_pressure(pasts_of(nothing), reward_types=CLICKS, reward_days=7, until=made.until)

    assert (fit.model.kind, fit.model.cost, fit.model.is_known) == ("unknown", None, False)


def test_where_nothing_else_surely_beats_it_the_rate_by_number_answers() -> None:
    fit = learned(contacts=500)

    assert fit.model.kind == "rate"
    assert (np.diff(fit.model.losing(sent(*range(11))), axis=0) >= 0).all()
    assert "By the number of mails of late alone" in pressure_notes(fit)[0]


def test_losses_of_one_month_alone_cannot_be_judged() -> None:
    made = world(contacts=2_000, seed=1)
    short = replace(made, sent=made.sent[:, :40], clicked=made.clicked[:, :40], opened=made.opened[:, :40])

    fit = fitted_pressure(pasts_of(short), reward_types=CLICKS, reward_days=7, until=short.until)

    assert (fit.model.kind, fit.report) == ("unknown", None)


def test_values_are_added_up_between_a_mail_and_the_next() -> None:
    def order(day: int, value: float) -> EventTuple:
        return ("a", f"o-{day}", "order_placed", AT - day * DAY, value, None, None, None, 1)

    mails: list[EventTuple] = [
        ("a", f"m-{day}", "email_sent", AT - day * DAY, None, None, None, None, 1) for day in (200, 150, 100, 96)
    ]
    known = build(["a"], {"a": ContactFacts(created_at=0)}, [[*mails, order(99, 5.0), order(98, 7.0), order(95, 2.0)]])

    frames = framed(known, reward_types=("order_placed",), reward_days=7, until=AT, sums_value=True)

    assert frames.reward.tolist() == [0.0, 0.0, 12.0, 2.0]
    # 14 in the last 100 days, half of what is known, as if for 180.
    assert cost_of_loss(known, reward_types=("order_placed",), until=AT, sums_value=True) == pytest.approx(14 * 1.8)


def test_without_rewards_nothing_tires() -> None:
    made = world(contacts=700, seed=2)

    fit = fitted_pressure(pasts_of(made), reward_types=("order_placed",), reward_days=7, until=made.until)

    assert fit.model.tiring is None
    assert_array_equal(fit.model.marginal(sent(0, 9)).kept, 1.0)
    assert fit.model.cost == 0.0


def test_many_contacts_are_answered_as_each_alone(fit: PressureFit) -> None:
    columns, reward = sent(*(place % 11 for place in range(150))), np.linspace(0.05, 0.3, 150)

    found = fit.model.weighed(columns, reward, 5.0)

    for place in (0, 63, 64, 149):
        alone = fit.model.weighed(columns.take(np.array([place])), reward[[place]], 5.0)
        assert alone.value[0] == pytest.approx(found.value[place], rel=1e-9)
        assert alone.pressure[0] == found.pressure[place]
    assert len(fit.model.weighed(sent(), np.empty(0), 5.0).pays) == 0
