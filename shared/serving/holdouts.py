"""Who is held out, as a service knows it: polled with the champions, remembered for a start while the store is away."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import orjson

from shared.contracts.holdout import Holdout, holding, withheld
from shared.contracts.prediction import Prediction
from shared.contracts.rows import Microseconds

log = logging.getLogger(__name__)

Read = Callable[[], Mapping[str, tuple[Holdout, ...]]]


class KnownHoldouts:
    """The holdouts of all accounts; no model becomes known here before they are.

    Args:
        read: reads those of the store, by account.
        cache: the folder where they are remembered.
        name: of the capability; each service has a file of its own.
    """

    def __init__(self, read: Read, cache: Path, name: str) -> None:
        self._read = read
        self._path = cache / f"holdouts.{name}.json"
        self._of: Mapping[str, tuple[Holdout, ...]] | None = None

    def poll(self) -> None:
        """Read them from the store, and remember them where they changed.

        Raises:
            StoreUnavailable: they could not be read; what is known stays.
        """
        found = self._read()
        if found != self._of:
            self._of = found
            try:
                self._remember(found)
            except OSError as error:
                log.warning("holdouts.not_remembered", extra={"cause": error.strerror})

    def recall(self) -> None:
        """Take those that were remembered, unless the store was read already."""
        if self._of is not None:
            return
        try:
            entries = orjson.loads(self._path.read_bytes())
            self._of = {account: tuple(Holdout(*one) for one in listed) for account, listed in entries.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return

    def _remember(self, found: Mapping[str, tuple[Holdout, ...]]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(f".{os.getpid()}.partial")
        partial.touch(0o600)  # salts are nobody else's business
        partial.write_bytes(orjson.dumps({account: [[*one] for one in listed] for account, listed in found.items()}))
        partial.replace(self._path)

    def of(self, account: str, capability: str, outcome: str, *, at: Microseconds) -> tuple[Holdout, ...]:
        """Return those that hold contacts of an account out of a question now; nearly always none."""
        mine = self._of.get(account) if self._of else None
        if not mine:
            return ()
        return tuple(one for one in mine if one.is_active(at) and one.covers(capability, outcome))


def withhold(results: list[Prediction], holdouts: Sequence[Holdout]) -> None:
    """Put `control` in the place of the answers about who is held out; other statuses say nothing of a model."""
    if not holdouts:
        return
    for place, one in enumerate(results):
        if one.status == "ok" and (holdout := holding(holdouts, one.contact_id)) is not None:
            results[place] = withheld(one, holdout)
