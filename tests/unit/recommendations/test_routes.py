"""Similar items and what is popular, as the further routes say it."""

from dataclasses import replace

from services.recommendations.api.routes import popular, similar
from services.recommendations.model.offer import Offer
from services.recommendations.model.recommender import RecommendationModel
from services.recommendations.schemas import SimilarRequest
from shared.store import ItemRow

HIDDEN = ItemRow("tea-2", None, None, None, None, None, False, True, 1)
NAMED = ItemRow("tea-1", "Black tea", "Tea", 3.5, "EUR", None, True, True, 1)


def test_similar_items_are_those_that_the_same_contacts_buy(recs_model: RecommendationModel) -> None:
    model = replace(recs_model, offer=Offer.of([HIDDEN, NAMED], recs_model.code_of))

    tea, strange = similar(model, SimilarRequest(items=["tea-1", "strange"], count=4))

    found = [one["id"] for one in tea["items"]]
    assert (tea["status"], tea["name"], len(found)) == ("ok", "Black tea", 4)
    assert {name.split("-")[0] for name in found} == {"tea"}
    assert "tea-2" not in found
    assert tea["items"][0]["reason"] == "Often bought with Black tea"
    assert (strange["status"], strange["items"]) == ("unknown_item", [])


def test_filters_hold_for_similar_items_too(recs_model: RecommendationModel) -> None:
    (tea,) = similar(recs_model, SimilarRequest(items=["tea-1"], allowed=["tea-4"]))

    assert [one["id"] for one in tea["items"]] == ["tea-4"]


def test_popular_items_are_listed_with_their_buyers(recs_model: RecommendationModel) -> None:
    found = popular(recs_model, 2)

    assert {one["id"] for one in found["popular"]} == {"tea-0", "tool-0"}
    assert len(found["trending"]) == 2
    assert all(one["buyers"] > 0 and one["times_before"] > 0 for one in found["popular"])
