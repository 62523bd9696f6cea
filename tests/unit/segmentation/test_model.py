import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from services.segmentation.model import SegmentationModel, _load_pyfunc
from services.segmentation.training.fitting import SegmentationOptions, fitted
from services.segmentation.training.report import report
from shared.contracts.rows import ALWAYS
from shared.errors import ArtifactRefused
from shared.features import matrix
from shared.timeline import ContactFacts, DatedValue, build

DAY = 86_400_000_000


def answers(model: SegmentationModel, shop: Any, *, reasons: int = 10) -> list[Any]:
    return model.predict(shop.pasts, np.full(len(shop.pasts), shop.until), reasons=reasons)


def test_each_kind_of_customer_has_a_segment(model: SegmentationModel, shop: Any) -> None:
    found = answers(model, shop, reasons=0)

    of_kind = {
        kind: [one.first.segment.id for one, mine in zip(found, shop.kinds, strict=True) if mine == kind]
        for kind in ("often", "sometimes", "gone")
    }
    most = {kind: max(set(ids), key=ids.count) for kind, ids in of_kind.items()}
    assert len(set(most.values())) == 3
    assert all(ids.count(most[kind]) / len(ids) > 0.9 for kind, ids in of_kind.items())


def test_reasons_sum_to_the_log_odds_of_the_first_against_the_second(model: SegmentationModel, shop: Any) -> None:
    for one in answers(model, shop)[:100]:
        assert sum(part.contribution for part in one.reasons) == pytest.approx(one.margin, abs=1e-6)
        if one.alternatives:
            odds = np.log(one.first.membership / one.alternatives[0].membership)
            assert one.margin == pytest.approx(odds, abs=1e-9)


def test_memberships_fall_and_sum_to_at_most_one(model: SegmentationModel, shop: Any) -> None:
    for one in answers(model, shop, reasons=0):
        told = [one.first.membership, *(other.membership for other in one.alternatives)]
        assert told == sorted(told, reverse=True)
        assert sum(told) <= 1 + 1e-9
        assert min(told[1:], default=1.0) >= 0.01


def test_a_contact_without_events_has_no_segment(model: SegmentationModel) -> None:
    pasts = build(["a"], {"a": ContactFacts(attributes=(DatedValue("plan", 0, "pro"),))}, [])

    (one,) = model.predict(pasts, np.array([500 * DAY]), reasons=3)

    assert one.status == "insufficient_data"
    assert one.detail == "Nothing has happened in the last two years that groups are made of."


def test_one_enormous_order_moves_the_money_and_nothing_else(model: SegmentationModel, shop: Any) -> None:
    at = shop.until - DAY
    plain = build(["a"], {}, [[("a", "1", "order_placed", at, 40.0, None, None, None, 1)]])
    huge = build(["a"], {}, [[("a", "1", "order_placed", at, 1e15, None, None, None, 1)]])

    ordinary, enormous = (model.predict(past, np.array([shop.until]), reasons=10)[0] for past in (plain, huge))

    of_things = [
        {part.feature.split("_value")[0] if "value" in part.feature else part.feature for part in one.reasons}
        for one in (ordinary, enormous)
    ]
    assert enormous.status == ordinary.status == "ok"
    assert np.isfinite(enormous.margin)
    assert len(of_things[0]) > 0


def test_saved_and_loaded_it_answers_to_the_bit(model: SegmentationModel, shop: Any, tmp_path: Path) -> None:
    model.save(tmp_path)

    again = SegmentationModel.load(tmp_path)

    assert answers(again, shop) == answers(model, shop)
    assert again.segments[0].named == model.segments[0].named
    assert again.next_number == model.next_number


def test_json_and_plain_arrays_are_all_that_is_written(model: SegmentationModel, tmp_path: Path) -> None:
    model.save(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {"model.json", "groups.npz"}
    json.loads((tmp_path / "model.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    with np.load(tmp_path / "groups.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fi" for name in arrays.files)


def test_mlflow_s_loader_names_the_segment_and_says_how_surely(
    model: SegmentationModel, shop: Any, tmp_path: Path
) -> None:
    model.save(tmp_path)
    contact = np.arange(len(shop.pasts), dtype=np.int32)
    values = matrix(model.feature_set, shop.pasts, contact, np.full(len(contact), shop.until))

    found = _load_pyfunc(str(tmp_path))._model.answer_table(values)

    expected = [one.first for one in answers(model, shop, reasons=0)]
    assert found["segment_id"].tolist() == [one.segment.id for one in expected]
    assert found["segment"].tolist() == [one.segment.name for one in expected]
    assert_allclose(found["membership"], [one.membership for one in expected])


@pytest.mark.parametrize("cut", [None, 0.0, 0.5, 0.98], ids=str)
@pytest.mark.parametrize("name", ["model.json", "groups.npz"])
def test_a_missing_or_truncated_file_is_refused(
    model: SegmentationModel, tmp_path: Path, name: str, cut: float | None
) -> None:
    model.save(tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    if cut is not None:
        (tmp_path / name).write_bytes(content[: int(cut * len(content))])

    with pytest.raises(ArtifactRefused, match="Train it again"):
        SegmentationModel.load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"capability": "scoring"},
        {"kind": "forest"},
        {"spread": 0.0},
        {"spread": float("nan")},
        {"segments": []},
        {"segments": [{"id": "s1", "name": "all", "micro": [], "spread": None}]},
        {"trained_at": "yesterday"},
        {"feature_set": {"engine_version": 0, "features": []}},
        {"feature_set": {"engine_version": 1, "features": []}},
        {"next_number": None, "segments": None},
    ],
    ids=str,
)
def test_an_artifact_with_nonsense_is_refused(model: SegmentationModel, tmp_path: Path, change: dict[str, Any]) -> None:
    model.save(tmp_path)
    described = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**described, **change}))

    with pytest.raises(ArtifactRefused):
        SegmentationModel.load(tmp_path)


def test_attributes_that_count_are_matched_by_name_and_what_is_not_understood_of_them_is_named(shop: Any) -> None:
    plans = ("basic", "pro", "team")
    facts = {
        name: ContactFacts(timezone="UTC", attributes=(DatedValue("plan", ALWAYS, plans[row % 3]),))
        for row, name in enumerate(shop.pasts.contact_ids)
    }
    events = [
        (name, f"{row}-{at}", "order_placed", at, 40.0, None, None, None, None)
        for row, name in enumerate(shop.pasts.contact_ids)
        for at in shop.pasts.at[shop.pasts.offsets[row] : shop.pasts.offsets[row + 1]][:20].tolist()
    ]
    wanted = SegmentationOptions(segments=3, attributes=("plan",))
    fit = fitted(build(list(facts), facts, [events]), until=shop.until, now=shop.until, wanted=wanted)
    told = {"a": "pro", "b": "gold", "c": "n/a"}
    named = {one: ContactFacts(attributes=(DatedValue("plan", ALWAYS, plan),)) for one, plan in told.items()}
    bought = [(one, one, "order_placed", shop.until - 5, 40.0, None, None, None, None) for one in named]

    found = fit.model.predict(build(list(named), named, [bought]), np.full(3, shop.until), reasons=0)

    assert fit.model.attribute_names == ("plan",)
    assert [one.inputs.codes for one in found] == [(), ("unseen_categories",), ("missing_attributes",)]
    assert [one.status for one in found] == ["ok"] * 3
    (column,) = report(fit).to_json()["columns"]
    assert column == {"name": "plan", "read_as": "category of 3 values", "filled": 600, "unreadable": 0}
