"""Everything that the webhook receiver answered 2xx is in the store exactly once, however often it is killed."""

import asyncio
from pathlib import Path

import pytest

from bench.webhooks_in.sending import run


@pytest.mark.parametrize(
    ("events", "kills"),
    [(3_000, 3), pytest.param(1_000_000, 60, marks=pytest.mark.slow)],
)
def test_nothing_answered_is_lost_or_doubled_by_kill_9(tmp_path: Path, events: int, kills: int) -> None:
    found = asyncio.run(
        run(tmp_path, events=events, size=100, rate=1_500 if kills < 10 else 0, kills=kills, longest_seconds=1.0)
    )

    assert (found.answered, found.kills) == (events, kills)
    assert (found.lost, found.twice, found.stored) == (0, 0, events)
