"""Attributes that training would not learn from, by training's own functions, and those that may know the outcome."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from shared.contracts.data_report import Finding, FindingCode, Severity
from shared.contracts.defaults import FILLED_AUC, LEAST_CONTACTS
from shared.contracts.outcome import Outcome
from shared.data_report.account_data import AccountData
from shared.data_report.findings import command, finding, is_about
from shared.data_report.requirements import used_outcomes
from shared.features import LeftOut, learn
from shared.features.feature import as_text
from shared.features.learn import Unused, is_dated
from shared.timeline import Pasts
from shared.timeline.pasts import Frames, entry_at, flat_frames
from shared.values.words import as_listed, is_missing, speaks_of_the_outcome

_CODES: Final[dict[Unused, tuple[FindingCode, Severity]]] = {
    "undated": ("attribute_undated", "warns"),
    "personal": ("attribute_personal", "informs"),
    "few_values": ("attribute_rare", "informs"),
    "running_number": ("attribute_row_number", "informs"),
    "distinct": ("attribute_distinct", "informs"),
    "constant": ("attribute_constant", "informs"),
    "copy": ("attribute_copy", "informs"),
}
_LEFT_OUT = "It is not learned from."
_NOTHING = "Nothing is to be done."


def of_attributes(data: AccountData) -> Iterator[Finding]:
    """Find the attributes that are of no use, those that are personal, and those that may leak."""
    outcomes = used_outcomes(data)
    without_events = _attributes_alone(data.pasts)
    everybody = np.arange(len(data.pasts), dtype=np.int32)
    own = {outcome.attribute for outcome in outcomes if outcome.attribute}
    learned = learn(without_events, everybody, np.full(len(everybody), data.now), excluded=own, dated_only=False)
    unused = {left.name for left in learned.left_out}
    for left in learned.left_out:
        yield _unused(data, left, outcomes)
    for name, stored in data.pasts.attributes.items():
        if name in unused or name in own:
            continue
        dated = [one for one in outcomes if one.attribute is None and is_about(one, name) and name not in one.allowed]
        if dated and not is_dated(stored):
            yield _undated(data, name, dated)
        yield from _leaks(data, name, outcomes)


def _attributes_alone(pasts: Pasts) -> Pasts:
    """Take the same contacts without their events: what is asked is only how attributes are read."""
    none = np.empty(0, np.int32)
    return Pasts(
        pasts.contact_ids, pasts.known, pasts.created_at, pasts.zones, pasts.consents,
        np.zeros(len(pasts) + 1, np.int64), np.empty(0, np.int64), none, np.empty(0), none, none, none, (), (), (),
        pasts.attributes,
    )  # fmt: skip


def _unused(data: AccountData, left: LeftOut, outcomes: list[Outcome]) -> Finding:
    code, severity = _CODES[left.code] if left.code else ("attribute_rare", "informs")
    about = [one for one in outcomes if is_about(one, left.name)]
    remedy, runs = _NOTHING, None
    if left.code == "few_values" and not _any_value(data.pasts, left.name):
        code = "attribute_empty"
    if left.code in ("few_values", "constant"):
        remedy = "Import its values, or leave the column out."
        runs = command(data, "import", "--check", "--contacts", "contacts.csv")
    elif left.code == "personal" and about:
        remedy = "Nothing is to be done; if it is lawful and names nobody, allow it for an outcome."
        runs = _answer(data, about[0], "--allow", left.name)
    elif left.remedy:
        remedy = f"Import it again with {left.remedy.removeprefix('foretell import ')}."
        runs = command(data, "import", "--check", "--contacts", "contacts.csv")
    return finding(
        code, severity, f"{left.name}: {left.reason} (of {len(data.pasts):,} contacts looked at).",
        _LEFT_OUT if data.is_whole or left.code == "personal" else f"Perhaps: {_LEFT_OUT}", remedy,
        command=runs, subject=left.name, affects=[(one.capability, one.name) for one in about],
    )  # fmt: skip


def _any_value(pasts: Pasts, name: str) -> bool:
    return any(not is_missing(value) and as_text(value) for value in pasts.attributes[name].value)


def _undated(data: AccountData, name: str, outcomes: list[Outcome]) -> Finding:
    return finding(
        "attribute_undated", "warns", f"{name}: not dated: nobody said since when it holds.",
        "It is not learned from for outcomes that are events: it may have been written after them.",
        "If it has always held, as a country does, say so; else import it with a column valid_from.",
        command=command(data, "import", "--static", as_listed(name)), subject=name,
        affects=[(one.capability, one.name) for one in outcomes],
    )  # fmt: skip


def _leaks(data: AccountData, name: str, outcomes: list[Outcome]) -> Iterator[Finding]:
    for outcome in outcomes:
        if not is_about(outcome, name) or name in outcome.allowed:
            continue
        frames = flat_frames(outcome, data.pasts, data.now) if outcome.attribute else None
        area = 0.5 if frames is None else filled_auc(data.pasts, name, frames)
        if area >= FILLED_AUC:
            yield finding(
                "attribute_leaks", "warns",
                f"{name}: being filled in alone predicts {outcome.name} with an AUC of {area:.2f}.",
                "Training leaves it out and asks: it may have been filled in with the outcome, or after it.",
                "Say whether it is known before the outcome: --forbid if not, --allow if it is.",
                command=_answer(data, outcome, "--forbid", name), subject=name,
                affects=[(outcome.capability, outcome.name)],
            )  # fmt: skip
        elif speaks_of_the_outcome(name):
            yield finding(
                "attribute_may_leak", "warns", f"{name}: its name speaks of something that happens with the outcome.",
                "Training measures it, and leaves it out when it predicts too well.",
                "Say whether it is known before the outcome: --forbid if not, --allow if it is.",
                command=_answer(data, outcome, "--forbid", name), subject=name,
                affects=[(outcome.capability, outcome.name)],
            )  # fmt: skip


def _answer(data: AccountData, outcome: Outcome, option: str, name: str) -> str:
    return command(data, "outcomes", "set", outcome.name, "--capability", outcome.capability, option, name)


def filled_auc(pasts: Pasts, name: str, frames: Frames) -> float:
    """Measure how well being filled in alone ranks frames, folded to 0.5..1.

    For one yes or no the area under the curve is `1/2 + |share filled of positives - of negatives| / 2`. Under 40
    contacts of either kind nothing is said: 0.5.
    """
    stored = pasts.attributes[name]
    entry = entry_at(stored, frames.contact, frames.cutoff)
    filled = np.array([row >= 0 and not is_missing(stored.value[row]) for row in entry], dtype=bool)
    reached = frames.label == 1
    if min(np.count_nonzero(reached), np.count_nonzero(~reached)) < LEAST_CONTACTS:
        return 0.5
    return float(0.5 + abs(filled[reached].mean() - filled[~reached].mean()) / 2)
