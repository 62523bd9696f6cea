"""Vectors: a contact's is the least squares solution for its own items, as the plain formula has it."""

import numpy as np

from services.recommendations.model.factors import Factors
from services.recommendations.model.history import History
from services.recommendations.training.factorisation import factors_of

RIDGE, ALPHA = 2.0, 5.0


def test_folding_in_solves_what_the_formula_says() -> None:
    vectors = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    factors = Factors.of(vectors, alpha=ALPHA, ridge=RIDGE)
    item, weight = np.array([1, 4]), np.array([1.0, 0.5])

    found = factors.fold_in(np.array([0, 2, 2]), item, weight)

    wide = vectors.astype(np.float64)
    confidence = np.ones(6)
    confidence[item] += ALPHA * weight
    wanted = np.zeros(6)
    wanted[item] = 1.0
    left = wide.T @ np.diag(confidence) @ wide + RIDGE * np.eye(3)
    np.testing.assert_allclose(found[0], np.linalg.solve(left, wide.T @ (confidence * wanted)), rtol=1e-9)
    assert found[1].tolist() == [0.0, 0.0, 0.0]


def test_items_that_the_same_contacts_buy_point_the_same_way() -> None:
    owner = np.repeat(np.arange(40), 3)
    item = np.array([code for contact in range(40) for code in (range(3) if contact % 2 else range(3, 6))])
    ones, nothing = np.ones(120), np.empty(0, np.int64)
    offsets = np.arange(0, 121, 3)
    history = History(40, owner, item, ones, ones, 0 * ones, offsets, nothing, nothing, np.empty(0), np.zeros(40))

    vectors = factors_of(history, 6, width=4).item.astype(np.float64)

    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    alike = vectors @ vectors.T
    assert alike[0, 1] > 0.95
    assert alike[0, 3] < 0.3
