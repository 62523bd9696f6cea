"""What each engine version answers, number by number, for its account in `engine-N.json`: 1, and 2 of whole orders.

A number that changes means another engine: raise ENGINE_VERSION, and keep this file passing for the models of earlier
releases. A new kind of feature adds columns. The one command that writes the expected numbers again:

    python -m tests.contract.golden.test_golden_engine
"""

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from shared.features import ENGINE_VERSION, FeatureSet, Kind, matrix
from shared.features.feature import JOINS_LINES
from shared.timeline import ContactFacts, DatedValue, Pasts, build

GOLDEN = [Path(__file__).with_name(f"engine-{version}.json") for version in (ENGINE_VERSION, JOINS_LINES)]


def pasts_of(golden: dict[str, Any]) -> Pasts:
    """Read the golden account."""
    facts = {
        name: ContactFacts(
            created_at=fact["created_at"],
            timezone=fact["timezone"],
            attributes=tuple(DatedValue(*value) for value in fact["attributes"]),
        )
        for name, fact in golden["facts"].items()
    }
    return build(golden["contacts"], facts, [[tuple(row) for row in golden["events"]]])


def answers(golden: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Ask today's engine."""
    contact = np.array([golden["contacts"].index(name) for name, _ in golden["frames"]], dtype=np.int32)
    cutoff = np.array([cutoff for _, cutoff in golden["frames"]], dtype=np.int64)
    return matrix(FeatureSet.from_json(golden["feature_set"]), pasts_of(golden), contact, cutoff)


@pytest.fixture(scope="module", params=GOLDEN, ids=lambda path: path.stem)
def golden(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(request.param.read_text())
    return loaded


def test_no_number_of_this_engine_version_has_changed(golden: dict[str, Any]) -> None:
    found = answers(golden)
    wanted = np.array([[np.nan if n is None else n for n in row] for row in golden["matrix"]])
    names = [feature["name"] for feature in golden["feature_set"]["features"]]
    # 1e-12: a logarithm may differ in its last bit between processors; nothing else may.
    changed = ~(np.isclose(found, wanted, rtol=1e-12, atol=0) | (np.isnan(found) & np.isnan(wanted)))
    assert [
        (names[column], golden["frames"][row], found[row, column], wanted[row, column])
        for row, column in np.argwhere(changed)
    ] == []


def test_every_kind_of_feature_is_pinned_by_a_number(golden: dict[str, Any]) -> None:
    pinned = {
        feature["kind"]
        for place, feature in enumerate(golden["feature_set"]["features"])
        if any(row[place] is not None for row in golden["matrix"])
    }
    assert pinned == set(get_args(Kind))


def write() -> None:
    """Replace the expected numbers by today's."""
    for path in GOLDEN:
        golden = json.loads(path.read_text())
        golden["matrix"] = [[None if np.isnan(n) else n for n in row] for row in answers(golden).tolist()]
        lines = [f'"{key}": ' + _laid_out(golden[key]) for key in golden]
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _laid_out(value: Any) -> str:
    """One entry a line, so that a change can be read in a diff."""
    if isinstance(value, list):
        return "[\n " + ",\n ".join(json.dumps(entry) for entry in value) + "\n]"
    if isinstance(value, dict) and "features" in value:
        others = {key: part for key, part in value.items() if key != "features"}
        return f'{json.dumps(others)[:-1]}, "features": {_laid_out(value["features"])}}}'
    return json.dumps(value)


if __name__ == "__main__":
    write()
