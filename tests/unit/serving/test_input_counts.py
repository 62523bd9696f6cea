from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from shared.contracts.rows import ALWAYS
from shared.evaluation.calibration import Reference
from shared.features import Feature, FeatureSet, Inputs
from shared.serving.input_counts import input_counts
from shared.timeline import ContactFacts, ContactPasts, DatedValue

CUTOFF = 1_780_272_000_000_000
FEATURES = FeatureSet(
    (
        Feature("spend", "numeric", "as given", "attribute:spend", attribute="spend"),
        Feature("plan", "categorical", "category", "attribute:plan", attribute="plan", categories=("basic", "pro")),
    )
)
TRAINED = np.column_stack([np.linspace(0, 100, 200), np.tile([0.0, 1.0], 100)])


def trained(**changed: Any) -> Any:
    inputs = Inputs.of(FEATURES, TRAINED, np.tile([0.0, 1.0], 100), np.arange(200), known=())
    reference = Reference.of(np.linspace(-3, 3, 200), TRAINED)
    given = {"feature_set": FEATURES, "reference": reference, "inputs": inputs.weighed(np.array([3.0, 1.0]))}
    return SimpleNamespace(**{**given, **changed})


def contacts(*values: dict[str, Any]) -> ContactPasts:
    names = [f"c-{number}" for number in range(len(values))]
    facts = {
        name: ContactFacts(attributes=[DatedValue(attribute, ALWAYS, value) for attribute, value in mine.items()])
        for name, mine in zip(names, values, strict=True)
    }
    return ContactPasts(names, facts, [])


def test_contacts_are_counted_by_bin_beside_what_training_had() -> None:
    pasts = contacts({"spend": 5, "plan": "pro"}, {"spend": 95, "plan": "gold"}, {"spend": 96}, {"plan": "basic"})

    found = input_counts(trained(), pasts, np.full(4, CUTOFF))

    assert found is not None
    spend, plan = found["features"]
    assert found["contacts"] == 4
    assert spend["counts"] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1]
    assert spend["reference_shares"] == [0.1] * 10 + [0.0]
    assert (spend["unseen"], plan["unseen"], plan["counts"][-1]) == (None, 1, 1)
    assert (spend["weight"], plan["weight"]) == (0.75, 0.25)
    assert sum(found["reference_scores"]) == pytest.approx(1.0, abs=1e-5)
    assert max(found["reference_scores"]) < 0.11


def test_a_version_that_keeps_no_reference_counts_nothing() -> None:
    assert input_counts(trained(reference=None), contacts({}), np.full(1, CUTOFF)) is None


@pytest.mark.parametrize(
    ("committed", "contacts", "shown"), [(True, 100, True), (True, 99, False), (False, 100, False)]
)
async def test_only_a_larger_call_of_the_worker_is_answered_with_counts(
    running: Any, store: Any, model: Any, committed: bool, contacts: int, shown: bool
) -> None:
    names = [f"c-{number}" for number in range(contacts)]
    store.facts = dict.fromkeys(names, ContactFacts(attributes=[DatedValue("plan", ALWAYS, "pro")]))
    model.feature_set, known = FEATURES, trained()
    model.reference, model.inputs = known.reference, known.inputs

    async with running() as client:
        reply = await client.post("/score", {"contacts": [{"id": one} for one in names]}, committed=committed)

    assert reply.status == 200
    assert ("inputs" in reply.json) is shown
    assert not shown or reply.json["inputs"]["contacts"] == contacts
