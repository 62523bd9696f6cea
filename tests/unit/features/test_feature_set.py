from dataclasses import replace

import pytest

from shared.errors import ArtifactRefused
from shared.features import ENGINE_VERSION, Feature, FeatureSet
from shared.features.feature import FeaturePlan, types_of

FEATURES = (
    Feature("clicks", "count", "events", "activity", "email_clicked", window_days=30),
    Feature("rate", "rate", "ratio", "rate", "email_clicked", "email_sent", prior=0.1),
    Feature("last", "last_type", "category", "last", categories=("page_viewed",)),
    Feature("days", "active_days", "days", "activity", window_days=90),
    Feature("plan", "categorical", "category", "plan", attribute="plan", categories=("free", "pro")),
    Feature("trend", "trend", "ratio", "activity"),
)
SET = FeatureSet(FEATURES)


def test_a_feature_set_is_read_back_as_it_was_written() -> None:
    assert FeatureSet.from_json(SET.to_json()) == SET


def test_a_feature_set_of_another_engine_is_refused() -> None:
    written = {**SET.to_json(), "engine_version": ENGINE_VERSION + 1}
    with pytest.raises(ArtifactRefused, match="Train it again"):
        FeatureSet.from_json(written)


def test_a_feature_set_of_whole_orders_keeps_them_and_needs_a_release_that_joins_lines() -> None:
    whole = replace(SET, whole_orders=("order_placed",))

    assert FeatureSet.from_json(whole.to_json()) == whole
    assert whole.take([4, 0]).whole_orders == whole.plan.whole_orders == ("order_placed",)
    assert (whole.to_json()["engine_version"], SET.to_json()["engine_version"]) == (2, 1)
    assert "whole_orders" not in SET.to_json()
    with pytest.raises(ArtifactRefused, match="Train it again"):
        FeatureSet.from_json({**whole.to_json(), "engine_version": 1})


def test_it_knows_its_columns() -> None:
    assert len(SET) == 6
    assert SET.names[0] == "clicks"
    assert SET.categorical == (2, 4)
    assert SET.types == ("email_clicked", "email_sent", "page_viewed")
    assert SET.take([4, 0]).names == ("plan", "clicks")


def test_a_time_zone_matters_only_to_local_kinds() -> None:
    assert SET.needs_local_time
    assert not SET.take([0, 1, 2]).needs_local_time


def test_it_knows_which_fields_of_an_event_it_looks_at() -> None:
    spent = Feature("spent", "value_sum", "amount", "spent", "order_placed", window_days=30)
    bought = Feature("bought", "distinct", "items", "bought", "order_placed", "item")
    letters = Feature("letters", "distinct", "campaigns", "letters", "email_sent", "campaign")

    assert SET.event_fields == set()
    assert FeatureSet((bought,)).event_fields == {"item"}
    assert FeatureSet((letters,)).event_fields == {"campaign_id", "item"}
    # Sums are added in the order of time, item and campaign.
    assert FeatureSet((spent,)).event_fields == {"value", "item", "campaign_id"}


def test_attributes_are_fit_and_behaviour_is_engagement() -> None:
    assert [feature.part for feature in FEATURES] == ["engagement"] * 4 + ["fit", "engagement"]


def test_a_feature_knows_how_far_it_reaches_back() -> None:
    assert [feature.reach_days for feature in FEATURES] == [30, 730, 730, 90, 0, 90]


def test_types_that_no_feature_names_share_the_last_code() -> None:
    plan = FeaturePlan(FEATURES)
    assert plan.codes_of(("email_sent", "other", "another")).tolist() == [1, 3, 3]
    assert plan.codes_of(()).tolist() == [0]
    assert (plan.code(None), plan.code("email_clicked")) == (-1, 0)
    assert "rate" in plan
    assert "overdue" not in plan


def test_a_set_of_attributes_looks_at_no_type() -> None:
    assert types_of(FEATURES[4:5]) == ()
