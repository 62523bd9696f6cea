import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.context import Cursors
from shared.errors import BadRequest

CURSORS = Cursors(b"k" * 32)


@given(st.one_of(st.text(), st.tuples(st.integers(), st.text()).map(list)))
def test_a_cursor_is_read_as_it_was_made(place: object) -> None:
    assert CURSORS.read("contacts", CURSORS.made("contacts", place)) == place


@given(st.text())
def test_whatever_else_is_sent_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadRequest, match="next_cursor"):
        CURSORS.read("contacts", text)


def test_a_cursor_is_good_for_its_list_and_key_alone() -> None:
    made = CURSORS.made("contacts", "c-1")

    with pytest.raises(BadRequest):
        CURSORS.read("predictions", made)
    with pytest.raises(BadRequest):
        Cursors(b"x" * 32).read("contacts", made)


def test_a_cursor_can_stand_in_a_query_unescaped() -> None:
    assert CURSORS.made("contacts", "ÿ?&=").replace("-", "").replace("_", "").isalnum()
