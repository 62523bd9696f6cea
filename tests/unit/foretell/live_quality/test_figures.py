import numpy as np
import pytest

from foretell.live_quality.figures import figures, reliability
from foretell.live_quality.joined import Rows
from shared.contracts.model_quality import LiveFigure

UNKNOWN = LiveFigure(value=None, low=None, high=None)


def rows(labels: list[float], probability: list[float], *, weeks: int = 1) -> Rows:
    """Ask about each contact once a week, always with the same end."""
    n = len(labels)
    owner = np.repeat(np.arange(n), weeks)
    week, version = np.tile(np.arange(weeks), n), np.zeros(n * weeks, np.int64)
    return Rows(owner, week, version, np.array(probability)[owner], np.array(labels)[owner], np.ones(n * weeks))


def test_a_contact_with_many_predictions_is_one_contact() -> None:
    asked = rows([1.0] * 4 + [0.0] * 96, [0.1] * 100, weeks=13)

    found = figures(asked, np.full(1_300, 0.04), draws=3)

    assert found is not None
    assert (found.predictions, found.positives) == (1_300, 52)
    assert (found.contacts, found.contacts_reached, found.contacts_not_reached) == (100, 4, 96)


@pytest.mark.parametrize(("reached", "has_bounds"), [(1, False), (9, False), (10, True), (90, True), (91, False)])
def test_below_ten_contacts_of_a_kind_no_figure_has_an_interval(reached: int, has_bounds: bool) -> None:
    labels = [1.0] * reached + [0.0] * (100 - reached)

    found = figures(rows(labels, [number / 200 for number in range(100)]), np.full(100, 0.3), draws=20)

    assert found is not None
    of_auc, of_rate = found.auc, found.base_rate
    assert (of_auc.value, of_rate.value) == (0.0, reached / 100)
    assert [None not in (one.low, one.high) for one in (of_auc, of_rate)] == [has_bounds, has_bounds]


def test_where_all_reached_it_only_what_can_be_measured_is() -> None:
    found = figures(rows([1.0] * 30, [0.0, 0.5, 1.0] * 10), np.full(30, 0.5), draws=5)

    assert found is not None
    assert (found.base_rate.value, found.auc, found.calibration_slope) == (1.0, UNKNOWN, UNKNOWN)
    # A chance of 0 counts as 1e-12.
    assert found.log_loss.value == pytest.approx((27.631021 + 0.693147 + 0.0) / 3, abs=1e-5)
    assert (found.contacts_reached, found.contacts_not_reached) == (30, 0)


def test_constant_predictions_rank_nobody() -> None:
    found = figures(rows([1.0, 0.0] * 20, [0.5] * 40), np.full(40, 0.5), draws=5)

    assert found is not None
    assert found.auc == LiveFigure(value=0.5, low=0.5, high=0.5)
    assert (found.lift_at_10_percent.value, found.skill_over_constant.value) == (1.0, 0.0)
    assert found.calibration_slope == UNKNOWN
    assert sum(one.predictions for one in reliability(rows([1.0, 0.0] * 20, [0.5] * 40))) == 40
