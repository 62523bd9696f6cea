"""The model of a version: from pasts and a query to the best instant of each contact, saved and loaded."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.activity import Activity, Pooling
from services.sendtime.model.history import Acts, Sends, acts_of, seen_before, sends_of
from services.sendtime.model.local_week import (
    DAYS,
    HOURS,
    SLOTS,
    Matrix,
    Vector,
    Zones,
    candidates,
    why_none,
    zone_quality,
)
from services.sendtime.model.query import Advice, SendTimeQuery, Valued
from services.sendtime.model.reasons import SlotCounts
from services.sendtime.model.request_mapping import query_of
from services.sendtime.model.response import Pulling, Response
from services.sendtime.model.slot_choice import ByActivity, ByAnswers, FallbackHour, SlotJudge, chosen, spread
from services.sendtime.model.table import answers, table_inputs, table_outputs
from services.sendtime.model.timing import Timing, activity_stages, known, of_population
from services.sendtime.model.weeks import GroupWeeks, group_weeks, week_values
from services.sendtime.schemas import SendTimeRequest
from shared.contracts.prediction import Grade
from shared.contracts.rows import DAY, HOUR
from shared.errors import ArtifactRefused
from shared.evaluation.calibration import Calibrator
from shared.features import Feature, truncated
from shared.learners.simple import chance
from shared.learners.trees import Trees
from shared.registry.artifact import InputColumn, OutputColumn
from shared.timeline import ContactPasts, Pasts
from shared.timeline.pasts import LOOKBACK_DAYS

FORMAT = 1
Arrays = Mapping[str, NDArray[np.float64]]
_OF_ACTIVITY = ("population", "group_share", "group_hours", "group_days")
_OF_RESPONSE = ("campaign_effect", "slots", "sent", "group_share", "group_hours", "group_days")
UNREADABLE = (OSError, EOFError, KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError, BadZipFile)
"""What reading a damaged JSON or npz file raises."""


def _write_parts(folder: Path, described: Mapping[str, Any], activity: Activity, timings: Mapping[str, Timing]) -> None:
    """Write a version.

    Args:
        folder: made when absent.
        described: what is not an array of a part.
        activity: of the population.
        timings: by engagement.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"activity.{name}": getattr(activity, name) for name in _OF_ACTIVITY}
    for engagement, timing in timings.items():
        arrays |= {f"{engagement}.{name}": getattr(timing.response, name) for name in _OF_RESPONSE}
        if timing.trees is not None:
            (folder / f"{engagement}.txt").write_text(timing.trees.text, encoding="utf-8")
    np.savez(folder / "model.npz", allow_pickle=False, **arrays)
    whole = {
        **described,
        "format": FORMAT,
        "capability": "sendtime",
        "pooling": asdict(activity.pooling),
        "timings": {name: _timing_described(timing) for name, timing in timings.items()},
    }
    (folder / "model.json").write_text(json.dumps(whole, indent=1, sort_keys=True), encoding="utf-8")


def _timing_described(timing: Timing) -> dict[str, Any]:
    response = timing.response
    return {
        "kind": timing.kind,
        "varied": timing.varied,
        "base": response.base,
        "rate": response.rate,
        "campaigns": response.campaigns,
        "pulling": asdict(response.pulling),
        "calibration": {"slope": float(timing.calibrator.slope), "intercept": float(timing.calibrator.intercept)},
        "trees": None if timing.trees is None else timing.trees.to_json(),
    }


