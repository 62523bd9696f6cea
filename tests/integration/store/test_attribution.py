"""Attribution reports that are asked for, made once, and kept; on both databases."""

import pytest

from shared.contracts.rows import DAY
from shared.errors import Conflict
from shared.store import Database, ReportLease, ReportRow, attribution
from shared.store.attribution import MOST_OPEN

NOW = 20_000 * DAY


def row(name: str, at: int = NOW) -> ReportRow:
    return ReportRow(name, "account", "queued", '{"by": "channel"}', at)


def test_the_same_question_is_made_once_until_it_is_old(database: Database) -> None:
    reports = database.of("default").experiments.attribution
    lease = ReportLease("r-1", "me")

    first = reports.request(row("r-1"), made_after=NOW - DAY)
    again = reports.request(row("r-1", NOW + 1), made_after=NOW - DAY)
    waiting = database.waiting_attribution(NOW)
    reports.take(lease, at=NOW + 2, until=NOW + 9)
    reports.end(lease, "completed", "{}", at=NOW + 3)
    kept = reports.request(row("r-1", NOW + 4), made_after=NOW - DAY)
    stale = reports.request(row("r-1", NOW + 2 * DAY), made_after=NOW + DAY)

    assert (first.requested_at, again.requested_at, waiting) == (NOW, NOW, [("default", "r-1")])
    assert (kept.state, kept.document, kept.attempts) == ("completed", "{}", 1)
    assert (stale.state, stale.document, stale.requested_at) == ("queued", None, NOW + 2 * DAY)


def test_who_lost_the_lease_changes_nothing(database: Database) -> None:
    reports = database.of("default").experiments.attribution
    slow, quick = ReportLease("r-1", "slow"), ReportLease("r-1", "quick")
    reports.request(row("r-1"), made_after=0)

    reports.take(slow, at=NOW, until=NOW + 5)
    held = reports.take(quick, at=NOW + 1, until=NOW + 6)
    taken = reports.take(quick, at=NOW + 5, until=NOW + 10)

    assert (held, taken is not None and taken.attempts) == (None, 2)
    assert not reports.renew(slow, until=NOW + 99)
    assert not reports.end(slow, "completed", "{}", at=NOW + 6)
    assert reports.end(quick, "completed", "{}", at=NOW + 7)


def test_so_many_may_wait_and_the_oldest_of_those_kept_go(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    most_kept = MOST_OPEN + 10
    monkeypatch.setattr(attribution, "MOST_KEPT", most_kept)
    reports = database.of("default").experiments.attribution
    for number in range(most_kept - MOST_OPEN + 2):
        lease = ReportLease(f"r-{number:03}", "me")
        reports.request(row(lease.report_id, NOW + number), made_after=0)
        reports.take(lease, at=NOW, until=NOW + 1)
        reports.end(lease, "refused", "{}", at=NOW + number)
    for number in range(MOST_OPEN):
        reports.request(row(f"open-{number}", NOW + DAY), made_after=0)

    with pytest.raises(Conflict, match="20 attribution reports wait"):
        reports.request(row("one-more", NOW + DAY), made_after=0)
    assert len(reports.all()) == most_kept
    assert (reports.find("r-001"), reports.find("r-002") is not None) == (None, True)
