"""Experiments: assignments are committed before the answer; the report reads what really happened."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from services.sendtime.model.experiment import (
    ARMS,
    CONTROL,
    TREATMENT,
    ArmOutcomes,
    ArmShares,
    drawn,
    inverse_propensity,
)
from services.sendtime.model.history import sends_of
from services.sendtime.model.query import Advice, Draw, When
from services.sendtime.schemas import SendTimeRequest
from shared.contracts.engagement import ENGAGEMENTS, SENT
from shared.contracts.rows import DAY, HOUR, Microseconds, instant_of, microseconds
from shared.errors import NotFound
from shared.lift.intervals import Rate, difference, needed_an_arm, wilson
from shared.serving.capability_spec import PendingResponse
from shared.store import AssignmentRow
from shared.timeline import build

CONTROL_DETAIL = "Control of the experiment: send at your `default_send_at`."
BATCH = 1_000
Pending = PendingResponse[SendTimeRequest, Advice]


def assign_arms(pending: Pending) -> Sequence[Advice]:
    """Draw and commit the arms of an experiment; other calls keep nothing."""
    request = pending.request
    if request.purpose != "experiment" or request.campaign_id is None or request.default_send_at is None:
        return pending.results
    split = ArmShares(request.control_share, request.exploration_share)
    default = microseconds(request.default_send_at)
    rows = {
        name: _row(request.campaign_id, name, advice, split, default, pending)
        for name, advice in zip(pending.contact_ids, pending.results, strict=True)
        if advice.best is not None
    }
    held = pending.account.experiments.assignments.add(request.campaign_id, list(rows.values()), since=pending.erasures)
    return [
        _with_arm(advice, held[name]) if name in held else advice
        for name, advice in zip(pending.contact_ids, pending.results, strict=True)
    ]


def _row(
    campaign: str, contact_id: str, advice: Advice, split: ArmShares, default: Microseconds, pending: Pending
) -> AssignmentRow:
    """Draw from the instants that were open to choice; spreading inside the hour stays with the model's choice."""
    instants = [when.at for when in advice.allowed]
    best = _place(instants, advice)
    own = instants.index(default) if default in instants else None
    draw = drawn(campaign, contact_id, split, best=best, default=own, allowed=len(instants))
    policy_at = advice.best.when.at if advice.best is not None else instants[best]
    at = default if draw.place is None else (policy_at if draw.place == best else instants[draw.place])
    return AssignmentRow(
        campaign_id=campaign,
        contact_id=contact_id,
        arm=draw.arm,
        propensity=draw.propensity,
        send_at=at,
        policy_at=policy_at,
        default_send_at=default,
        engagement=advice.engagement or "",
        version=pending.version,
        assigned_at=pending.asked_at,
    )


def _place(instants: Sequence[Microseconds], advice: Advice) -> int:
    """Find the model's choice among the allowed instants, also when it was moved inside its hour."""
    at = 0 if advice.best is None else advice.best.when.at
    return max(0, int(np.searchsorted(np.array(instants), at, side="right")) - 1)


