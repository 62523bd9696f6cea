"""Which items come into question, in blocks as at once, and for nobody at all."""

import numpy as np
import pytest

from services.recommendations.model import candidates as module
from services.recommendations.model.candidates import COLUMNS, OWN, SINCE, VIEWED, candidates
from services.recommendations.model.recommender import RecommendationModel
from tests.unit.recommendations.conftest import DAY, DAYS, START, bought, pasts_of

NOW = START + DAYS * DAY
ROWS = [bought("tea", "tea-0", 300), bought("tea", "tool-5", DAYS - 2, "product_viewed"), bought("tool", "tool-1", 310)]


def test_a_candidate_says_what_the_contact_did_with_it(recs_model: RecommendationModel) -> None:
    history = recs_model.history(pasts_of(*ROWS).columns, np.full(2, NOW))

    found = candidates(recs_model.known, history, np.ones(len(recs_model.items), dtype=bool))

    codes = [(found.owner == 0) & (found.item == recs_model.code_of[name]) for name in ("tea-0", "tool-5")]
    own, looked = (found.values[mask][0] for mask in codes)
    assert (own[OWN], own[SINCE]) == (1.0, 20.0)
    assert looked[OWN] == 0.0
    assert np.isnan(looked[SINCE])
    assert looked[VIEWED] == pytest.approx(0.5 ** (2 / 14))
    assert len(np.unique(found.owner * 1000 + found.item)) == len(found.owner)


def test_contacts_in_blocks_have_the_same_candidates(
    recs_model: RecommendationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = recs_model.history(pasts_of(*ROWS).columns, np.full(2, NOW))
    shown = np.ones(len(recs_model.items), dtype=bool)
    whole = candidates(recs_model.known, history, shown)
    monkeypatch.setattr(module, "BLOCK_CELLS", 1)

    parts = candidates(recs_model.known, history, shown)

    np.testing.assert_array_equal(whole.item, parts.item)
    np.testing.assert_allclose(whole.values, parts.values, rtol=1e-12)


def test_nobody_has_no_candidates(recs_model: RecommendationModel) -> None:
    history = recs_model.history(pasts_of(*ROWS).columns, np.full(2, NOW)).of(np.empty(0, np.int64))

    found = candidates(recs_model.known, history, np.ones(len(recs_model.items), dtype=bool))

    assert found.values.shape == (0, len(COLUMNS))
