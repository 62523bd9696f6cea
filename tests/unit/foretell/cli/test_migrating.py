"""A long migration shows that it goes on."""

from contextlib import ExitStack

import pytest

from foretell.cli.migrating import StepBars, StepLines

STEP, NEXT = "log: writing rows in a new order", "log: making an index"


def test_a_line_is_written_as_a_step_begins_and_ends_and_every_five_seconds() -> None:
    lines, now = list[str](), [100.0]
    show = StepLines(lines.append, lambda: now[0])

    for at, done in ((100.0, 0), (102.0, 5_000), (105.0, 10_000), (106.0, 12_000)):
        now[0] = at
        show(STEP, done, 12_000)
    show(NEXT, 0, None)

    assert lines == [
        "log: writing rows in a new order, 0 of 12,000 rows",
        "log: writing rows in a new order, 10,000 of 12,000 rows",
        "log: writing rows in a new order, 12,000 of 12,000 rows",
        "log: making an index",
    ]


def test_bars_are_drawn_one_a_step_and_the_last_one_is_full(capsys: pytest.CaptureFixture[str]) -> None:
    with ExitStack() as stack:
        show = StepBars(stack)
        show(STEP, 0, 12_000)
        show(STEP, 12_000, 12_000)
        show(NEXT, 0, None)
        show.end()

    drawn = capsys.readouterr().err
    assert "12,000 of 12,000 rows" in " ".join(drawn.split())
    assert drawn.count("100%") == 2


def test_where_nothing_takes_long_nothing_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    with ExitStack() as stack:
        StepBars(stack)

    assert capsys.readouterr().err == ""