def _with_arm(advice: Advice, row: AssignmentRow) -> Advice:
    """Answer what was assigned, now or when the contact first came."""
    draw = Draw(row.campaign_id, row.arm, row.propensity)
    if row.arm == CONTROL:
        return replace(advice, status="control", detail=CONTROL_DETAIL, draw=draw)
    if advice.best is None or advice.best.when.at == row.send_at:
        return replace(advice, draw=draw)
    when = next((one for one in advice.allowed if one.at == row.send_at), None)
    if when is None:
        offset = advice.best.when.local_at - advice.best.when.at
        when = When(row.send_at, row.send_at + offset, advice.best.when.zone, advice.best.when.slot)
    # What the drawn instant promises is not what the model would have chosen: nothing is claimed of it.
    best = advice.best._replace(when=when, probability=None, activity_share=None)
    return replace(advice, probability=None, best=best, lift=None, reasons=[], margin=advice.base, draw=draw)


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """What is known of an experiment now."""

    account: Any
    """The account's store."""
    campaign: str
    now: Microseconds
    lift: float

    def members(self) -> dict[str, Any]:
        """Read assignments and what really happened, and judge.

        Raises:
            NotFound: nobody was assigned to this campaign.
        """
        assigned, engagement, outcomes = self._read()
        rates = {arm: _rate(outcomes, arm) for arm in ARMS}
        control, treated = rates[CONTROL], rates[TREATMENT]
        both = bool(outcomes.of(CONTROL).any() and outcomes.of(TREATMENT).any())
        gain = difference(treated, control) if both else None
        return {
            "campaign_id": self.campaign,
            "engagement": engagement,
            "assigned": assigned,
            "due": len(outcomes.arm),
            "arms": [_arm(outcomes, arm, rates[arm]) for arm in ARMS],
            "difference": None if gain is None else _share(gain),
            "lift": gain.value / control.value if gain is not None and control.value else None,
            "if_all_as_the_model": _share_or_none(inverse_propensity(outcomes, outcomes.as_policy)),
            "if_all_at_default": _share_or_none(inverse_propensity(outcomes, outcomes.as_default)),
            "to_prove": self._proof(outcomes, control),
            "verdict": _conclusion(gain),
            "reported_at": instant_of(self.now),
        }

    def _read(self) -> tuple[int, str, ArmOutcomes]:
        """Read how many were assigned, what counts as an answer, and what became of those whose day is over.

        Of a million contacts only columns are held, and the rows and pasts of a thousand.
        """
        assigned, engagement, parts = 0, "", list[ArmOutcomes]()
        rows: Iterator[AssignmentRow] = self.account.experiments.assignments.of_campaign(self.campaign)
        while page := list(islice(rows, BATCH)):
            engagement = engagement or page[0].engagement or ENGAGEMENTS[0]
            assigned += len(page)
            due = [row for row in page if row.send_at + DAY + HOUR <= self.now]
            parts.append(self._outcomes(due, engagement))
        if not parts:
            raise NotFound("Nobody was assigned to this campaign; ask with `purpose: experiment` first.")
        return assigned, engagement, ArmOutcomes.joined(parts)

    def _outcomes(self, rows: Sequence[AssignmentRow], engagement: str) -> ArmOutcomes:
        sent, engaged, on_time = (np.zeros(len(rows), dtype=bool) for _ in range(3))
        ids = [row.contact_id for row in rows]
        read = self.account.pasts.of(ids, cutoff=self.now, asked_at=self.now)
        mine = [event for event in read.events if event[2] != SENT or event[6] == self.campaign]
        pasts = build(ids, read.facts, [mine])
        found = sends_of(pasts, ["UTC"] * len(ids), engagement)
        for row, assignment in enumerate(rows):
            begin, end = found.offsets[row], found.offsets[row + 1]
            after = begin + int(np.searchsorted(found.at[begin:end], assignment.assigned_at - HOUR))
            if after < end:
                sent[row] = True
                engaged[row] = found.engaged[after:end].max()
                on_time[row] = -HOUR < found.at[after] - assignment.send_at <= HOUR
        return ArmOutcomes(
            arm=np.array([ARMS.index(row.arm) for row in rows], dtype=np.int8),
            engaged=engaged,
            sent=sent,
            on_time=on_time,
            propensity=np.array([row.propensity for row in rows], dtype=np.float64),
            as_policy=np.array([row.send_at == row.policy_at for row in rows], dtype=bool),
            as_default=np.array([row.send_at == row.default_send_at for row in rows], dtype=bool),
        )

    def _proof(self, outcomes: ArmOutcomes, control: Rate) -> dict[str, Any]:
        needed = needed_an_arm(control.value, self.lift)
        more = None
        if needed is not None:
            more = sum(max(0, needed - int(outcomes.of(arm).sum())) for arm in (TREATMENT, CONTROL))
        return {"lift": self.lift, "needed_an_arm": needed, "more_sends": more}


def _rate(outcomes: ArmOutcomes, arm: str) -> Rate:
    rows = outcomes.of(arm)
    return wilson(float(outcomes.engaged[rows].sum()), int(rows.sum()))


def _arm(outcomes: ArmOutcomes, arm: str, rate: Rate) -> dict[str, Any]:
    rows = outcomes.of(arm)
    return {
        "arm": arm,
        "assigned": int(rows.sum()),
        "sent": int(outcomes.sent[rows].sum()),
        "on_time": int(outcomes.on_time[rows].sum()),
        "engaged": int(outcomes.engaged[rows].sum()),
        "rate": _share(rate),
    }


def _share(rate: Rate) -> dict[str, float]:
    return {"value": rate.value, "low": rate.low, "high": rate.high}


def _share_or_none(rate: Rate | None) -> dict[str, float] | None:
    return None if rate is None else _share(rate)


def _conclusion(gain: Rate | None) -> str:
    if gain is None:
        return "Nothing to compare yet: an arm has no contact whose day is over."
    if gain.low > 0:
        return "The model's times bring more, with 95 % confidence."
    if gain.high < 0:
        return "The model's times bring less, with 95 % confidence."
    return "Not decided yet: the interval of the difference holds 0."
