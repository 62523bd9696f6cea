"""One call: who may get what, with which chance, what is drawn, and how it is said. Pure but for the random numbers."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.messages.model.advice import ChosenMessage, MessageAdvice, RunnerUpMessage
from services.messages.model.candidates import CandidateLists, Held, held_candidates
from services.messages.model.catalogue import NONE, Mask, Recent
from services.messages.model.consideration import Codes, Consideration, Matrix
from services.messages.model.frequency import Considered, Pressed, nothing_reason
from services.messages.model.policy import equal_chances
from services.messages.model.pressure import send_chances
from services.messages.model.reasons import drawn_reason, gone_reason, reasons_of
from services.messages.schemas import MessagePlace
from shared.contracts.decision import DecisionArm, DecisionRow
from shared.contracts.holdout import Holdout
from shared.contracts.prediction import Source, Status
from shared.contracts.rows import SECOND, Microseconds

Vector = NDArray[np.float64]
SURE = 1.959964
"""Standard deviations of a 95 % interval."""
NOTHING_DETAIL = "No message is worth what it risks: send nothing now."
CONTROL_DETAIL = "The contact is in the control group of messages: send nothing."


class Weighings(NamedTuple):
    """Messages weighed against nothing, for those whom a policy chooses for."""

    found: Considered
    place_of: Codes
    """(k,) which of them each contact is; NONE: nothing is no candidate."""


class Filled(NamedTuple):
    """What is chosen for one place, for every contact in turn."""

    slot: str
    eligible: Mask
    """(k,) whether any message is for the contact."""
    open: Mask
    """(k, messages) what caps and pauses leave of them."""
    chances: Matrix
    """(k, messages) given the arm."""
    code: Codes
    """(k,) what is chosen; NONE: nothing is open."""
    nothing: Mask
    """(k,) whether the contact gets nothing: for the sake of comparison, or as no message is worth it."""
    sending: Vector
    """(k,) chance that anything is sent, given the arm; of who is held back, 1 where it would have been sent."""
    held_back: Mask
    """(k,) whether the contact gets nothing for the sake of comparison."""
    weighed: Weighings | None = None
    """None: nothing was no candidate."""

    def pressed(self, place: int) -> Pressed | None:
        """Return what is said of a contact's mails; None: nothing."""
        if self.weighed is None or self.weighed.place_of[place] == NONE:
            return None
        return self.weighed.found.of(int(self.weighed.place_of[place]))

    def is_held_back(self, place: int) -> bool:
        """Whether a contact of the control group gets nothing: nothing else could be chosen."""
        return bool(self.held_back[place])

    def propensity(self, place: int) -> float:
        """Return the chance of what was chosen for a contact."""
        if self.is_held_back(place):
            return 1.0
        sending = float(self.sending[place])
        return 1.0 - sending if self.nothing[place] else float(self.chances[place, self.code[place]])

    def listed(self, place: int, messages: tuple[str, ...]) -> tuple[str, ...]:
        """List what could be chosen for a contact: nothing is the empty text, and comes first."""
        return messages if self.sending[place] == 1.0 else ("", *messages)


