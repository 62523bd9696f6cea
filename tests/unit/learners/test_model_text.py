"""What is refused of a text model from elsewhere, before LightGBM sees it, and what only LightGBM can see."""

import os

import lightgbm
import numpy as np
import pytest

from shared.errors import FileRefused
from shared.learners.model_text import MOST_BYTES, _decoded, _require_fitting, checked_text

NAMES = ("spend", "visits")


def model(**parameters: object) -> str:
    draw = np.random.default_rng(0)
    values = draw.normal(size=(300, 2))
    labels = (values[:, 0] > 0).astype(float)
    own = {"objective": "binary", "num_leaves": 4, "num_threads": 1, "verbosity": -1, **parameters}
    data = lightgbm.Dataset(values, labels, feature_name=list(NAMES))
    text: str = lightgbm.train(own, data, 3).model_to_string()
    return text


@pytest.fixture(scope="module")
def text() -> str:
    return model()


def test_a_fitting_model_is_taken_as_it_is(text: str) -> None:
    assert checked_text(text.encode(), NAMES, dict(os.environ)) == text


def test_a_damaged_tree_is_refused_by_a_process_that_may_die_of_it(text: str) -> None:
    damaged = text.replace("leaf_value=", "leaf_value=nan ", 1).replace("num_leaves=4", "num_leaves=400", 1)

    with pytest.raises(FileRefused, match="its text is damaged"):
        checked_text(damaged.encode(), NAMES, dict(os.environ))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x80\x04\x95 a pickle", "Pickles and other formats are never read"),
        (b"tree\n\xff", "no text in UTF-8"),
        (b"tree\nversion=v4\n", "its trees do not end"),
        (b"tree\n" + b" " * MOST_BYTES, "are the most"),
    ],
    ids=["pickle", "not utf-8", "cut off", "too large"],
)
def test_what_is_no_text_model_is_refused_unread(content: bytes, why: str) -> None:
    with pytest.raises(FileRefused, match=why):
        _decoded(content)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("objective=binary sigmoid:1", "objective=regression", "objective is 'regression'"),
        ("objective=binary sigmoid:1", "objective=binary sigmoid:2", "with sigmoid 1"),
        ("num_class=1", "num_class=3", "several classes"),
        ("objective=binary", "average_output\nobjective=binary", "random forest"),
        ("is_linear=0", "is_linear=1", "linear trees"),
        ("feature_names=spend visits", "feature_names=visits spend", "in another order"),
        ("feature_names=spend visits", "feature_names=Column_0 Column_1", r"other columns .* \(Column_0, Column_1\)"),
        ("feature_names=spend visits", "feature_names=spend", "has 1 columns; the manifest has 2"),
        ("pandas_categorical:null", 'pandas_categorical:[["a", "b"]]', "pandas categories"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_by_its_header(text: str, old: str, new: str, why: str) -> None:
    assert old in text

    with pytest.raises(FileRefused, match=why):
        _require_fitting(text.replace(old, new), NAMES)
