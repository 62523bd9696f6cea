"""Trees as LightGBM's text has them, leaf by leaf: on which conditions each depends, and what it adds to the margin."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

_CATEGORICAL, _DEFAULT_LEFT, _MISSING = 1, 2, 2
"""Bits of a node's decision type; from the third on stands what counts as missing."""
ZERO_IS_MISSING, NAN_IS_MISSING = 1, 2
WORD_BITS = 32
_FIELDS = {
    *("split_feature", "threshold", "decision_type", "left_child", "right_child"),
    *("leaf_value", "leaf_count", "internal_count"),
}
"""Of a tree with a condition: all that is read of it, apart from categories."""


class Condition(NamedTuple):
    """What a node asks of one column; where it holds, a row goes left."""

    feature: int
    threshold: float
    """The number is not above it; of a categorical node: 0."""
    categories: frozenset[int] | None
    """The number is one of them, and nothing else matters; None: it is no category."""
    missing: int
    """0: a missing number counts as 0; else ZERO_IS_MISSING or NAN_IS_MISSING."""
    holds_missing: bool
    """Whether it holds for a missing number."""


class Step(NamedTuple):
    """A node on the path to a leaf."""

    condition: Condition
    holds: bool
    """Whether the path goes on where the condition holds."""
    share: float
    """Of the node's training rows, those that go on so."""


class Leaf(NamedTuple):
    """Where a tree ends."""

    value: float
    path: tuple[Step, ...]


def leaves_of(text: str) -> Iterator[list[Leaf]] | None:
    """Read the trees of a model one after the other, the leaves of each from left to right.

    Args:
        text: that LightGBM can read.

    Returns:
        None: it has several classes, averages its trees, has linear models in leaves, or does not count training rows.
    """
    head, *blocks = text.partition("\nend of trees")[0].split("\nTree=")
    if "\nnum_tree_per_iteration=1\n" not in head or "\naverage_output" in head or "\nis_linear=1" in text:
        return None
    trees = [dict(line.split("=", 1) for line in block.split("\n")[1:] if line) for block in blocks]
    # LightGBM reads a tree without some fields too.
    if not all(tree.keys() >= _FIELDS or tree["num_leaves"] == "1" for tree in trees):
        return None
    return (list(_leaves(tree)) for tree in trees)


def _leaves(fields: Mapping[str, str]) -> Iterator[Leaf]:
    values, leaf_rows = _floats(fields, "leaf_value"), _floats(fields, "leaf_count")
    if len(values) == 1:
        yield Leaf(values[0], ())
        return
    conditions, rows = _conditions(fields), _floats(fields, "internal_count")
    children = _integers(fields, "left_child"), _integers(fields, "right_child")
    waiting: list[tuple[int, tuple[Step, ...]]] = [(0, ())]
    while waiting:
        node, path = waiting.pop()
        if node < 0:
            yield Leaf(values[~node], path)
            continue
        for holds in (False, True):  # the last one is taken first
            child = children[not holds][node]
            below = rows[child] if child >= 0 else leaf_rows[~child]
            share = below / rows[node] if rows[node] else 0.0
            waiting.append((child, (*path, Step(conditions[node], holds, share))))


def _conditions(fields: Mapping[str, str]) -> list[Condition]:
    """Read the condition of each node."""
    bounds, words = _integers(fields, "cat_boundaries"), _integers(fields, "cat_threshold")
    sets = [_set_bits(words[begin:end]) for begin, end in pairwise(bounds)]
    nodes = zip(
        _integers(fields, "split_feature"),
        _floats(fields, "threshold"),
        _integers(fields, "decision_type"),
        strict=True,
    )
    return [
        Condition(feature, 0.0, sets[int(threshold)], 0, False)
        if kind & _CATEGORICAL
        else Condition(feature, threshold, None, kind >> _MISSING, bool(kind & _DEFAULT_LEFT))
        for feature, threshold, kind in nodes
    ]


def _set_bits(words: Sequence[int]) -> frozenset[int]:
    return frozenset(bit for bit in range(WORD_BITS * len(words)) if words[bit // WORD_BITS] >> bit % WORD_BITS & 1)


def _floats(fields: Mapping[str, str], name: str) -> list[float]:
    return list(map(float, fields.get(name, "").split()))


def _integers(fields: Mapping[str, str], name: str) -> list[int]:
    return list(map(int, fields.get(name, "").split()))
