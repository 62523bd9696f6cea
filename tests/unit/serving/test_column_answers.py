from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.capability import CAPABILITY
from services.scoring.model import ScoringModel
from shared.contracts.holdout import Holdout
from shared.contracts.outcome import Flag
from shared.evaluation.calibration import Calibrator, Reference
from shared.features import Feature, FeatureSet, Inputs
from shared.learners.simple import Columns, Rule
from shared.serving.answering import WrittenPredictions
from shared.serving.champions import Champion
from shared.serving.column_answers import LEAST_CONTACTS, ColumnAnswers, column_answers
from shared.serving.contact_answers import ContactAnswers, with_detail
from shared.serving.request_contacts import slots
from shared.serving.threads import LoggedCall
from shared.store import RequestReads
from shared.timeline import ContactFacts, PastRows

NOW_US = 1_780_272_000_000_000
DAY = 86_400_000_000
NAMES = ("spend", "visits", "plan")
KNOWN = (*NAMES, "stage")
CALL = LoggedCall("scoring", "customer", "7", NOW_US, NOW_US, "request")
HELD = Holdout("spring", "00", 0.3, "", "", NOW_US - DAY, None)


@pytest.fixture(scope="module")
def model() -> ScoringModel:
    """Three attributes, of which the reference knows some values; who won has reached the outcome."""
    draw = np.random.default_rng(3)
    values = np.column_stack([draw.normal(size=300), draw.uniform(0, 9, 300), draw.integers(0, 2, 300)])
    labels = (values[:, 0] > 0).astype(float)
    features = FeatureSet(
        (
            Feature("spend", "numeric", "as given", "spend", attribute="spend"),
            Feature("visits", "numeric", "as given", "visits", attribute="visits"),
            Feature("plan", "categorical", "category", "plan", attribute="plan", categories=("basic", "pro")),
        )
    )
    learner, calibrator = Rule.fit(values, labels, Columns(NAMES, (2,))), Calibrator(0.9, -0.1)
    inputs = Inputs.of(features, values, labels, np.arange(300), known=KNOWN).weighed(np.array([0.6, 0.3, 0.1]))
    return ScoringModel(
        outcome="customer",
        kind="rule",
        grade="B",
        horizon_days=30,
        trained_at=datetime(2026, 5, 1, tzinfo=UTC),
        reached_by=("deal_won",),
        feature_set=features,
        learner=learner,
        calibrator=calibrator,
        reference=Reference.of(calibrator.margins(learner.margins(values)), values),
        inputs=inputs,
        flag=Flag("stage", "won"),
    )


@dataclass(frozen=True)
class Asked:
    """A call: who, and what the store knows."""

    contacts: list[dict[str, Any]]
    reads: RequestReads
    holdouts: tuple[Holdout, ...] = ()


def answers_of(model: ScoringModel, asked: Asked, **fields: Any) -> ContactAnswers:
    request = CAPABILITY.request(contacts=asked.contacts, reasons=fields.pop("reasons", 0), outcome="customer")
    champion = Champion("7", "d7", model)
    account: Any = None
    return ContactAnswers(
        CAPABILITY, account, champion, request, "customer", NOW_US, NOW_US, holdouts=asked.holdouts, **fields
    )


def by_columns(model: ScoringModel, asked: Asked, **fields: Any) -> ColumnAnswers | None:
    contacts: Any = slots(asked.contacts)
    return column_answers(answers_of(model, asked, **fields), contacts, asked.reads)


def one_by_one(model: ScoringModel, asked: Asked) -> WrittenPredictions:
    contacts: Any = [*slots(asked.contacts)]
    own = answers_of(model, asked).of(contacts, asked.reads)
    predictions = [with_detail(one) for one in own]
    return WrittenPredictions(contacts, own, predictions, [one.wire(CAPABILITY.absent_fields) for one in predictions])


def call(attributes: list[dict[str, Any]], **fields: Any) -> Asked:
    contacts = [{"id": f"new-{place}", "attributes": one} for place, one in enumerate(attributes)]
    return Asked(contacts, RequestReads(PastRows({}, []), 0, None, {}), **fields)


