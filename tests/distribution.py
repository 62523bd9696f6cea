"""Which worker of a test run takes which file: one at a time waits for processes while the others compute."""

from collections.abc import Mapping
from typing import Any

from xdist.scheduler import LoadFileScheduling


class OneWaits(LoadFileScheduling):
    """Gives files out in the order of the collection, those that wait to one worker at a time.

    A worker that waits leaves its core to the others; where all of them wait, the cores are idle. Files that share what
    takes long to make go to the same worker.
    """

    def __init__(self, config: Any, log: Any, waiting: tuple[str, ...], together: Mapping[str, str]) -> None:
        """Give out nothing yet.

        Args:
            config: of the run.
            log: of the run.
            waiting: how the names of files begin that wait.
            together: files that follow another one, each with that one.
        """
        super().__init__(config, log)
        self._waiting = waiting
        self._together = together

    def _split_scope(self, nodeid: str) -> str:
        """Name the file that a test is given out with."""
        file: str = super()._split_scope(nodeid)
        return self._together.get(file, file)

    def _assign_work_unit(self, node: Any) -> None:
        """Give a worker the first file of the kind that is its turn; of the other kind where no such one is left."""
        others = [file for worker in self.assigned_work if worker is not node for file in self._begun(worker)]
        computes = any(file.startswith(self._waiting) for file in others)
        fitting = (file for file in self.workqueue if file.startswith(self._waiting) is not computes)
        self.workqueue.move_to_end(next(fitting, next(iter(self.workqueue))), last=False)
        super()._assign_work_unit(node)

    def _begun(self, node: Any) -> list[str]:
        """List the files that a worker has been given and has not done."""
        return [file for file, done in self.assigned_work[node].items() if not all(done.values())]
