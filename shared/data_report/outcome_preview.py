"""How many contacts would have reached an outcome, before it is trained or even defined."""

from typing import Final

from shared.contracts.data_report import OutcomePreview, Requirement
from shared.contracts.defaults import HORIZONS_NEEDED, LEAST_CONTACTS
from shared.contracts.outcome import Outcome
from shared.data_report.account_sample import AccountSample
from shared.data_report.requirements import meant, of_outcome, outcome_frames, unknown_in

SHORTEST_HORIZON_DAYS: Final = 7
"""A shorter one is not proposed."""


def preview(sample: AccountSample, outcome: Outcome, *, is_named: bool = True) -> OutcomePreview:
    """Count the contacts with and without an outcome as a training would, on those that were read.

    Args:
        sample: of the account.
        outcome: any; an automatic one is chosen from the events of the sample.
        is_named: whether its name means anything; it has none while somebody still thinks about it.
    """
    taken = meant(sample, outcome)
    unknown = unknown_in(sample, taken)
    frames = outcome_frames(sample, taken)
    needed = list(of_outcome(sample, taken, frames, history_days=sample.history_days))
    contacts = [one for one in needed if one.needed != "months_of_history"]
    suffices = None if any(one.met is None for one in contacts) else all(one.met for one in contacts)
    return OutcomePreview(
        capability=taken.capability,
        event_types=[*taken.event_types],
        silence=[*taken.silence],
        attribute=taken.attribute,
        horizon_days=taken.horizon_days,
        contacts=sample.learnable,
        read=len(sample.pasts),
        requirements=needed if is_named else [one.model_copy(update={"outcome": None}) for one in needed],
        suffices=suffices,
        unknown=unknown or None,
        text=_text(sample, taken, contacts, unknown, suffices=suffices, is_framed=bool(len(frames))),
    )


def _text(
    sample: AccountSample,
    outcome: Outcome,
    contacts: list[Requirement],
    unknown: str,
    *,
    suffices: bool | None,
    is_framed: bool,
) -> str:
    if not sample.learnable:
        return "There are no contacts to learn from yet. Load contacts and events first."
    if outcome.is_automatic:
        return "No event tells who stays: load orders, clicks or visits, or name the events whose absence counts."
    about = "" if sample.is_whole else f"about, by {len(sample.pasts):,} of {sample.learnable:,} contacts, "
    reached, not_reached = (_estimate(one) for one in contacts)
    found = f"{about}{reached} reached it and {not_reached} did not; {LEAST_CONTACTS} of each are needed."
    if suffices:
        return f"It can be trained: {found}"
    way = _way_out(sample, outcome, contacts, unknown, is_framed=is_framed)
    parts = (
        [unknown, f"It cannot be trained: {found}", way]
        if suffices is False
        else ["Among those that were read:" if unknown else "", unknown, f"Perhaps it can be trained: {found}"]
    )
    return " ".join(part for part in parts if part)


def _estimate(one: Requirement) -> str:
    contacts = " contacts" if one.needed == "contacts_with_outcome" else ""
    if one.low == one.high:
        return f"{one.found:,.0f}{contacts}"
    low, high = (float(f"{end:.2g}") for end in (one.low, one.high))
    return f"{low:,.0f} to {high:,.0f}{contacts}"


def _way_out(
    sample: AccountSample, outcome: Outcome, contacts: list[Requirement], unknown: str, *, is_framed: bool
) -> str:
    if unknown:
        return "Choose a name or a value that contacts have, or load what it needs."
    days = sample.history_days
    if not is_framed and not outcome.attribute and 0 < days < 2 * outcome.horizon_days:
        shorter = min(days // HORIZONS_NEEDED, outcome.horizon_days - 1)
        fits = shorter >= SHORTEST_HORIZON_DAYS
        shorten = f" Ask about {shorter} days or fewer, or load a longer past." if fits else ""
        return f"The data lasts {days} days, too short to see what happens within {outcome.horizon_days} days.{shorten}"
    if outcome.attribute:
        return "Load more contacts, or choose a value that more of them have and more have not."
    if contacts[0].met is False:
        return "Load more contacts and events, or ask more widely: more days, or a more frequent event."
    again = ""
    if outcome.event_types and outcome.capability != "churn" and not outcome.repeatable:
        again = " Whoever has reached it once is left out from then on: if it can come again, count it each time."
    return f"Load contacts who did not reach it too, or ask more narrowly: fewer days, or a rarer event.{again}"
