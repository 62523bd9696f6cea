import pytest

from foretell.derived import COMMAND, with_section


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    text = f"before\n<!-- a: written by {COMMAND} -->\nold\nolder\n<!-- /a -->\nafter\n"

    assert with_section(text, "a", "new\n") == f"before\n<!-- a: written by {COMMAND} -->\nnew\n<!-- /a -->\nafter\n"


def test_a_file_without_the_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="no markers of b"):
        with_section(f"# a: written by {COMMAND}\n# /a\n", "b", "new\n")
