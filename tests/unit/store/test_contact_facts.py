from shared.contracts.rows import ALWAYS
from shared.store.contact_facts import Entry, is_news, keep


def entry(value: str, valid_from: int, *, recorded_at: int = 0, dated: bool = True) -> Entry:
    return Entry(valid_from, recorded_at, value, dated)


def test_the_first_value_is_news() -> None:
    assert is_news((), entry("1", 5))


def test_a_value_that_holds_already_is_no_news_and_another_one_is() -> None:
    known = [entry("1", 5), entry("2", 9)]

    assert not is_news(known, entry("1", 7))
    assert not is_news(known, entry("2", 20))
    assert is_news(known, entry("1", 20))
    assert is_news(known, entry("2", 7))
    assert is_news(known, entry("1", 3))


def test_a_date_for_an_undated_value_is_news_and_losing_it_is_not() -> None:
    assert is_news([entry("1", ALWAYS, dated=False)], entry("1", 5))
    assert not is_news([entry("1", 5)], entry("1", 7, dated=False))


def test_true_is_not_one() -> None:
    assert is_news([entry("1", 5)], entry("true", 6))


def test_kept_entries_stay_in_order_and_replace_their_equals() -> None:
    known = [entry("1", 5), entry("2", 9)]

    keep(known, entry("3", 7))
    keep(known, entry("4", 9))

    assert [(stored.valid_from, stored.value) for stored in known] == [(5, "1"), (7, "3"), (9, "4")]
