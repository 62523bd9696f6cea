"""Score every contact again: for the ranked list, and for changes that time alone causes."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foretell import home
from foretell.background.detect_changes import BATCH, ChangeDetector, compared_model
from foretell.background.loops import LoopMetrics, LoopParts
from foretell.live_quality.drift import DriftRound, counted, drift_message, reported
from shared.change_detection.account_messages import batch_completed, model_promoted, stale_events_message
from shared.change_detection.service_answers import ServiceAnswer
from shared.contracts.input_drift import InputDrift
from shared.contracts.message import Message
from shared.contracts.rows import DAY, SECOND, Microseconds
from shared.errors import ModelNotReady
from shared.store import AccountStore, ChampionRow, Database

log = logging.getLogger(__name__)

_COUNTED = {"drifted_inputs": "drifted", "out_of_range": "out_of_range", "unseen_categories": "unseen_categories"}
BATCHES_PER_TURN = 20
"""Batches of one champion before the next champion has its turn."""


@dataclass(frozen=True, slots=True)
class Rescoring:
    """Scores every contact of an account when its champion changed, and again after a while."""

    database: Database
    detector: ChangeDetector
    progress: Path
    """Which version was scored when, and how far a round is; a small file, so that a restart goes on. Losing it costs
    a round."""
    every_seconds: float
    stop: threading.Event
    remembered_days: float
    """How long messages are kept: for an older promotion it is not known here whether it was reported."""
    unix_seconds: Callable[[], float] = time.time
    metrics: LoopMetrics = field(default_factory=LoopMetrics)
    _done: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Go on where an earlier worker stopped."""
        self._done.update(home.notes(self.progress))

    def turn(self) -> None:
        """Score what is due, some batches of each champion in turn: no failure and no large account delays others.

        Raises:
            Exception: what the last champion that failed raised, once every one had its turn.
        """
        parts, over = LoopParts("rescoring", self.metrics), set[ChampionRow]()
        while due := [one for one in self.database.champions() if one not in over and self._is_due(one)]:
            for champion in due:
                if self.stop.is_set():
                    return
                if parts.attempt(self._score_some, champion, **_labels(champion)) is not False:
                    over.add(champion)
        parts.end()

    def _is_due(self, champion: ChampionRow) -> bool:
        noted = self._done.get(_name(champion), {})
        age = self.unix_seconds() - noted.get("at", 0.0)
        return not _is_of(noted, champion) or age >= self.every_seconds

    def _score_some(self, champion: ChampionRow) -> bool:
        """Go on with a champion's round; whether it is over."""
        store, current = self.database.of(champion.account), self._round(champion)
        for _ in range(BATCHES_PER_TURN):
            batch = [contact.contact_id for contact in store.contacts.page(BATCH, current["after"])]
            if not batch:
                self._complete(champion, store, current)
                return True
            answers = self.detector.score(champion, batch, stale=store.changes.stale_among(batch))
            for answer in answers:
                if answer.model.version != champion.version:
                    raise ModelNotReady(f"The service still answers with version {answer.model.version}.")
            current["after"] = batch[-1]
            current["contacts"] += sum(len(answer.predictions) for answer in answers)
            current["stale_events"] = current["stale_events"] or any(map(_is_stale, answers))
            current["inputs"] = _counted(current.get("inputs", {}), answers)
            current["drift"] = counted(current.get("drift", {}), answers)
            self._note(champion, round=current)
            if self.stop.is_set():
                return False
        return False

    def _complete(self, champion: ChampionRow, store: AccountStore, current: dict[str, Any]) -> None:
        seconds = self.unix_seconds() - current["began"]
        store.deliveries.outbox.publish(self._messages(store, champion, current), at=self._now())
        self._keep_drift(store, champion, current)
        drift = InputDrift.of({**current.get("inputs", {}), "measured_at": self._now()})
        store.models.put_input_drift(champion.capability, champion.outcome, champion.version, drift)
        done = {"at": current["began"], "contacts": current["contacts"], "round": None}
        self._note(champion, **_named(champion), **done)
        log.info(
            "worker.rescored",
            extra={
                **_labels(champion),
                "version": champion.version,
                "contacts": current["contacts"],
                "drifted_share": round(drift.share, 4),
                "seconds": round(seconds, 3),
            },
        )

    def _keep_drift(self, store: AccountStore, champion: ChampionRow, current: dict[str, Any]) -> None:
        """Keep how far the version has drifted, and report what was not reported yet."""
        key = (champion.capability, champion.outcome, champion.version)
        version = store.models.version(*key)
        if version is None:
            return
        kept = store.models.quality.drift(*key)
        found = DriftRound(current.get("drift", {}), version, kept, bool(current["stale_events"]), self._now()).judged()
        message = drift_message(found, compared_model(champion), at=self._now())
        store.deliveries.outbox.publish([] if message is None else [message], at=self._now())
        store.models.quality.put_drift(*key, reported(found), at=self._now())

    def _round(self, champion: ChampionRow) -> dict[str, Any]:
        """Return the round that an earlier turn or worker left unfinished, or begin one."""
        current = self._done.get(_name(champion), {}).get("round")
        if current is not None and _is_of(current, champion):
            return dict(current)
        began = self.unix_seconds()
        counts: dict[str, Any] = {"contacts": 0, "stale_events": False, "inputs": {}}
        return {**_named(champion), "began": began, "after": None, **counts}

    def _messages(self, store: AccountStore, champion: ChampionRow, current: dict[str, Any]) -> list[Message]:
        """Return the messages of a complete round; after a crash they are made again, with the same ids."""
        subject, contacts, now = compared_model(champion), current["contacts"], self._now()
        messages = [batch_completed(subject, contacts=contacts, began=int(current["began"] * SECOND), ended=now)]
        key = (champion.capability, champion.outcome, champion.version)
        version = store.models.version(*key)
        if self._is_news(champion, now) and version is not None:
            moves = store.changes.moves(*key, since=champion.promoted_at)
            messages.append(
                model_promoted(
                    subject, champion.previous_version, version.grade, contacts=contacts, moves=moves, at=now
                )
            )
        if current["stale_events"]:
            messages.append(stale_events_message(subject, store.events.newest_at(), at=now))
        return messages

    def _is_news(self, champion: ChampionRow, now: Microseconds) -> bool:
        """Whether a message that a champion answers is due.

        If the notes were lost, the message itself shows whether it was sent, as long as it is kept.
        """
        noted = self._done.get(_name(champion), {})
        if "digest" not in noted:
            return now - champion.promoted_at < self.remembered_days * DAY
        return not _is_of(noted, champion)

    def _now(self) -> Microseconds:
        return int(self.unix_seconds() * SECOND)

    def _note(self, champion: ChampionRow, **changed: Any) -> None:
        noted = self._done.setdefault(_name(champion), {})
        noted.update(changed)
        try:
            home.write_notes(self.progress, self._done)
        except OSError as error:  # this process remembers all the same
            log.warning("worker.progress_not_written", extra={"cause": error.strerror})


