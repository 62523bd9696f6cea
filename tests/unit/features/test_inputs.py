"""What a model was taught its inputs look like: what stands in for a missing value, and what is not understood."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from shared.contracts.rows import ALWAYS
from shared.features import UNDERSTOOD, Feature, FeatureSet, Inputs, matrix
from shared.timeline import ContactFacts, build
from shared.timeline.past_rows import DatedValue

CUTOFF = 1_780_272_000_000_000
FEATURES = FeatureSet(
    (
        Feature("spend", "numeric", "as given", "attribute:spend", attribute="spend"),
        Feature("plan", "categorical", "category", "attribute:plan", attribute="plan", categories=("basic", "pro")),
        Feature("page_viewed_30d", "count", "events", "activity:page_viewed", "page_viewed", window_days=30),
    )
)
LABELS = np.tile([0.0, 1.0], 100)
OWNER = np.arange(200)


def taught(*, lacking: int = 0) -> Inputs:
    values = np.column_stack([np.linspace(0, 100, 200), np.tile([0.0, 1.0], 100), np.zeros(200)])
    values[:lacking, 0] = np.nan
    found = Inputs.of(FEATURES, values, LABELS, OWNER, known=("spend", "plan", "city"))
    return found.weighed(np.array([6.0, 3.0, 1.0]))


def quality(inputs: Inputs, **attributes: object) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]], bool]:
    facts = ContactFacts(attributes=tuple(DatedValue(name, ALWAYS, value) for name, value in attributes.items()))
    pasts = build(["c"], {"c": facts}, ())
    cutoffs = np.array([CUTOFF])
    values = matrix(FEATURES, pasts, np.zeros(1, dtype=np.int32), cutoffs)
    (found,) = inputs.qualities(FEATURES, pasts, cutoffs, values)
    return found.codes, dict(found.names), found.suffices


def test_a_value_that_hardly_anybody_lacks_is_stood_in_for_by_its_middle() -> None:
    inputs = taught(lacking=11)

    filled = inputs.filled(np.array([[np.nan, np.nan, 3.0]]))

    assert filled[0, 0] == pytest.approx(np.median(np.linspace(0, 100, 200)[11:]))
    assert filled[0, 1] in (0.0, 1.0)
    assert filled[0, 2] == 3.0


def test_that_many_of_both_kinds_lack_a_value_is_learned_from() -> None:
    inputs = taught(lacking=60)

    assert np.isnan(inputs.filled(np.array([[np.nan, 0.0, 0.0]]))[0, 0])


def test_one_contact_s_many_frames_are_one_contact_that_lacks_a_value() -> None:
    values = np.column_stack([np.linspace(0, 100, 200), np.zeros(200), np.zeros(200)])
    values[:60, 0] = np.nan
    owner = np.concatenate([np.zeros(60), np.arange(1, 141)]).astype(int)

    inputs = Inputs.of(FEATURES, values, LABELS, owner, known=())

    assert np.isfinite(inputs.fill[0])


def test_the_matrix_itself_is_not_changed() -> None:
    values = np.array([[np.nan, 0.0, 0.0]])

    taught().filled(values)

    assert np.isnan(values[0, 0])


@pytest.mark.parametrize(
    ("attributes", "codes", "names"),
    [
        ({"spend": 50, "plan": "pro"}, (), {}),
        ({"spend": 50}, ("missing_attributes",), {"missing_attributes": ("plan",)}),
        ({"spend": 50, "plan": "n/a"}, ("missing_attributes",), {"missing_attributes": ("plan",)}),
        ({"spend": 1e12, "plan": "pro"}, ("out_of_range", "drifted_inputs"), {"out_of_range": ("spend",)}),
        ({"spend": 109, "plan": "pro"}, (), {}),
        ({"spend": 50, "plan": "gold"}, ("unseen_categories", "drifted_inputs"), {"unseen_categories": ("plan",)}),
    ],
)
def test_what_is_not_understood_is_named(
    attributes: dict[str, object], codes: tuple[str, ...], names: dict[str, tuple[str, ...]]
) -> None:
    found, named, suffices = quality(taught(), **attributes)

    assert (found, named) == (codes, names)
    assert suffices


def test_a_value_that_does_not_read_is_not_called_missing() -> None:
    codes, names, suffices = quality(taught(), spend="a lot", plan="pro")

    assert codes == ("unreadable_values",)
    assert names == {"unreadable_values": ("spend",)}
    assert not suffices  # 60 % of the model's weight


def test_a_number_in_another_spelling_is_read() -> None:
    assert quality(taught(), spend="1,050.00", plan="pro")[0] == ("out_of_range", "drifted_inputs")
    assert quality(taught(), spend="50.00", plan="pro")[0] == ()


def test_most_of_the_weight_missing_leaves_no_answer_unless_it_was_taught() -> None:
    assert not quality(taught(), plan="pro")[2]
    assert quality(taught(lacking=60), plan="pro")[2]


def test_a_contact_without_anything_leaves_no_answer_however_much_was_taught() -> None:
    assert not quality(taught(lacking=60))[2]


def test_unknown_names_are_added_in_their_place() -> None:
    pasts = build(["c"], {"c": ContactFacts()}, ())
    (found,) = taught().qualities(FEATURES, pasts, np.array([CUTOFF]), np.array([[np.nan, 0.0, 0.0]]))

    assert found.with_unknown({"Spent"}).codes == ("missing_attributes", "unknown_attributes")
    assert found.with_unknown(set()) == found


def test_what_was_taught_reads_back_the_same() -> None:
    inputs = taught(lacking=60)

    read = Inputs.from_json(inputs.to_json())

    assert read.known == ("city", "plan", "spend")
    for name in ("fill", "low", "high", "weight", "other"):
        assert_array_equal(getattr(read, name), getattr(inputs, name))


def test_a_rare_category_is_no_drift_where_the_training_had_many() -> None:
    values = np.column_stack([np.linspace(0, 100, 200), np.tile([0.0, 1.0, 2.0, 0.0], 50), np.zeros(200)])
    inputs = Inputs.of(FEATURES, values, LABELS, OWNER, known=()).weighed(np.array([6.0, 3.0, 1.0]))

    assert quality(inputs, spend=50, plan="gold")[0] == ("unseen_categories",)
    assert quality(taught(), spend=50, plan="gold")[0] == ("unseen_categories", "drifted_inputs")


def test_inputs_of_before_rare_categories_were_counted_are_read() -> None:
    described = {name: value for name, value in taught().to_json().items() if name != "other"}

    assert_array_equal(Inputs.from_json(described).other, [0.0, 0.0, 0.0])


def test_more_names_than_a_list_holds_are_counted() -> None:
    found = UNDERSTOOD.with_unknown({f"x{number:02d}" for number in range(25)})

    assert len(found.names["unknown_attributes"]) == 20
    assert found.further == 5


def test_of_a_contact_without_anything_all_is_named_as_missing() -> None:
    found = taught().nothing([feature.attribute for feature in FEATURES.features])

    assert found.codes == ("missing_attributes",)
    assert found.names == {"missing_attributes": ("plan", "spend")}
    assert (found.missing_weight, found.suffices) == (0.9, False)


def test_without_ranges_only_what_a_feature_set_says_is_known() -> None:
    inputs = Inputs.without_ranges(FEATURES)

    assert quality(inputs, spend=1e12, plan="gold") == (("unseen_categories",), {"unseen_categories": ("plan",)}, True)
    assert quality(inputs, spend="a lot", plan="pro")[0] == ("unreadable_values",)
