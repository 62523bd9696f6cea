"""In which bucket a contact lies, and that buckets put together are what they were cut from."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from foretell.bucket_training import is_drawn
from shared.batches.buckets import bucket_of

IDS = st.text(min_size=1, max_size=12)


def test_a_bucket_is_the_same_in_every_release() -> None:
    ids = ("c-1", "c-42", "Ä-7", "00000000-0000-0000-0000-000000000001")

    assert [bucket_of(one, 64) for one in ids] == [50, 8, 35, 40]
    assert [bucket_of(one, 1_000) for one in ids] == [186, 432, 611, 696]


@given(st.sets(IDS, max_size=50), st.integers(1, 1_000))
def test_each_contact_lies_in_one_bucket_that_exists(ids: set[str], buckets: int) -> None:
    placed = {one: bucket_of(one, buckets) for one in ids}

    assert all(bucket in range(buckets) for bucket in placed.values())
    assert {one: bucket_of(one, buckets) for one in ids} == placed


def test_buckets_are_about_equal_in_size() -> None:
    sizes = Counter(bucket_of(f"contact-{number}", 16) for number in range(16_000))

    assert len(sizes) == 16
    assert 850 <= min(sizes.values()) <= max(sizes.values()) <= 1_150


@given(st.sets(IDS, max_size=50), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_of_a_smaller_share_nobody_is_drawn_who_was_not_of_a_larger_one(
    ids: set[str], one: float, other: float
) -> None:
    few, many = ({each for each in ids if is_drawn(each, share)} for share in sorted((one, other)))

    assert few <= many
    assert {each for each in ids if is_drawn(each, 1.0)} == ids


def test_who_is_drawn_does_not_depend_on_the_bucket() -> None:
    drawn = Counter(bucket_of(f"c-{number}", 8) for number in range(8_000) if is_drawn(f"c-{number}", 0.25))

    assert 200 <= min(drawn.values()) <= max(drawn.values()) <= 300
