"""A version: what it lists for whom, filters, reasons, and the artifact."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.recommendations.model.offer import Offer
from services.recommendations.model.recommended import Recommended
from services.recommendations.model.recommender import RecommendationModel
from services.recommendations.schemas import EVER, ShownItems
from shared.errors import ArtifactRefused
from shared.store import ItemRow
from shared.timeline import ContactPasts
from tests.unit.recommendations.conftest import DAY, DAYS, START, bought, pasts_of

NOW = START + DAYS * DAY
TEA_DRINKER = pasts_of(*(bought("tea", f"tea-{n}", 250 + 5 * n) for n in range(1, 6)), bought("tea", "tea-0", 299))
EVERYTHING = ShownItems()


def listed(
    model: RecommendationModel, wanted: ShownItems = EVERYTHING, pasts: ContactPasts = TEA_DRINKER, **more: int
) -> Recommended:
    return model.recommend(pasts.columns, np.full(len(pasts), NOW), wanted, **{"most": 5, "reasons": 3, **more})[0]


def ids(answer: Recommended) -> list[str]:
    return [one.item["id"] for one in answer.items]


def row(item_id: str, **fields: object) -> ItemRow:
    usual = {"name": None, "category": None, "price": None, "currency": None, "url": None, "updated_at": 1}
    return ItemRow(item_id=item_id, **{"active": True, "in_stock": True, **usual, **fields})  # type: ignore[arg-type]


def with_catalogue(model: RecommendationModel, *rows: ItemRow) -> RecommendationModel:
    return replace(model, offer=Offer.of(rows, model.code_of))


def test_a_contact_gets_what_its_like_buy_and_what_it_buys_again(recs_model: RecommendationModel) -> None:
    answer = listed(recs_model)

    assert ids(answer)[0] == "tea-0"
    assert {name.split("-")[0] for name in ids(answer)} == {"tea"}
    assert answer.items[0].source == "repeat"
    assert answer.source == "model"


def test_reasons_are_in_words_and_those_of_the_head_sum_to_its_margin(recs_model: RecommendationModel) -> None:
    answer = listed(recs_model, reasons=10)

    texts = [part.text for part in answer.reasons]
    assert "Bought once, 21 days ago" in texts
    assert any(text.startswith("Often bought with tea-") for text in texts)
    assert sum(part.contribution for part in answer.reasons) + (answer.base or 0) == pytest.approx(answer.margin)
    assert all(part.contribution > 0 for one in answer.items for part in one.reasons)


def test_what_comes_back_in_a_rhythm_is_named(recs_model: RecommendationModel) -> None:
    regular = pasts_of(*(bought("tea", "tea-0", day) for day in (240, 260, 280, 300)))

    answer = listed(recs_model, pasts=regular)

    assert "Bought every 20 days, last 20 days ago" in [part.text for part in answer.items[0].reasons]


def test_of_whom_nothing_is_known_gets_what_is_popular(recs_model: RecommendationModel) -> None:
    answer = listed(recs_model, pasts=pasts_of(("new", "", "email_opened", NOW - DAY, None, None, None, None, 1)))

    assert (answer.source, answer.reasons) == ("population", ())
    assert {one.source for one in answer.items} <= {"popular", "trending"}
    assert {"tea-0", "tool-0"} <= set(ids(answer))


def test_a_look_is_enough_for_an_answer_of_its_own(recs_model: RecommendationModel) -> None:
    looked = pasts_of(bought("new", "tool-3", DAYS - 1, "product_viewed"))

    assert listed(recs_model, pasts=looked, most=20).source == "model"


@pytest.mark.parametrize("change", [{"active": False}, {"in_stock": False}])
def test_what_is_not_offered_never_appears(recs_model: RecommendationModel, change: dict[str, bool]) -> None:
    gone = with_catalogue(recs_model, row("tea-0", **change))
    unknown = pasts_of(("new", "", "email_opened", NOW - DAY, None, None, None, None, 1))

    assert "tea-0" not in ids(listed(gone, most=30))
    assert "tea-0" not in ids(listed(gone, pasts=unknown, most=30))


def test_filters_leave_only_what_is_wanted(recs_model: RecommendationModel) -> None:
    model = with_catalogue(recs_model, row("tea-0", category="Staples"), row("tool-0", category="Staples"))

    assert set(ids(listed(model, ShownItems(category=frozenset({"Staples"}))))) == {"tea-0", "tool-0"}
    assert ids(listed(model, ShownItems(category=frozenset({"Staples"}), allowed=frozenset({"tool-0"})))) == ["tool-0"]
    assert set(ids(listed(model, ShownItems(in_stock=frozenset({"tea-7", "strange"}))))) == {"tea-7"}
    assert ids(listed(recs_model, ShownItems(category=frozenset({"Staples"})))) == []


def test_what_was_bought_lately_or_ever_can_be_left_out(recs_model: RecommendationModel) -> None:
    assert "tea-0" not in ids(listed(recs_model, ShownItems(excluded_days=22.0), most=30))
    assert "tea-0" in ids(listed(recs_model, ShownItems(excluded_days=20.0), most=30))
    assert not {f"tea-{n}" for n in range(6)} & set(ids(listed(recs_model, ShownItems(excluded_days=EVER), most=30)))


def test_the_catalogue_says_what_items_are_called(recs_model: RecommendationModel) -> None:
    model = with_catalogue(recs_model, row("tea-0", name="Green tea", price=6.9, currency="EUR"))

    first = listed(model).items[0]

    assert (first.item["name"], first.item["price"], first.item["currency"]) == ("Green tea", 6.9, "EUR")
    assert any("Often bought with" in part.text for one in listed(model).items for part in one.reasons)


def test_a_contact_among_others_is_answered_as_alone(recs_model: RecommendationModel) -> None:
    other = [bought("tool", f"tool-{n}", 200 + n) for n in range(8)]
    both = pasts_of(*other, *(bought("tea", "tea-0", day) for day in (240, 260)))
    alone = pasts_of(*(bought("tea", "tea-0", day) for day in (240, 260)))

    together = recs_model.recommend(both.columns, np.full(2, NOW), EVERYTHING, most=10, reasons=3)[1]

    assert together == listed(recs_model, pasts=alone, most=10)


def test_an_artifact_answers_as_the_version_that_was_saved(recs_model: RecommendationModel, tmp_path: Path) -> None:
    recs_model.save(tmp_path)

    assert listed(RecommendationModel.load(tmp_path)) == listed(recs_model)
    assert b"c-1" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["items", "columns", "format", "arrays"])
def test_a_damaged_artifact_is_refused(recs_model: RecommendationModel, tmp_path: Path, damage: str) -> None:
    recs_model.save(tmp_path)
    text = (tmp_path / "model.json").read_text()
    if damage == "arrays":
        (tmp_path / "items.npz").write_bytes(b"PK")
    elif damage == "items":
        (tmp_path / "model.json").write_text(text.replace('"tea-3",', ""))
    elif damage == "columns":
        (tmp_path / "model.json").write_text(text.replace('"popularity"', '"fame"'))
    else:
        (tmp_path / "model.json").write_text(text.replace('"format": 1', '"format": 99'))

    with pytest.raises(ArtifactRefused):
        RecommendationModel.load(tmp_path)
