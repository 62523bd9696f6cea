"""The model of a version: from pasts and a wish to the best instant of each contact. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model import storing
from services.sendtime.model.activity import Activity
from services.sendtime.model.asking import Advice, Valued, Wish
from services.sendtime.model.choosing import Usual, chosen, spread
from services.sendtime.model.columns import NAMES, activity_stages, known
from services.sendtime.model.history import Acts, Sends, acts_of, seen_before, sends_of
from services.sendtime.model.judges import ByActivity, ByAnswers, Judge
from services.sendtime.model.saying import Tally
from services.sendtime.model.timing import Timing
from services.sendtime.model.week import HOURS, Matrix, Vector
from services.sendtime.model.windows import candidates, why_none
from services.sendtime.model.zones import Zones, said_of
from shared.contracts.prediction import Grade
from shared.contracts.rows import DAY, HOUR
from shared.features import Feature, truncated
from shared.learners.simple import chance
from shared.timeline import Pasts
from shared.timeline.pasts import LOOKBACK_DAYS

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

    def advise(self, pasts: Pasts, cutoffs: NDArray[np.int64], wish: Wish) -> list[Advice]:
        """Choose for each contact when to send.

        Args:
            pasts: one row a contact.
            cutoffs: microseconds, shape (n,).
            wish: window, rules and what is wanted of the answer.

        Returns:
            One answer a contact, in order; `no_slot` where nothing of the window is allowed.
        """
        if not len(pasts):
            return []
        zones, sources = self.zones.of(pasts, cutoffs)
        timing = self._timing(wish)
        judge = self._judge(pasts, cutoffs, zones, timing, wish)
        usual = None if timing is None or timing.varied else Usual(timing.usual_hour)
        advice: dict[int, Advice] = {}
        for zone in dict.fromkeys(zones):
            rows = np.array([row for row, name in enumerate(zones) if name == zone], dtype=np.int64)
            allowed = candidates(zone, wish.rules)
            if len(allowed):
                found = chosen(judge, zone, rows, allowed, wish, usual=usual)
            else:
                found = [Advice("no_slot", why_none(wish.rules, now=int(cutoffs[rows[0]])))] * len(rows)
            advice.update(zip(rows.tolist(), found, strict=True))
        long = truncated(pasts, np.arange(len(pasts), dtype=np.int32), cutoffs).tolist()
        said = [NOT_LEARNED] if wish.engagement is not None and timing is None else []
        engagement = None if timing is None else timing.engagement
        answers = []
        for row, (noted, cut) in enumerate(zip(said_of(sources), long, strict=True)):
            one = spread(advice[row], pasts.contact_ids[row], wish)
            quality = (*said, *noted, *one.data_quality)
            answers.append(replace(one, data_quality=quality, truncated=cut, engagement=engagement))
        return answers

    def _timing(self, wish: Wish) -> Timing | None:
        engagement = wish.engagement or self.default
        return None if engagement is None else self.timings.get(engagement)

    def _judge(
        self, pasts: Pasts, cutoffs: NDArray[np.int64], zones: Sequence[str], timing: Timing | None, wish: Wish
    ) -> Judge:
        acts = acts_of(pasts, zones)
        if timing is None:
            return self._by_activity(acts, cutoffs)
        return self._by_answers(timing, sends_of(pasts, zones, timing.engagement), acts, pasts.campaigns, cutoffs, wish)

    def _by_answers(
        self,
        timing: Timing,
        sends: Sends,
        acts: Acts,
        campaigns: Sequence[str],
        cutoffs: NDArray[np.int64],
        wish: Wish,
    ) -> Judge:
        n, response = len(cutoffs), timing.response
        contact = np.arange(n, dtype=np.int32)
        asked = -1 if wish.campaign is None else response.campaign_code(wish.campaign)
        found = known(
            response,
            self.activity,
            sends,
            acts,
            contact=contact,
            cutoff=cutoffs,
            campaign=np.full(n, asked, dtype=np.int64),
            code_of=response.codes_of(campaigns),
        )
        seen = seen_before(sends, contact, cutoffs, closed=DAY)
        return ByAnswers(timing, found, Tally.of_sends(sends, seen, n, timing.engagement))

    def _by_activity(self, acts: Acts, cutoffs: NDArray[np.int64]) -> Judge:
        n = len(cutoffs)
        contact = np.arange(n, dtype=np.int32)
        stages = activity_stages(self.activity, acts, contact, cutoffs)
        tally = Tally.of_acts(acts, seen_before(acts, contact, cutoffs), n)
        return ByActivity(stages, self.activity.pooling.strength, len(self.activity.group_share) > 1, tally)

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Return the attributes that say in which zone a contact is."""
        return tuple(self.zones.by_attribute)

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns of `predict_matrix`."""
        return NAMES

    def predict_matrix(self, values: Matrix) -> Vector:
        """Turn rows laid out by `matrix_of` into chances, or shares where only activity is known, shape (n,)."""
        if self.default is not None:
            return chance(self.timings[self.default].margins(values))
        slot = (values[:, NAMES.index("weekday")] * HOURS + values[:, NAMES.index("hour")]).astype(np.int64)
        share: Vector = self.activity.population[slot] * np.exp(values[:, NAMES.index("active_then")])
        return share

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
        storing.save(folder, described, self.activity, self.timings)

    @staticmethod
    def load(folder: Path) -> "SendTimeModel":
        """Read what `save` wrote.

        Raises:
            ArtifactRefused: a file is missing, damaged, or made for another release.
        """
        described, activity, timings = storing.load(folder)
        try:
            return SendTimeModel(
                grade=described["grade"],
                trained_at=datetime.fromisoformat(described["trained_at"]),
                zones=Zones(described["zones"]["account"], described["zones"]["by_attribute"]),
                activity=activity,
                timings=timings,
                default=described["default"],
            )
        except storing.UNREADABLE as error:
            raise storing.damaged() from error

    def valued(self, pasts: Pasts, cutoffs: NDArray[np.int64], wish: Wish) -> Valued:
        """Tell what every allowed hour promises every contact, for a plan.

        Args:
            pasts: one row a contact.
            cutoffs: microseconds, shape (n,).
            wish: window and rules.
        """
        zones, _ = self.zones.of(pasts, cutoffs)
        judge = self._judge(pasts, cutoffs, zones, self._timing(wish), wish)
        first = wish.rules.not_before // HOUR
        width = max(0, -(-wish.rules.not_after // HOUR) - first)
        value = np.full((len(pasts), width), -1.0, dtype=np.float32)
        at = np.zeros((len(pasts), width), dtype=np.int64)
        for zone in dict.fromkeys(zones):
            rows = np.array([row for row, name in enumerate(zones) if name == zone], dtype=np.int64)
            allowed = candidates(zone, wish.rules)
            if not len(allowed):
                continue
            slots, place = np.unique(allowed.slot, return_inverse=True)
            column = allowed.at // HOUR - first
            value[np.ix_(rows, column)] = chance(judge.margins(rows, slots))[:, place]
            at[np.ix_(rows, column)] = allowed.at
        return Valued(value, at, tuple(zones), first * HOUR, judge.is_chance)
