"""Attribution reports: made one at a time, each in a child process of low priority."""

from collections.abc import Callable
from dataclasses import dataclass

from foretell.background.low_priority import Children
from shared.contracts.rows import Microseconds
from shared.errors import ForetellError
from shared.store import Database

MODULE = "foretell.background.attribution_process"


class AttributionProcessFailed(ForetellError):
    """The child ended before its report was made; another attempt follows."""

    code = "attribution-process-failed"


@dataclass(frozen=True, slots=True)
class AttributionWorker:
    """Makes the attribution reports of all accounts."""

    database: Database
    children: Children
    now: Callable[[], Microseconds]

    def turn(self) -> None:
        """Make each report that waits, the oldest first.

        Raises:
            AttributionProcessFailed: a child ended before its time; the others had their turn.
        """
        failed = 0
        for account, report_id in self.database.waiting_attribution(self.now()):
            if self.children.stop.is_set():
                return
            failed += self.children.run(MODULE, account, report_id) != 0
        if failed:
            raise AttributionProcessFailed("A process that made an attribution report ended before the report did.")