NUMBER = st.floats(0, 1)
ODD_NUMBER = st.none() | st.sampled_from([0, 7, "12", "", "n/a", "many", True]) | st.floats(-1e9, 1e9)
USUAL = {"spend": NUMBER, "visits": NUMBER, "plan": st.sampled_from(["basic", "pro"]), "stage": st.just("open")}
ODD = {
    "spend": ODD_NUMBER,
    "visits": ODD_NUMBER,
    "plan": st.sampled_from(["team", "", None, 4]),
    "stage": st.sampled_from(["won", None]),
}
ID = st.text(st.sampled_from("aé%\"\\,{}' 𝄞1"), min_size=1, max_size=8) | st.integers(0, 999).map("new-{}".format)


@st.composite
def calls(draw: st.DrawFn) -> Asked:
    """Contacts with the same attributes in the same order, none of whom the store knows."""
    names = draw(st.permutations(KNOWN))[: draw(st.sampled_from([4, 4, 4, 1]))]
    ids = draw(st.lists(ID, min_size=LEAST_CONTACTS, max_size=LEAST_CONTACTS + 4, unique=True))
    odd = st.sampled_from(names) | st.none() | st.none()
    contacts = [
        {"id": one, "attributes": {name: draw((ODD if name == strange else USUAL)[name]) for name in names}}
        for one, strange in [(one, draw(odd)) for one in ids]
    ]
    before = (
        dict.fromkeys(ids[:: draw(st.sampled_from([1, 2]))], draw(st.integers(1, 99))) if draw(st.booleans()) else {}
    )
    newest = draw(st.sampled_from([None, NOW_US - DAY, NOW_US - 30 * DAY]))
    reads = RequestReads(PastRows({}, []), 0, newest, before)
    return Asked(contacts, reads, (HELD,) if draw(st.booleans()) else ())


@settings(deadline=None)
@given(asked=calls())
def test_columns_are_the_answers_that_contacts_get_one_by_one(model: ScoringModel, asked: Asked) -> None:
    columns, rows = by_columns(model, asked), one_by_one(model, asked)

    assert columns is not None
    assert list(columns.bodies) == list(rows.bodies)
    assert columns.statuses == rows.statuses
    assert columns.rows(CALL) == rows.rows(CALL)


def test_every_kind_of_answer_is_among_them(model: ScoringModel) -> None:
    """So that the property above is not about plain answers alone."""
    plain = {"spend": 0.5, "visits": 3, "plan": "pro", "stage": "open"}
    odd = [{"plan": "team"}, {"spend": None}, {"stage": "won"}, dict.fromkeys(KNOWN)]
    asked = call([plain] * 30 + [{**plain, **one} for one in odd], holdouts=(HELD,))

    columns = by_columns(model, asked)

    assert columns is not None
    assert list(columns.bodies) == list(one_by_one(model, asked).bodies)
    assert set(columns.statuses) == {"ok", "control", "outcome_reached", "insufficient_data"}
    assert 0 < len(columns.columns.others) < 34
    assert columns.statuses == Counter([row.status for row in columns.rows(CALL)])


PLAIN = [{"spend": 0.5, "visits": 3, "plan": "pro"}] * LEAST_CONTACTS
CUSTOMER = RequestReads(PastRows({"new-0": ContactFacts()}, []), 0, None, {})


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        (call(PLAIN), {"reasons": 1}),
        (call(PLAIN), {"counts_inputs": True}),
        (call(PLAIN[1:]), {}),
        (call([{}] * LEAST_CONTACTS), {}),
        (call([{**one, "stranger": 1} for one in PLAIN]), {}),
        (replace(call(PLAIN), reads=CUSTOMER), {}),
        (Asked([{"id": "new", "attributes": one} for one in PLAIN], call(PLAIN).reads), {}),
    ],
    ids=["reasons", "counted", "few", "no attribute", "an unknown one", "known to the store", "named twice"],
)
def test_whoever_needs_more_than_columns_is_answered_alone(
    model: ScoringModel, asked: Asked, fields: dict[str, Any]
) -> None:
    assert by_columns(model, call(PLAIN)) is not None

    assert by_columns(model, asked, **fields) is None