def _read_parts(folder: Path) -> tuple[Mapping[str, Any], Activity, dict[str, Timing]]:
    """Read what `_write_parts` wrote.

    Raises:
        ArtifactRefused: a file is missing, damaged, or made for another release.
    """
    try:
        described: Mapping[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        if described["format"] != FORMAT or described["capability"] != "sendtime":
            raise ArtifactRefused("The artifact was made for another release or capability. Train it again.")
        with (folder / "model.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        activity = _activity(described["pooling"], arrays)
        timings = {name: _timing(name, fields, arrays, folder) for name, fields in described["timings"].items()}
        if described["default"] is not None and described["default"] not in timings:
            raise ValueError("the default engagement is missing")
    except UNREADABLE as error:
        raise _damaged() from error
    return described, activity, timings


def _damaged() -> ArtifactRefused:
    """Say that an artifact cannot be read."""
    return ArtifactRefused("The artifact is damaged. Train it again.")


def _activity(pooling: Mapping[str, Any], arrays: Arrays) -> Activity:
    parts = [arrays[f"activity.{name}"] for name in _OF_ACTIVITY]
    k = len(parts[1])
    _require_shapes(parts, ((SLOTS,), (k,), (k, HOURS), (k, DAYS)))
    return Activity(Pooling(**pooling), *parts)


def _timing(name: str, fields: Mapping[str, Any], arrays: Arrays, folder: Path) -> Timing:
    parts = [arrays[f"{name}.{part}"] for part in _OF_RESPONSE]
    campaigns, k = tuple(fields["campaigns"]), len(parts[3])
    _require_shapes(parts, ((len(campaigns),), (SLOTS,), (SLOTS,), (k,), (k, HOURS), (k, DAYS)))
    trees = None
    if fields["trees"] is not None:
        trees = Trees.from_json(fields["trees"], (folder / f"{name}.txt").read_text(encoding="utf-8"))
    calibrator = Calibrator(fields["calibration"]["slope"], fields["calibration"]["intercept"])
    timing = Timing(
        name,
        Response(Pulling(**fields["pulling"]), fields["base"], fields["rate"], campaigns, *parts),
        calibrator,
        trees,
        fields["varied"],
    )
    slot = np.zeros(1, dtype=np.int64)
    # Explained now: whoever is explained first would wait.
    shares, _ = timing.against_population(of_population(timing.response, slot), slot)
    if calibrator.slope <= 0 or not (np.isfinite(timing.population_margins()).all() and np.isfinite(shares).all()):
        raise ValueError("the model answers no number")
    return timing


def _require_shapes(parts: list[NDArray[np.float64]], shapes: tuple[tuple[int, ...], ...]) -> None:
    if any(part.shape != shape or not np.isfinite(part).all() for part, shape in zip(parts, shapes, strict=True)):
        raise ValueError("an array has not the shape or the values it should have")


ACTIVITY = "activity"
NOT_LEARNED = "engagement_not_learned"


@dataclass(frozen=True, slots=True)
class LocalTime:
    """What the shell asks of a feature set: this one always looks at local hours."""

    needs_local_time: bool = True
    features: tuple[Feature, ...] = ()


@dataclass(frozen=True)
class SendTimeModel:
    """A version: how contacts answer, when they are active, and whose clock counts."""

    grade: Grade
    trained_at: datetime
    zones: Zones
    activity: Activity
    timings: Mapping[str, Timing]
    """By engagement; empty where sends are not known."""
    default: str | None
    """The engagement meant when none is named; None where sends are not known."""
    reached_by: tuple[str, ...] = ()
    begun_by: tuple[str, ...] = ()
    lookback_days: int = LOOKBACK_DAYS
    flag: None = None
    horizon_days: int = 1
    feature_set: LocalTime = LocalTime()

    @property
    def kind(self) -> str:
        """What kind of model answers by default."""
        return ACTIVITY if self.default is None else self.timings[self.default].kind

    def is_chance(self, engagement: str | None) -> bool:
        """Whether hours are valued by the chance of an answer; else by the share of activity.

        Args:
            engagement: what counts as an answer; None: the default.
        """
        return self._timing(engagement) is not None

    def answer(self, pasts: ContactPasts, cutoffs: NDArray[np.int64], request: SendTimeRequest) -> list[Advice]:
        """Choose for each contact of a request; see `advise`."""
        return self.advise(pasts.columns, cutoffs, query_of(request, int(cutoffs[0])))

    def advise(self, pasts: Pasts, cutoffs: NDArray[np.int64], query: SendTimeQuery) -> list[Advice]:
        """Choose for each contact when to send.

        Args:
            pasts: one row a contact.
            cutoffs: microseconds, shape (n,).
            query: window, rules and what is wanted of the answer.

        Returns:
            One answer a contact, in order; `no_slot` where nothing of the window is allowed.
        """
        if not len(pasts):
            return []
        zones, sources = self.zones.of(pasts, cutoffs)
        timing = self._timing(query.engagement)
        judge = self._judge(pasts, cutoffs, zones, timing, query)
        fallback = None if timing is None or timing.varied else FallbackHour(timing.usual_hour)
        advice: dict[int, Advice] = {}
        for zone in dict.fromkeys(zones):
            rows = np.array([row for row, name in enumerate(zones) if name == zone], dtype=np.int64)
            allowed = candidates(zone, query.rules)
            if len(allowed):
                found = chosen(judge, zone, rows, allowed, query, fallback=fallback)
            else:
                found = [Advice(status="no_slot", detail=why_none(query.rules, now=int(cutoffs[rows[0]])))] * len(rows)
            advice.update(zip(rows.tolist(), found, strict=True))
        long = truncated(pasts, np.arange(len(pasts), dtype=np.int32), cutoffs).tolist()
        not_learned = [NOT_LEARNED] if query.engagement is not None and timing is None else []
        engagement = None if timing is None else timing.engagement
        answers = []
        for row, (noted, cut) in enumerate(zip(zone_quality(sources), long, strict=True)):
            one = spread(advice[row], pasts.contact_ids[row], query)
            quality = (*not_learned, *noted, *one.data_quality)
            answers.append(replace(one, data_quality=quality, truncated=cut, engagement=engagement))
        return answers

    def _timing(self, engagement: str | None) -> Timing | None:
        meant = engagement or self.default
        return None if meant is None else self.timings.get(meant)

    def _judge(
        self,
        pasts: Pasts,
        cutoffs: NDArray[np.int64],
        zones: Sequence[str],
        timing: Timing | None,
        query: SendTimeQuery,
    ) -> SlotJudge:
        acts = acts_of(pasts, zones)
        if timing is None:
            return self._by_activity(acts, cutoffs)
        return self._by_answers(
            timing, sends_of(pasts, zones, timing.engagement), acts, pasts.campaigns, cutoffs, query
        )

    def _by_answers(
        self,
        timing: Timing,
        sends: Sends,
        acts: Acts,
        campaigns: Sequence[str],
        cutoffs: NDArray[np.int64],
        query: SendTimeQuery,
    ) -> SlotJudge:
        n, response = len(cutoffs), timing.response
        contact = np.arange(n, dtype=np.int32)
        campaign = -1 if query.campaign is None else response.campaign_code(query.campaign)
        found = known(
            response,
            self.activity,
            sends,
            acts,
            contact=contact,
            cutoff=cutoffs,
            campaign=np.full(n, campaign, dtype=np.int64),
            code_of=response.codes_of(campaigns),
        )
        seen = seen_before(sends, contact, cutoffs, closed=DAY)
        return ByAnswers(timing, found, SlotCounts.of_sends(sends, seen, n, timing.engagement))

    def _by_activity(self, acts: Acts, cutoffs: NDArray[np.int64]) -> SlotJudge:
        n = len(cutoffs)
        contact = np.arange(n, dtype=np.int32)
        stages = activity_stages(self.activity, acts, contact, cutoffs)
        counts = SlotCounts.of_acts(acts, seen_before(acts, contact, cutoffs), n)
        return ByActivity(stages, self.activity.pooling.strength, len(self.activity.group_share) > 1, counts)

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Return the attributes that say in which zone a contact is."""
        return tuple(self.zones.by_attribute)

    @property
    def table_inputs(self) -> tuple[InputColumn, ...]:
        """Describe the table that this version answers without the store: a row is a contact and an hour."""
        return table_inputs()

    @property
    def table_outputs(self) -> tuple[OutputColumn, ...]:
        """Describe what it answers to a table."""
        return table_outputs(self._default_timing)

    def answer_table(self, values: Matrix) -> Mapping[str, Any]:
        """Answer rows with the columns of `table_inputs`, by the default engagement."""
        return answers(self._default_timing, self.activity, values)

    def week(self) -> Vector:
        """Return what each slot is worth for an average contact, by the default engagement; see `week_values`."""
        return week_values(self.activity, self._default_timing)

    def group_weeks(self) -> GroupWeeks:
        """Return the same of each group of look-alikes, the largest first."""
        return group_weeks(self.activity, self._default_timing)

    @property
    def usual_hour(self) -> int | None:
        """The local hour that all sends went out at, so that hours cannot be compared; None: they can."""
        timing = self._default_timing
        return None if timing is None or timing.varied else timing.usual_hour

    @property
    def _default_timing(self) -> Timing | None:
        return None if self.default is None else self.timings[self.default]

    def save(self, folder: Path) -> None:
        """Write the version: LightGBM text, JSON, npz; nothing that could run.

        Args:
            folder: made when absent.
        """
        described = {
            "grade": self.grade,
            "trained_at": self.trained_at.isoformat(),
            "default": self.default,
            "zones": {"account": self.zones.account, "by_attribute": self.zones.by_attribute},
        }
        _write_parts(folder, described, self.activity, self.timings)

    @staticmethod
    def load(folder: Path) -> "SendTimeModel":
        """Read what `save` wrote.

        Raises:
            ArtifactRefused: a file is missing, damaged, or made for another release.
        """
        described, activity, timings = _read_parts(folder)
        try:
            return SendTimeModel(
                grade=described["grade"],
                trained_at=datetime.fromisoformat(described["trained_at"]),
                zones=Zones(described["zones"]["account"], described["zones"]["by_attribute"]),
                activity=activity,
                timings=timings,
                default=described["default"],
            )
        except UNREADABLE as error:
            raise _damaged() from error

    def valued(self, pasts: Pasts, cutoffs: NDArray[np.int64], query: SendTimeQuery) -> Valued:
        """Return what every allowed hour promises every contact, for a plan.

        Args:
            pasts: one row a contact.
            cutoffs: microseconds, shape (n,).
            query: window and rules.
        """
        zones, _ = self.zones.of(pasts, cutoffs)
        judge = self._judge(pasts, cutoffs, zones, self._timing(query.engagement), query)
        first = query.rules.not_before // HOUR
        width = max(0, -(-query.rules.not_after // HOUR) - first)
        value = np.full((len(pasts), width), -1.0, dtype=np.float32)
        for zone in dict.fromkeys(zones):
            rows = np.array([row for row, name in enumerate(zones) if name == zone], dtype=np.int64)
            allowed = candidates(zone, query.rules)
            if not len(allowed):
                continue
            slots, place = np.unique(allowed.slot, return_inverse=True)
            value[np.ix_(rows, allowed.at // HOUR - first)] = chance(judge.margins(rows, slots))[:, place]
        return Valued(value, tuple(zones))
