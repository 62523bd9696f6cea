"""Drift of a version, found in a round of scoring: what its contacts look like against its references."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.change_detection.account_messages import drift_detected
from shared.change_detection.compare import ComparedModel
from shared.change_detection.service_answers import InputCounts, ServiceAnswer
from shared.contracts.message import DriftFinding, Message
from shared.contracts.model_drift import DriftStatus, FeatureDrift, ModelDrift, Psi, drift_of
from shared.contracts.rows import Microseconds, instant_of, microseconds
from shared.evaluation.drift import LEAST_CONTACTS, level_of, psi_of_counts
from shared.store import VersionRow

DRIFTED_WEIGHT = 0.2
"""Share of the model's weight in features that have drifted, from which on the version has."""
SCORE_WIDTH = 10
MOST_FEATURES = 500
Counts = dict[str, Any]
Reference = tuple[Sequence[float], Sequence[float] | None]
"""Rows by bin in the frames of training, and in the first round; None: this is that round."""


def counted(before: Mapping[str, Any], answers: Sequence[ServiceAnswer]) -> Counts:
    """Add what some answers say of their contacts to what was counted before; plain values, to be noted.

    Args:
        before: what an earlier call returned; empty at the beginning of a round.
        answers: of services.
    """
    scores, segments = Counter(before.get("scores", {})), Counter(before.get("segments", {}))
    found: Counts = {name: before.get(name, nothing) for name, nothing in (("contacts", 0), ("reference_scores", []))}
    found["features"] = dict(before.get("features", {}))
    for answer in answers:
        for seen in answer.predictions:
            if seen.status == "ok" and seen.score is not None:
                scores[str(seen.score // SCORE_WIDTH)] += 1
            if seen.status == "ok" and seen.segment is not None:
                segments[seen.segment.id] += 1
        if answer.inputs is not None:
            found["contacts"] += answer.inputs.contacts
            found["reference_scores"] = answer.inputs.reference_scores
            _add_features(found["features"], answer.inputs)
    return {**found, "scores": dict(scores), "segments": dict(segments)}


def _add_features(features: dict[str, Any], inputs: InputCounts) -> None:
    for one in inputs.features:
        known = features.get(one.name, {"counts": [0] * len(one.counts), "unseen": 0})
        features[one.name] = {
            **one.model_dump(exclude={"name"}),
            "counts": [total + new for total, new in zip(known["counts"], one.counts, strict=True)],
            "unseen": None if one.unseen is None else known["unseen"] + one.unseen,
        }


@dataclass(frozen=True, slots=True)
class DriftRound:
    """A complete round, to be judged."""

    counts: Mapping[str, Any]
    version: VersionRow
    document: Mapping[str, Any] | None
    """What the store keeps of the version's drift; None: nothing yet."""
    is_stale: bool
    """Whether the account's newest event is old: then everybody looks silent."""
    at: Microseconds

    def judged(self) -> dict[str, Any]:
        """Return what the store is to keep: the report, the first round, and which findings were reported."""
        start = self._start()
        kept = dict(self.document or {})
        status = self._status(start)
        answers, features = self._answers(start), self._features(start)
        weight = min(sum(one.weight for one in features if one.level == "drifted"), 1.0)
        has_drifted = status == "measured" and (
            weight >= DRIFTED_WEIGHT or (answers is not None and answers.level == "drifted")
        )
        report = ModelDrift(
            version=self.version.version,
            measured_at=instant_of(self.at),
            status=status,
            has_drifted=has_drifted,
            drifted_since=instant_of(self._since()) if has_drifted else None,
            text=_text(status, has_drifted=has_drifted, answers=answers, features=features),
            contacts=self._contacts,
            reference_contacts=self._reference_contacts,
            drifted_weight=round(weight, 6),
            answers=answers,
            features=sorted(features, key=_furthest)[:MOST_FEATURES],
        )
        if start is None and status == "first_round":
            kept["start"] = {name: self.counts[name] for name in ("contacts", "scores", "segments", "features")}
        return {**kept, "report": report.model_dump(mode="json"), "reported": kept.get("reported", [])}

    @property
    def _contacts(self) -> int:
        answered = sum(self.counts.get("scores", {}).values()) + sum(self.counts.get("segments", {}).values())
        return max(int(self.counts.get("contacts", 0)), int(answered))

    @property
    def _reference_contacts(self) -> int:
        return int(self.version.report.get("data", {}).get("contacts") or 0)

    def _start(self) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = (self.document or {}).get("start")
        return found

    def _status(self, start: Mapping[str, Any] | None) -> DriftStatus:
        if not self._contacts:
            return "not_counted"
        if self._contacts < LEAST_CONTACTS:
            return "too_few"
        if self.is_stale:
            return "stale_events"
        return "first_round" if start is None else "measured"

    def _since(self) -> Microseconds:
        before = drift_of(self.document)
        since = None if before is None else before.drifted_since
        return self.at if since is None else microseconds(since)

    def _answers(self, start: Mapping[str, Any] | None) -> Psi | None:
        for kind, trained in (("scores", self._scores()), ("segments", self._segments())):
            now = self.counts.get(kind, {})
            if not now:
                continue
            started = None if start is None else start.get(kind, {})
            bins = sorted({*now, *(started or {}), *trained})
            first = None if started is None else [started.get(one, 0) for one in bins]
            then = [trained.get(one, 0.0) for one in bins]
            return Psi(**_compared([now.get(one, 0) for one in bins], (then, first)))
        return None

    def _scores(self) -> dict[str, float]:
        """Return how many contacts of the training had a score of each bin."""
        shares = self.counts.get("reference_scores", ())
        return {str(score): share * self._reference_contacts for score, share in enumerate(shares)}

    def _segments(self) -> dict[str, float]:
        """Return how many contacts of the training were in each segment."""
        listed = self.version.report.get("segments", ())
        return {one["id"]: float(one.get("share") or 0) * self._reference_contacts for one in listed}

    def _features(self, start: Mapping[str, Any] | None) -> list[FeatureDrift]:
        return list(self._each_feature(start)) if self.counts.get("features") else []

    def _each_feature(self, start: Mapping[str, Any] | None) -> Iterator[FeatureDrift]:
        contacts = max(int(self.counts["contacts"]), 1)
        for name, one in self.counts["features"].items():
            then = [share * self._reference_contacts for share in one["reference_shares"]]
            known = None if start is None else start.get("features", {}).get(name)
            yield FeatureDrift(
                feature=name,
                weight=min(max(one["weight"], 0.0), 1.0),
                missing_share=round(one["counts"][-1] / contacts, 6),
                missing_share_reference=min(max(one["reference_shares"][-1], 0.0), 1.0),
                unseen_share=None if one["unseen"] is None else round(one["unseen"] / contacts, 6),
                unseen_share_reference=one["reference_unseen"],
                **_compared(one["counts"], (then, None if known is None else known["counts"])),
            )


def _compared(now: Sequence[float], reference: Reference) -> dict[str, Any]:
    """Compare counts with those of training and of the first round; without the latter nothing has moved yet."""
    then, first = reference
    trained = psi_of_counts(now, then) if sum(then) else None
    started = None if first is None or not sum(first) else psi_of_counts(now, first)
    found = [one for one in (trained, started) if one is not None]
    return {
        "level": "steady" if started is None else level_of(found),
        "psi": None if trained is None else round(trained[0], 4),
        "psi_since_start": None if started is None else round(started[0], 4),
        "by_chance": round(max(chance for _, chance in found), 4) if found else None,
    }


def _furthest(one: FeatureDrift) -> tuple[float, str]:
    known = [psi for psi in (one.psi, one.psi_since_start) if psi is not None]
    return (-min(known, default=0.0), one.feature)


def _text(status: str, *, has_drifted: bool, answers: Psi | None, features: Sequence[FeatureDrift]) -> str:
    """Say in a sentence what was found."""
    if status != "measured":
        return _NOT_MEASURED[status]
    moved = sorted((one for one in features if one.level == "drifted"), key=lambda one: (-one.weight, one.feature))
    named = ", ".join(one.feature for one in moved[:3]) + (f" and {len(moved) - 3} more" if len(moved) > 3 else "")
    weight = sum(one.weight for one in moved)
    if has_drifted:
        parts = ["its answers are spread differently"] if answers is not None and answers.level == "drifted" else []
        parts += [f"{named} ({weight:.0%} of the model) look different"] if moved else []
        return f"It has drifted: {' and '.join(parts)} than in training and when it began to answer. Train it again."
    if moved:
        return f"Steady as a whole; {named} ({weight:.0%} of the model) look different than in training."
    return "Steady: contacts are spread as they were in training, or when it began to answer."


_NOT_MEASURED: Mapping[str, str] = {
    "first_round": "This was the first complete round of the version; later ones are compared with it.",
    "too_few": f"Fewer than {LEAST_CONTACTS} contacts were answered: too few to tell drift from chance.",
    "stale_events": "No new events come, so that everybody looks silent: check what sends events.",
    "not_counted": "The version keeps nothing that contacts could be compared with.",
}


def _findings(document: Mapping[str, Any]) -> dict[str, DriftFinding]:
    """Return what has drifted about a version and was not reported yet, by name: answers, and features that matter."""
    report = drift_of(document)
    if report is None or not report.has_drifted:
        return {}
    moved = [one for one in report.features if one.level == "drifted" and one.weight > 0]
    every: dict[str, DriftFinding] = {
        one.feature: DriftFinding(
            feature=one.feature, psi=one.psi, psi_since_start=one.psi_since_start, weight=one.weight
        )
        for one in moved
    }
    answers = report.answers
    if answers is not None and answers.level == "drifted":
        every[_ANSWERS] = DriftFinding(
            feature=None, psi=answers.psi, psi_since_start=answers.psi_since_start, weight=None
        )
    return {name: one for name, one in sorted(every.items()) if name not in document["reported"]}


_ANSWERS = ""


def drift_message(document: Mapping[str, Any], subject: ComparedModel, *, at: Microseconds) -> Message | None:
    """Return the message about what has drifted; None: there is nothing that was not reported before.

    Args:
        document: what `DriftRound.judged` returned.
        subject: the champion.
        at: now.
    """
    found, report = _findings(document), drift_of(document)
    if not found or report is None:
        return None
    return drift_detected(subject, report.text, findings=list(found.values()), contacts=report.contacts, at=at)


def reported(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document that knows that its findings were reported: for as long as the version answers."""
    return {**document, "reported": sorted({*document["reported"], *_findings(document)})}
