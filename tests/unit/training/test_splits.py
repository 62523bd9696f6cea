from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.training.material import Split, contact_folds, forward_chain, stratified


@given(cutoff=st.lists(st.integers(0, 400), max_size=60), horizon=st.integers(1, 90), blocks=st.integers(1, 6))
def test_no_label_window_of_training_reaches_into_its_test_block(cutoff: list[int], horizon: int, blocks: int) -> None:
    at = np.array(cutoff, dtype=np.int64)
    splits = forward_chain(at, horizon=horizon, blocks=blocks)
    assert len(splits) <= blocks
    for split in splits:
        assert len(split.train)
        assert at[split.train].max() + horizon <= at[split.test].min()
        assert set(split.train.tolist()) == set(np.flatnonzero(at + horizon <= at[split.test].min()).tolist())


@given(cutoff=st.lists(st.integers(0, 400), min_size=1, max_size=60))
def test_no_frame_is_judged_twice_and_blocks_follow_each_other(cutoff: list[int]) -> None:
    at = np.array(cutoff, dtype=np.int64)
    splits = forward_chain(at, horizon=1)
    if not splits:
        return
    judged = judged_rows(splits)
    assert len(np.unique(judged)) == len(judged)
    for early, late in pairwise(splits):
        assert at[early.test].max() < at[late.test].min()
    assert at[judged].max() == at.max()


def judged_rows(splits: Sequence[Split]) -> np.ndarray:
    return np.sort(np.concatenate([split.test for split in splits]))


def test_without_frames_there_is_nothing_to_split() -> None:
    assert forward_chain(np.empty(0, dtype=np.int64), horizon=1) == []


def test_every_fold_has_its_share_of_positives() -> None:
    label = np.array([1.0] * 10 + [0.0] * 40)
    splits = stratified(label)
    assert [label[split.test].sum() for split in splits] == [2.0] * 5
    assert judged_rows(splits).tolist() == list(range(50))
    assert all(not set(split.train) & set(split.test) for split in splits)


def test_no_contact_is_on_both_sides_of_a_fold_and_positives_are_dealt_evenly() -> None:
    owner = np.repeat(np.arange(50, dtype=np.int32), 3)
    label = (owner < 10).astype(float)
    splits = contact_folds(owner, label)
    assert judged_rows(splits).tolist() == list(range(150))
    for split in splits:
        assert not set(owner[split.train]) & set(owner[split.test])
        assert len(np.unique(owner[split.test][label[split.test] == 1])) == 2


def test_judging_begins_once_a_good_share_is_closed() -> None:
    at = np.arange(100, dtype=np.int64)
    first = forward_chain(at, horizon=10)[0]
    assert at[first.test].min() == 40
    assert len(first.train) == 31


def test_a_long_horizon_makes_do_with_a_smaller_share() -> None:
    at = np.arange(100, dtype=np.int64)
    assert forward_chain(at, horizon=70)[0].test.min() == 80


def test_folds_are_the_same_every_time() -> None:
    label = np.array([1.0, 0.0] * 20)
    for one, other in zip(stratified(label), stratified(label), strict=True):
        np.testing.assert_array_equal(one.test, other.test)