@dataclass
class Choosing:
    """Chooses for some contacts of a call."""

    considered: Consideration
    rows: Codes
    """Of the call, shape (k,)."""
    contact_ids: Sequence[str]
    """(k,)"""
    at: Microseconds
    version: str
    random: Callable[[int], Vector] | None
    """Draws numbers from 0 to 1; None: what is likeliest is chosen."""
    eligible: Mask = field(init=False)
    control: Mask = field(init=False)
    """(k,) whether each contact is of the control group."""
    filled: list[Filled] = field(init=False, default_factory=list)
    _places: Sequence[tuple[MessagePlace, Mask]] = field(init=False)
    _before: list[Matrix] = field(init=False)
    """By place, the chances before caps and pauses: what costs time is computed before others have to wait."""

    def __post_init__(self) -> None:
        """Compute what depends on nothing that others may change meanwhile."""
        considered = self.considered
        self._places = considered.places
        self.eligible = considered.eligible[self.rows]
        self.control = control_group(self.contact_ids, considered.catalogue.salt, considered.request.control_share)
        self._before = [considered.chances(self.rows, self.eligible & mask) for _, mask in self._places]

    def choose(self, recent: Recent, held: Held) -> list[DecisionRow]:
        """Choose a message for each contact and place that has no decision.

        Args:
            recent: what contacts got lately.
            held: decisions that hold.

        Returns:
            New decisions; of what is only previewed none.
        """
        cap = self.considered.request.contact_cap_per_week
        eligible = self.eligible & np.any([mask for _, mask in self._places], axis=0)
        recent = self.considered.catalogue.as_if_sent(
            self.contact_ids, recent, eligible=eligible, held_back=self.control
        )
        blocked = self.considered.catalogue.blocked(self.contact_ids, recent, at=self.at, contact_cap=cap)
        self.filled = [
            self._with_frequency(self._filled(place, mask, before, blocked, held), recent, held)
            for (place, mask), before in zip(self._places, self._before, strict=True)
        ]
        if self.random is None:
            return []
        made, known = list[DecisionRow](), set(held)
        for one in self.filled:
            made += self._decisions(one, known)
        return made

    def _filled(self, place: MessagePlace, mask: Mask, before: Matrix, blocked: Mask | None, held: Held) -> Filled:
        eligible = self.eligible & mask
        open_: Mask = eligible.copy() if blocked is None else eligible & ~blocked
        for row, codes in held_candidates(self.contact_ids, place.slot, held, self.considered.catalogue):
            open_[row] = False
            open_[row, codes] = True
        chances, changed = before.copy(), np.flatnonzero((open_ != eligible).any(axis=1))
        chances[changed] = self.considered.chances(self.rows[changed], open_[changed])
        chances[self.control] = equal_chances(open_[self.control])
        code = np.full(len(chances), NONE)
        some = np.flatnonzero(open_.any(axis=1))
        if len(some):
            likely = chances[some]
            code[some] = likely.argmax(axis=1) if self.random is None else drawn(likely, self.random(len(some)))
        nothing = self.control & self.considered.request.control_gets_nothing
        some_eligible = np.asarray(eligible.any(axis=1))
        return Filled(place.slot, some_eligible, open_, chances, code, nothing, np.ones(len(chances)), nothing)

    def _with_frequency(self, filled: Filled, recent: Recent, held: Held) -> Filled:
        """Let nothing be chosen instead of a message, where it is worth more; of who is held back, say whether."""
        frequency, policy = self.considered.frequency, self.considered.policy
        if frequency is None or policy is None:
            return filled
        places = np.flatnonzero(filled.open.any(axis=1) & (~self.control | filled.held_back))
        if not len(places):
            return filled
        rows = self.rows[places]
        reward = np.where(filled.open[places], policy.expected(self.considered.design[rows]), -np.inf).max(axis=1)
        weighed = frequency.weighed(rows, [self.contact_ids[one] for one in places.tolist()], recent, reward)
        sending, place_of = np.ones(len(self.rows)), np.full(len(self.rows), NONE)
        sending[places] = send_chances(weighed.weighed.pays)
        for place in places.tolist() if held else ():
            kept = held.get((self.contact_ids[place], filled.slot))
            sending[place] = sending[place] if kept is None else kept.sending
        idle = sending < 0.5
        if self.random is not None:
            idle[places] = self.random(len(places)) >= sending[places]
        # Who is held back is asked about again as soon as others to whom nothing is sent.
        sending[filled.held_back & ~idle] = 1.0
        place_of[places] = np.where(filled.held_back[places], NONE, np.arange(len(places)))
        return filled._replace(
            chances=filled.chances * sending[:, None],
            nothing=filled.held_back | idle,
            sending=sending,
            weighed=Weighings(weighed, place_of),
        )

    def _decisions(self, filled: Filled, known: set[tuple[str, str]]) -> list[DecisionRow]:
        request, ids = self.considered.request, self.considered.catalogue.ids
        prefix, candidates = id_prefix(self.at), CandidateLists(ids)
        made = []
        for place, (name, code) in enumerate(zip(self.contact_ids, filled.code.tolist(), strict=True)):
            if code == NONE or (name, filled.slot) in known:
                continue
            known.add((name, filled.slot))
            nothing, listed = bool(filled.nothing[place]), candidates.of(filled.open[place])
            made.append(
                DecisionRow(
                    decision_id=prefix + secrets.token_hex(8),
                    contact_id=name,
                    outcome=self.considered.outcome,
                    slot=filled.slot,
                    campaign_id=request.campaign_id or "",
                    message_id=None if nothing else ids[code],
                    arm=DecisionArm.control.value if self.control[place] else DecisionArm.policy.value,
                    propensity=filled.propensity(place),
                    candidates=("",) if filled.is_held_back(place) else filled.listed(place, listed),
                    version=self.version,
                    decided_at=self.at,
                    sending=float(filled.sending[place]),
                )
            )
        return made

    def advice(self, decided: Held) -> list[MessageAdvice]:
        """Say what was chosen, in the order of the contacts.

        Args:
            decided: what holds now; a preview says of the others what is likeliest.
        """
        per_place = [self._chosen(one, decided) for one in self.filled]
        return [
            self._advice(place, [found for each in per_place if (found := each[place]) is not None])
            for place in range(len(self.rows))
        ]

    def _advice(self, place: int, chosen: Sequence[ChosenMessage]) -> MessageAdvice:
        considered, row = self.considered, int(self.rows[place])
        status = self._status(place, chosen)
        idle = status == "ok" and all(one.message is None for one in chosen)
        has_slots = considered.request.slots is not None
        made = MessageAdvice(
            status=status,
            detail=CONTROL_DETAIL if status == "control" else NOTHING_DETAIL if idle else None,
            chosen=chosen,
            campaign_id=considered.request.campaign_id,
            has_slots=has_slots,
            source=self._source(place, chosen) if status == "ok" else None,
            truncated=considered.truncated[row],
            inputs=considered.inputs[row],
            considered=considered,
            row=row,
        )
        wanted = considered.request.reasons_requested
        if status == "ok" and wanted and not has_slots:
            self._explain(made, place, chosen[0], wanted)
        return made

    def _status(self, place: int, chosen: Sequence[ChosenMessage]) -> Status:
        if any(one.message is not None or one.arm != DecisionArm.control.value for one in chosen):
            return "ok"
        if chosen:
            return "control"
        return "capped" if any(one.eligible[place] for one in self.filled) else "none_eligible"

    def _source(self, place: int, chosen: Sequence[ChosenMessage]) -> Source:
        if self.considered.policy is None or all(one.arm == DecisionArm.control.value for one in chosen):
            return "default"
        return "model" if self.considered.known[self.rows[place]] else "population"

    def _explain(self, made: MessageAdvice, place: int, chosen: ChosenMessage, most: int) -> None:
        """Add why just this message: what it promises more than an average one, or that it was drawn."""
        considered, filled = self.considered, self.filled[0]
        code = considered.catalogue.code_of.get(chosen.message or "", NONE)
        open_ = np.flatnonzero(filled.open[place])
        made.margin = made.base = 0.0
        if chosen.message is None:
            if chosen.pressed is not None:
                made.reasons = [nothing_reason(chosen.pressed, chosen.propensity)][:most]
                made.margin = made.reasons[0].contribution
        elif code == NONE:
            made.reasons = [gone_reason(chosen)][:most]
        elif considered.policy is None or considered.learned is None or chosen.arm != DecisionArm.policy.value:
            made.reasons = [drawn_reason(chosen, len(open_), untrained=considered.policy is None)][:most]
        else:
            made.reasons, made.margin = reasons_of(considered, made.row, code, open_, chosen, most)

    def _chosen(self, filled: Filled, decided: Held) -> list[ChosenMessage | None]:
        """Return what each contact gets in a place; None: nothing could be chosen."""
        rows = [decided.get((name, filled.slot)) for name in self.contact_ids]
        code = np.array(
            [
                own if row is None else self.considered.catalogue.code_of.get(row.message_id or "", NONE)
                for row, own in zip(rows, filled.code.tolist(), strict=True)
            ],
            dtype=np.intp,
        )
        about = _Promises.of(self.considered, self.rows, filled, code)
        found: list[ChosenMessage | None] = []
        for place, row in enumerate(rows):
            previewed = self.random is None and row is None and filled.code[place] != NONE
            if row is None and not previewed:
                found.append(None)
            elif (row.message_id is None) if row is not None else bool(filled.nothing[place]):
                found.append(self._nothing(filled, place, row))
            else:
                found.append(self._one(filled, place, row, int(code[place]), about))
        return found

    def _nothing(self, filled: Filled, place: int, row: DecisionRow | None) -> ChosenMessage:
        own_arm = DecisionArm.control.value if self.control[place] else DecisionArm.policy.value
        return ChosenMessage(
            filled.slot,
            None if row is None else row.decision_id,
            arm=own_arm if row is None else row.arm,
            propensity=filled.propensity(place) if row is None else row.propensity,
            pressed=filled.pressed(place),
        )

    def _one(self, filled: Filled, place: int, row: DecisionRow | None, code: int, about: "_Promises") -> ChosenMessage:
        own_arm = DecisionArm.control.value if self.control[place] else DecisionArm.policy.value
        expected, interval = about.of_chosen(place)
        return ChosenMessage(
            slot=filled.slot,
            decision_id=None if row is None else row.decision_id,
            message=self.considered.catalogue.ids[code] if row is None else row.message_id,
            arm=own_arm if row is None else row.arm,
            propensity=float(filled.chances[place, code]) if row is None else row.propensity,
            expected_reward=expected,
            interval=interval,
            runner_ups=about.runner_ups(place),
            pressed=filled.pressed(place),
        )


