"""Measure a model of an account: its logged predictions against what happened, beside what its tests promised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foretell.live_quality.assessment import day, judged, judged_by, waits
from foretell.live_quality.figures import figures, reliability
from foretell.live_quality.joined import MOST_ROWS, Joined, Vector, joined
from foretell.live_quality.outcome_rules import OutcomeRule, outcome_rules_of
from foretell.live_quality.weeks import counted, named
from shared.capabilities import Capability, capability
from shared.change_detection.account_messages import quality_dropped
from shared.contracts.message import Message
from shared.contracts.model_quality import (
    LiveFigure,
    ModelQuality,
    NotCompared,
    Promise,
    VersionQuality,
    WeekQuality,
)
from shared.contracts.rows import DAY, Microseconds, instant_of
from shared.store import AccountStore, VersionRow

WEEKS = 53
"""Cutoffs of so many weeks are looked at."""
_NO_OUTCOME: Mapping[str, str] = {
    "segment": "Segments come true or not for nobody; by week there is who was in which, and who moved.",
    "slot": "Whether people engage more at the hours that were recommended is not measured here: nobody says which "
    "sends followed a recommendation. An experiment measures it: POST /experiments.",
}


def measure(
    store: AccountStore, line: Capability, outcome: str, *, now: Microseconds, most: int = MOST_ROWS
) -> ModelQuality:
    """Compare a model's predictions of the last year with what happened.

    Args:
        store: of the account.
        line: of the capability table.
        outcome: empty where the capability has none.
        now: nothing after it exists.
        most: predictions held at once; beyond, contacts are sampled.

    Raises:
        UnknownOutcome: the outcome is not defined any more.
    """
    newest = store.events.newest_at()
    until = 0 if newest is None else min(now, newest + 1)
    since = now - (WEEKS + 1) * 7 * DAY
    versions = store.models.versions(line.name, outcome)
    if not line.per_outcome:
        return _without_outcome(store, line, versions, since=since, until=until, now=now)
    # The longest horizon is looked back further, so that a year of predictions is over.
    rules = outcome_rules_of(store, store.outcomes.require(line.name, outcome), versions)
    since -= max(rule.horizon for rule in rules.values())
    found = joined(store, (line.name, outcome), rules, since=since, until=until, now=now, most=most)
    champion = store.models.champion(line.name, outcome)
    read = _Measured(found, {row.version: row for row in versions}, rules, until, now)
    return read.quality(None if champion is None else champion.version)


def _without_outcome(
    store: AccountStore,
    line: Capability,
    versions: Sequence[VersionRow],
    *,
    since: Microseconds,
    until: Microseconds,
    now: Microseconds,
) -> ModelQuality:
    weeks = (
        counted(store.models.quality.logged_predictions(line.name, "", since=since, at=now))
        if line.main_change == "segment"
        else []
    )
    return ModelQuality(
        measured_at=instant_of(now),
        complete_until=instant_of(until) if until else None,
        horizon_days=versions[0].horizon_days if versions else None,
        verdict="not_measured",
        judged_version=None,
        text=_NO_OUTCOME.get(line.main_change, "Nothing that happens says whether its answers were right."),
        all_versions=None,
        versions=[],
        weeks=[],
        segment_weeks=weeks[-WEEKS:],
        left_out=NotCompared(repeated=0, not_stored=0, without_probability=0, learned_from=0, reached_before=0),
    )


@dataclass(frozen=True, slots=True)
class _Measured:
    """What was read of a model, to be put into figures."""

    found: Joined
    catalogue: Mapping[str, VersionRow]
    rules: Mapping[str, OutcomeRule]
    until: Microseconds
    now: Microseconds

    def quality(self, champion: str | None) -> ModelQuality:
        """Put it into figures and words."""
        constant = self._constant()
        versions = [self._version(name, constant) for name in self._named(champion)]
        measured = [one.live for one in versions if one.live is not None]
        about, text = _of_model(versions, champion)
        weeks = self._weeks(constant)
        left = self.found.left_out
        current = None if champion is None else self.catalogue.get(champion)
        return ModelQuality(
            measured_at=instant_of(self.now),
            complete_until=instant_of(self.until) if self.until else None,
            horizon_days=None if current is None else current.horizon_days,
            verdict="not_enough" if about is None else about.verdict,
            judged_version=None if about is None else about.version,
            text=text,
            all_versions=measured[0] if len(measured) == 1 else figures(self.found.rows, constant),
            versions=versions,
            weeks=weeks,
            segment_weeks=[],
            left_out=NotCompared(**{name: left[name] for name in NotCompared.model_fields}),
        )

    def _constant(self) -> Vector:
        """Return what a guess says of each prediction: the rate among those whom its version learned from."""
        rows = self.found.rows
        rates = np.full(len(self.found.versions), np.nan)
        for place, name in enumerate(self.found.versions):
            row = self.catalogue.get(name)
            rate = None if row is None else row.report.get("data", {}).get("base_rate")
            rates[place] = np.nan if rate is None else float(rate)
        if not len(rows):
            return np.empty(0)
        seen = float(rows.weight @ rows.label / rows.weight.sum())
        return np.where(np.isnan(rates), seen, rates)[rows.version]

    def _named(self, champion: str | None) -> list[str]:
        """List the versions with predictions, and the champion, the newest first."""
        names = {*self.found.versions} | ({champion} if champion else set())
        return sorted(names, key=self._age, reverse=True)

    def _age(self, name: str) -> tuple[int, str]:
        row = self.catalogue.get(name)
        return (0 if row is None else row.trained_at, name)

    def _version(self, name: str, constant: Vector) -> VersionQuality:
        found, row = self.found, self.catalogue.get(name)
        place = found.versions.index(name) if name in found.versions else -1
        mine = found.rows.version == place
        rows = found.rows.take(mine)
        live, promised = figures(rows, constant[mine]), None if row is None else promise(row)
        closes = found.next_closes.get(name)
        rule = self.rules.get(name, self.rules[""])
        newest = day(self.until) if self.until else "no day"
        waiting = waits(closes, now=self.now, newest=newest, by_attribute=rule.flag is not None)
        verdict, text = judged(promised, live, waiting=waiting)
        by_which = judged_by(rule, self.rules[""], is_known=row is not None)
        return VersionQuality(
            version=name,
            horizon_days=rule.horizon // DAY,
            verdict=verdict,
            text=f"{text} {by_which}" if by_which else text,
            promised=promised,
            live=live,
            reliability=reliability(rows),
            open=found.open[name],
            next_closes_at=None if closes is None else instant_of(closes),
        )

    def _weeks(self, constant: Vector) -> list[WeekQuality]:
        rows, weeks = self.found.rows, []
        pairs = np.unique(np.stack([rows.week, rows.version]), axis=1).T.tolist() if len(rows) else []
        for week, place in pairs:
            mine = (rows.week == week) & (rows.version == place)
            live = figures(rows.take(mine), constant[mine])
            name, starts_on = named(week)
            if live is not None:
                version = self.found.versions[place]
                weeks.append(WeekQuality(week=name, starts_on=starts_on, version=version, figures=live))
        return weeks


def _of_model(versions: Sequence[VersionQuality], champion: str | None) -> tuple[VersionQuality | None, str]:
    """Return whose verdict is that of the model, and its text: the champion's, else the newest that can be judged."""
    current = next((one for one in versions if one.version == champion), None)
    judged_ones = [one for one in versions if one.verdict in ("holds", "chances_off", "worse")]
    if current in judged_ones or not judged_ones:
        about = current or next(iter(versions), None)
        return about, "It has predicted nothing yet." if about is None else about.text
    about = judged_ones[0]
    now = "" if current is None else f" Version {champion}, which answers now: {current.text}"
    return about, f"Version {about.version}: {about.text}{now}"