def _name(champion: ChampionRow) -> str:
    return f"{champion.account}.{champion.capability}.{champion.outcome}"


def _labels(champion: ChampionRow) -> dict[str, str]:
    return {"account": champion.account, "capability": champion.capability, "outcome": champion.outcome}


def _named(champion: ChampionRow) -> dict[str, Any]:
    return {"digest": champion.digest, "promoted_at": champion.promoted_at}


def _is_of(noted: dict[str, Any], champion: ChampionRow) -> bool:
    """Whether a note is about this promotion, and not about an earlier one of the same version."""
    promoted_at = noted.get("promoted_at", champion.promoted_at)  # earlier workers did not note it
    return (noted.get("digest"), promoted_at) == (champion.digest, champion.promoted_at)


def _counted(before: Mapping[str, int], answers: Sequence[ServiceAnswer]) -> dict[str, int]:
    """Add up how many contacts were answered, and how many answers rest on inputs that the training did not know."""
    counts = Counter(before)
    for seen in (seen for answer in answers for seen in answer.predictions):
        if seen.status == "ok":
            counts["answered"] += 1
            counts.update(_COUNTED[code] for code in seen.data_quality if code in _COUNTED)
        elif seen.status == "insufficient_data":
            counts["insufficient"] += 1
    return dict(counts)


def _is_stale(answer: ServiceAnswer) -> bool:
    return any("stale_events" in seen.data_quality for seen in answer.predictions)