@dataclass(frozen=True)
class _Promises:
    """What the chosen message and the others promise each contact of a place."""

    ids: Sequence[str]
    expected: Matrix | None
    """(k, messages); None: nothing is learned."""
    interval: tuple[Vector, Vector] | None
    code: Codes
    chances: Matrix
    others: Codes
    """(k, runner-ups) codes, the most promising first."""
    are_open: Mask
    """(k, runner-ups) whether it could have been chosen at all."""

    @classmethod
    def of(cls, considered: Consideration, rows: Codes, filled: Filled, code: Codes) -> "_Promises":
        policy = considered.policy
        expected = interval = None
        if policy is not None and len(policy.ids):
            expected = policy.expected(considered.design[rows])
            interval = policy.interval(considered.design[rows], np.maximum(code, 0), sure=SURE)
        others, are_open = _most_promising(
            filled.chances if expected is None else expected, filled.open, code, considered.request.runner_ups
        )
        return cls(considered.catalogue.ids, expected, interval, code, filled.chances, others, are_open)

    def of_chosen(self, place: int) -> tuple[float | None, tuple[float, float] | None]:
        """Return what is expected of the chosen message, with its interval."""
        code = int(self.code[place])
        if self.expected is None or self.interval is None or code == NONE:
            return None, None
        low, high = self.interval
        return float(self.expected[place, code]), (float(low[place]), float(high[place]))

    def runner_ups(self, place: int) -> list[RunnerUpMessage]:
        """List the others that could have been chosen."""
        return [
            RunnerUpMessage(
                self.ids[code],
                None if self.expected is None else float(self.expected[place, code]),
                float(self.chances[place, code]),
            )
            for code, is_open in zip(self.others[place].tolist(), self.are_open[place].tolist(), strict=True)
            if is_open
        ]