def promise(row: VersionRow) -> Promise:
    """Read what the test of a version's training said."""
    data = row.report.get("data", {})
    names = [name for name in Promise.model_fields if name != "base_rate"]
    return Promise(
        base_rate=data.get("judged_base_rate", data.get("base_rate")),
        **{name: _estimate(row.figures.get(name)) for name in names},
    )


def _estimate(figure: Any) -> LiveFigure | None:
    if isinstance(figure, Mapping):
        return LiveFigure.model_validate({name: figure.get(name) for name in LiveFigure.model_fields})
    return None if figure is None else LiveFigure(value=float(figure), low=None, high=None)


def dropped(quality: ModelQuality) -> VersionQuality | None:
    """Return the version that decides the verdict, if it is worse than promised."""
    about = next((one for one in quality.versions if one.version == quality.judged_version), None)
    return about if about is not None and about.verdict == "worse" else None


def measured(store: AccountStore, line: str, outcome: str, *, now: Microseconds) -> ModelQuality:
    """Measure a model, keep what was found, and report a version that is worse than promised, once.

    Args:
        store: of the account.
        line: name of the capability.
        outcome: empty where the capability has none.
        now: nothing after it exists.
    """
    found = measure(store, capability(line), outcome, now=now)
    before: Any = store.models.quality.find(line, outcome) or {}
    reported = list(before.get("reported", ()))
    message = _message(found, line, outcome, at=now)
    worse = dropped(found)
    # In this order: after a crash the message is made again, and is the same one.
    if message is not None and worse is not None and worse.version not in reported:
        store.deliveries.outbox.publish([message], at=now)
        reported.append(worse.version)
    store.models.quality.put(line, outcome, {"report": found.model_dump(mode="json"), "reported": reported}, at=now)
    return found


def _message(found: ModelQuality, line: str, outcome: str, *, at: Microseconds) -> Message | None:
    worse = dropped(found)
    skill = None if worse is None or worse.promised is None else worse.promised.skill_over_constant
    if worse is None or skill is None or skill.value is None:
        return None
    return quality_dropped(line, outcome, worse, promised=skill.value, at=at)
