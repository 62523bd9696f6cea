"""The child process that makes one report: `python -m foretell.background.attribution_process ACCOUNT ID LIFELINE`."""

import json
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress

from foretell.attribution import account_report, paths_report
from foretell.background.low_priority import begin, give_way
from shared.attribution.journeys import PathCounts
from shared.contracts.attribution import AttributionQuestion, AttributionReport
from shared.contracts.rows import SECOND, Microseconds, now_us
from shared.errors import BadRequest, NotFound, TooLittleToAttribute
from shared.http.telemetry import trail
from shared.store import AccountStore, ReportLease, ReportRow, open_database
from shared.store.attribution import MOST_ATTEMPTS
from shared.store.leases import renewed

log = logging.getLogger(__name__)
GIVEN_UP = "It could not be made in three attempts; the worker's log says why. Ask again with fresh=true."


def work(
    store: AccountStore, report_id: str, *, lease_seconds: float, now: Callable[[], Microseconds] = now_us
) -> bool:
    """Make a report; return whether it was made or refused here.

    Args:
        store: of the account.
        report_id: which one.
        lease_seconds: for how long it is held, and held again.
        now: the time.
    """
    lease = ReportLease(report_id, uuid.uuid4().hex)
    reports = store.experiments.attribution
    row = reports.take(lease, at=now(), until=now() + int(lease_seconds * SECOND))
    if row is None:
        return False
    if row.attempts > MOST_ATTEMPTS:
        return reports.end(lease, "refused", refusal("attribution-failed", GIVEN_UP), at=now())
    with renewed(lambda until: reports.renew(lease, until=until), lease_seconds, now):
        try:
            made = _made(store, row, now())
        except (BadRequest, TooLittleToAttribute) as error:
            document = refusal(error.code, error.detail, **error.members)
            return reports.end(lease, "refused", document, at=now())
    return reports.end(lease, "completed", made.model_dump_json(), at=now())


def _made(store: AccountStore, row: ReportRow, now: Microseconds) -> AttributionReport:
    if row.kind == "account":
        return account_report(store, AttributionQuestion.model_validate_json(row.question), now=now)
    return paths_report([PathCounts(*one) for one in json.loads(row.question)], now=now)


def refusal(code: str, detail: str, **members: object) -> str:
    """Write why there is no report."""
    return json.dumps({"code": code, "detail": detail, "members": members})


def main() -> None:
    """Make the report that the command line names."""
    settings, _, (account, report_id) = begin(
        "attribution", lambda error: log.error("attribution.interrupted", extra=trail(error))
    )
    give_way()
    database = open_database(settings)
    try:
        with suppress(NotFound):  # the account was deleted meanwhile
            work(database.of(account), report_id, lease_seconds=settings.batch_lease_seconds)
    finally:
        database.close()


if __name__ == "__main__":
    main()
