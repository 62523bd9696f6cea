"""What is answered about a contact, and a version that is saved and loaded."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.uplift.model import UpliftModel
from services.uplift.model.effects import ArmModel, EffectCurve, EffectEstimate, WeightedTrees
from services.uplift.model.predictions import claim_of, group_of
from services.uplift.training.fitting import UpliftFit
from shared.errors import ArtifactRefused, BadRequest
from tests.unit.uplift.conftest import Mailing


def arm(*, personal: bool = True) -> ArmModel:
    curve = EffectCurve(np.linspace(0, 1, 101), np.array([0.5]), np.array([0.2]), np.array([0.1]), np.array([0.3]))
    return ArmModel("mail", WeightedTrees(()), EffectEstimate(0.1, 0.05, 0.15), curve, personal)


@pytest.mark.parametrize(
    ("effect", "personal", "claim", "group"),
    [
        (EffectEstimate(0.2, 0.1, 0.3), True, "personal", "persuadable"),
        (EffectEstimate(-0.2, -0.3, -0.1), True, "personal", "do_not_disturb"),
        (EffectEstimate(0.0, -0.05, 0.05), True, "none", "sure_thing"),
        (EffectEstimate(0.0, -0.2, 0.2), True, "none", "unclear"),
        (EffectEstimate(0.1, 0.05, 0.15), False, "average", "unclear"),
        (EffectEstimate(0.1, -0.05, 0.15), False, "none", "unclear"),
    ],
)
def test_nothing_is_claimed_that_the_interval_does_not_hold(
    effect: EffectEstimate, personal: bool, claim: str, group: str
) -> None:
    mine = arm(personal=personal)

    assert claim_of(effect, mine) == claim
    assert group_of(effect, mine, without=0.4, usual=0.3) == group


def test_who_is_hardly_changed_and_seldom_reaches_it_is_a_lost_cause() -> None:
    assert group_of(EffectEstimate(0.0, -0.05, 0.05), arm(), without=0.1, usual=0.3) == "lost_cause"


def asked(fit: UpliftFit, mailing: Mailing, reasons: int = 3, **fields: object) -> list[object]:
    cutoffs = np.full(len(mailing.pasts), mailing.assigned_at)
    model = replace(fit.model, **fields)  # type: ignore[arg-type]
    return model.predict(mailing.pasts, cutoffs, reasons=reasons)  # type: ignore[return-value]


def test_who_gains_is_persuadable_and_who_loses_is_left_alone(mailing_fit: UpliftFit, mailing: Mailing) -> None:
    found = asked(mailing_fit, mailing)[:-1]

    lively, quiet = (Counter((one.group, one.claim) for one in found[side::2]) for side in (0, 1))  # type: ignore[attr-defined]
    assert lively[("persuadable", "personal")] > 350
    assert quiet[("do_not_disturb", "personal")] > 250
    assert not any(group in ("do_not_disturb",) for group, _ in lively)
    assert {one.best_arm for one in found if one.group == "persuadable"} == {"mail"}  # type: ignore[attr-defined]
    assert {one.best_arm for one in found if one.group == "do_not_disturb"} == {"control"}  # type: ignore[attr-defined]
    assert all(one.reasons for one in found if one.claim == "personal")  # type: ignore[attr-defined]


def test_reasons_stand_only_where_something_personal_is_claimed(mailing_fit: UpliftFit, mailing: Mailing) -> None:
    model = mailing_fit.model
    average = tuple(replace(one, is_personal=False) for one in model.arms)

    found = asked(mailing_fit, mailing, arms=average, has_policy=False, best_for_all="mail")

    assert {(one.claim, one.group, one.best_arm, len(one.reasons)) for one in found} == {  # type: ignore[attr-defined]
        (found[0].claim, "unclear", "mail", 0)  # type: ignore[attr-defined]
    }
    assert {one.effect for one in found} == {model.arms[0].average}  # type: ignore[attr-defined]


def test_an_arm_that_the_experiment_did_not_have_is_refused(mailing_fit: UpliftFit) -> None:
    with pytest.raises(BadRequest, match="it has: mail"):
        mailing_fit.model.arm_named("post")


def test_a_version_answers_the_same_after_it_was_saved(
    mailing_fit: UpliftFit, mailing: Mailing, tmp_path: Path
) -> None:
    mailing_fit.model.save(tmp_path)

    loaded = UpliftModel.load(tmp_path)

    cutoffs = np.full(len(mailing.pasts), mailing.assigned_at)
    assert loaded.predict(mailing.pasts, cutoffs, reasons=3) == mailing_fit.model.predict(
        mailing.pasts, cutoffs, reasons=3
    )


@pytest.mark.parametrize(
    ("field", "value"), [("capability", "scoring"), ("arms", []), ("boosters", []), ("kind", "kmeans"), ("usual", "x")]
)
def test_a_damaged_version_is_refused(mailing_fit: UpliftFit, tmp_path: Path, field: str, value: object) -> None:
    mailing_fit.model.save(tmp_path)
    described = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**described, field: value}))

    with pytest.raises(ArtifactRefused):
        UpliftModel.load(tmp_path)


def test_a_response_of_chances_stays_between_0_and_1(mailing_fit: UpliftFit, mailing: Mailing) -> None:
    found = asked(mailing_fit, mailing, reasons=0)

    assert all(0 <= one.response_without <= 1 and 0 <= one.response_with <= 1 for one in found)  # type: ignore[attr-defined]
