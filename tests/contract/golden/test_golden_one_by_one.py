"""Artifacts of earlier releases, asked about one contact at a time: what they see is what columns show them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.sendtime.model.sendtime import SendTimeModel
from shared.features import FeatureSet, Inputs, matrix, values_of
from shared.features.scalar import scalar_plan
from shared.timeline import ContactFacts, ContactPasts, DatedValue, build

HERE = Path(__file__).parent
PASTS = {"scoring": HERE / "scoring" / "pasts.json", "churn": HERE / "churn" / "pasts.json"}
MODELS = sorted(path for path in HERE.glob("**/model.json") if "feature_set" in json.loads(path.read_text()))


def kept(capability: str) -> Any:
    """Read golden pasts; segmentation's model is asked about those of scoring, any account will do."""
    return json.loads(PASTS.get(capability, PASTS["scoring"]).read_text())


@pytest.mark.parametrize("path", MODELS, ids=lambda path: "-".join(path.relative_to(HERE).parts[:-1]))
def test_a_model_sees_one_contact_as_it_sees_many(path: Path) -> None:
    described = json.loads(path.read_text())
    features = FeatureSet.from_json(described["feature_set"])
    account = kept(path.relative_to(HERE).parts[0])
    facts = {
        name: ContactFacts(
            fact["created_at"], fact["timezone"], {}, tuple(DatedValue(*one) for one in fact["attributes"])
        )
        for name, fact in account["facts"].items()
    }
    events = [tuple(row) for row in account["events"]]
    ids, cutoffs = account["contact_ids"], np.array(account["cutoffs"])
    columns = build(ids, facts, [events])
    inputs = Inputs.without_ranges(features)

    together = matrix(features, columns, np.arange(len(ids), dtype=np.int32), cutoffs)
    understood = inputs.qualities(features, columns, cutoffs, together)

    assert scalar_plan(features.plan).covers_all
    for row, (name, cutoff) in enumerate(zip(ids, cutoffs.tolist(), strict=True)):
        alone = ContactPasts([name], facts, events)
        values = values_of(features, alone, [cutoff])
        np.testing.assert_array_equal(values[0], together[row])
        assert inputs.qualities_of(features, alone, [cutoff], values) == [understood[row]]


def test_a_send_time_looks_at_no_feature() -> None:
    assert SendTimeModel.load(HERE / "sendtime").feature_set.features == ()
