"""What contacts bought before a cutoff."""

import numpy as np

from services.recommendations.model.history import VIEWS, history_of, purchases
from shared.timeline import build
from tests.unit.recommendations.conftest import DAY, START, bought

CODES = {"a": 0, "b": 1}
CUTOFF = np.array([START + 100 * DAY, START + 100 * DAY])


def test_purchases_are_gathered_by_contact_and_item_the_latest_first() -> None:
    rows = [bought("c-1", "a", 10), bought("c-1", "a", 40), bought("c-1", "b", 70), bought("c-2", "a", 99)]
    pasts = build(["c-1", "c-2"], {}, [rows])

    history = history_of(purchases(pasts, CUTOFF, CODES), purchases(pasts, CUTOFF, CODES, VIEWS), 2)

    assert history.owner.tolist() == [0, 0, 1]
    assert history.item.tolist() == [1, 0, 0]
    assert history.count.tolist() == [1.0, 2.0, 1.0]
    assert history.age.tolist() == [30.0, 60.0, 1.0]
    assert history.span.tolist() == [0.0, 30.0, 0.0]
    assert history.offsets.tolist() == [0, 2, 3]
    assert history.lately.tolist() == [2.0, 1.0]


def test_what_is_unknown_later_or_too_old_is_not_seen() -> None:
    rows = [bought("c-1", "strange", 10), bought("c-1", "a", 100), bought("c-1", "a", -700), bought("c-1", "b", 5)]
    pasts = build(["c-1"], {}, [rows])

    found = purchases(pasts, CUTOFF[:1], CODES)

    assert (found.item.tolist(), found.age.tolist()) == ([1], [95.0])


def test_two_lines_of_one_order_with_the_same_item_are_one_purchase() -> None:
    pasts = build(["c-1"], {}, [[bought("c-1", "a", 10), bought("c-1", "a", 10), bought("c-1", "a", 11)]])

    assert len(purchases(pasts, CUTOFF[:1], CODES).owner) == 2


def test_looks_are_kept_apart_from_purchases() -> None:
    rows = [bought("c-1", "a", 90, "product_viewed"), bought("c-1", "a", 99, "page_viewed")]
    pasts = build(["c-1"], {}, [rows])

    history = history_of(purchases(pasts, CUTOFF[:1], CODES), purchases(pasts, CUTOFF[:1], CODES, VIEWS), 1)

    assert (len(history.owner), history.viewed_item.tolist(), history.viewed_age.tolist()) == (0, [0], [1.0])


def test_some_contacts_of_a_history_are_counted_from_0() -> None:
    rows = [bought("c-1", "a", 10), bought("c-2", "b", 20), bought("c-2", "a", 30, "product_viewed")]
    pasts = build(["c-1", "c-2"], {}, [rows])
    whole = history_of(purchases(pasts, CUTOFF, CODES), purchases(pasts, CUTOFF, CODES, VIEWS), 2)

    part = whole.of(np.array([1]))

    assert (part.contacts, part.owner.tolist(), part.item.tolist(), part.offsets.tolist()) == (1, [0], [1], [0, 1])
    assert part.viewed_owner.tolist() == [0]
