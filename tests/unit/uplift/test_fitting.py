"""What may be claimed: something personal where contacts surely differ, the average where they do not."""

from dataclasses import replace

import numpy as np
import pytest

from services.uplift.training.fitting import BY_RESPONSE, NOBODY, PERSONAL, UpliftFit, evidence_of
from services.uplift.training.material import UpliftMaterial
from services.uplift.training.plots import plots
from services.uplift.training.report import amount, conclusion_of, report
from shared.evaluation.metrics import Interval
from shared.training.material import contact_folds
from tests.unit.uplift.conftest import table_of


def test_where_contacts_differ_the_choice_for_each_beats_every_rule_for_all(mailing_fit: UpliftFit) -> None:
    found = mailing_fit.evidence

    assert (found.has_policy, found.is_personal, mailing_fit.grade) == (True, (True,), "A")
    assert set(found.values) == {NOBODY, "mail to all", BY_RESPONSE, PERSONAL}
    assert found.gain.low > 0.1
    assert found.values[PERSONAL].low > found.values[found.best_blanket].value


def test_where_the_effect_is_the_same_for_all_nothing_personal_is_claimed() -> None:
    draw = np.random.default_rng(3)
    matrix, arm = draw.normal(size=(1_500, 3)), draw.random(1_500) < 0.5
    label = draw.random(1_500) < 0.2 + 0.15 * arm
    table = table_of(matrix, label, arm)

    found = evidence_of(table, contact_folds(table.owner, table.label), ("control", "mail"))

    assert (found.has_policy, found.is_personal) == (False, (False,))
    assert (found.surely_best, found.best_blanket) == ("mail", "mail to all")


@pytest.mark.parametrize(
    ("has_policy", "personal", "best", "words"),
    [
        (True, True, "mail", "Choose for each contact"),
        (False, False, "mail", "Send mail to all: it adds"),
        (False, False, "control", "Give control to everybody"),
        (False, False, None, "No arm surely changes the outcome"),
        (False, True, "mail", "Contacts differ in what mail adds"),
    ],
)
def test_the_conclusion_says_what_to_do(
    mailing_fit: UpliftFit, has_policy: bool, personal: bool, best: str | None, words: str
) -> None:
    evidence = replace(mailing_fit.evidence, has_policy=has_policy, is_personal=(personal,), surely_best=best)

    assert words in conclusion_of(replace(mailing_fit, evidence=evidence), sums_value=False)


def test_the_report_holds_every_rule_with_its_interval_and_the_check_of_the_lot(
    mailing_material: UpliftMaterial, mailing_fit: UpliftFit
) -> None:
    found = report(mailing_material, mailing_fit).to_json()

    assert found["conclusion"] in found["notes"]
    assert [one["rule"] for one in found["rules"]] == [NOBODY, "mail to all", BY_RESPONSE, PERSONAL]
    assert all(one["low"] <= one["value"] <= one["high"] for one in found["rules"])
    assert [one["arm"] for one in found["randomisation"]] == ["mail"]
    assert len(found["arms"][0]["gains"]) == 10
    assert found["data"]["chances"] == "as planned"


@pytest.mark.slow
def test_plots_are_pictures(mailing_material: UpliftMaterial, mailing_fit: UpliftFit) -> None:
    drawn = plots(report(mailing_material, mailing_fit))

    assert set(drawn) == {"qini", "rules", "places", "importance"}
    assert all(one.startswith(b"\x89PNG") for one in drawn.values())


def test_an_amount_of_value_is_no_share() -> None:
    assert amount(Interval(1.5, 0.5, 2.5), sums_value=True) == "1.50 in value (0.50 to 2.50)"