def _most_promising(worth: Matrix, open_: Mask, code: Codes, most: int) -> tuple[Codes, Mask]:
    """Return the codes of the other open messages that are worth most, and whether each is open at all."""
    most = min(most, worth.shape[1])
    left = np.where(open_, worth, -np.inf)
    left[np.arange(len(left))[code >= 0], code[code >= 0]] = -np.inf
    if not most:
        nothing = np.empty((len(left), 0))
        return nothing.astype(np.intp), nothing.astype(bool)
    if most < left.shape[1]:
        near = np.argpartition(-left, most - 1, axis=1)[:, :most]
        order = np.lexsort((near, -np.take_along_axis(left, near, axis=1)), axis=1)
        top = np.take_along_axis(near, order, axis=1)
    else:
        top = np.argsort(-left, axis=1, kind="stable")
    return top, np.take_along_axis(left, top, axis=1) > -np.inf


def drawn(chances: Matrix, numbers: Vector) -> Codes:
    """Draw a column of each row by its chances.

    Args:
        chances: each row sums to 1, or to 0, shape (k, messages).
        numbers: from 0 to 1, shape (k,).

    >>> drawn(np.array([[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]]), np.array([0.6, 0.999])).tolist()
    [2, 1]
    """
    sums = np.cumsum(chances, axis=1)
    place = (sums <= numbers[:, None] * sums[:, -1:]).sum(axis=1)
    # A number that is as good as 1 must not lead behind the last column that has a chance.
    last = chances.shape[1] - 1 - (chances[:, ::-1] > 0).argmax(axis=1)
    found: Codes = np.minimum(place, last).astype(np.intp)
    return found


def control_group(contact_ids: Sequence[str], salt: str, share: float) -> Mask:
    """Return who is compared with: by salt and id alone, the same in each call, shape (k,)."""
    if not salt or share <= 0:
        return np.zeros(len(contact_ids), dtype=bool)
    holds = Holdout("messages", salt, share, "messages", "", 0, None).holds
    return np.fromiter((holds(one) for one in contact_ids), bool, len(contact_ids))


def id_prefix(at: Microseconds) -> str:
    """Return how ids of decisions begin that are made at an instant: they sort by time.

    >>> id_prefix(1_780_272_000_000_000)
    'd-019e807aec00-'
    """
    return f"d-{at * 1_000 // SECOND:012x}-"
