"""Whether an outcome names something that no contact has, and which names are near."""

from collections.abc import Collection
from difflib import get_close_matches

from shared.contracts.outcome import Outcome
from shared.values.naming import same_name_key

MOST_NEAR = 3


def mistyped(outcome: Outcome, *, attributes: Collection[str], types: Collection[str]) -> str:
    """Say that no contact has what an outcome names, with near names; empty where some do.

    Args:
        outcome: as defined.
        attributes: that contacts have.
        types: of the events that contacts have.

    >>> mistyped(Outcome(name="a", capability="scoring", attribute="Convertd"), attributes=["Converted"], types=[])
    "No contact has an attribute 'Convertd'; near: 'Converted'."
    """
    wanted: tuple[str, ...]
    if outcome.attribute:
        what, wanted, known = "an attribute", (outcome.attribute,), attributes
    else:
        what, wanted, known = "an event of type", outcome.event_types or outcome.silence, types
    moments = [one.event_type for one in outcome.at]
    found = [_unknown(what, wanted, known), *(_unknown("an event of type", (name,), types) for name in moments)]
    return " ".join(dict.fromkeys(one for one in found if one))


def _unknown(what: str, wanted: tuple[str, ...], known: Collection[str]) -> str:
    if not wanted or set(wanted) & set(known):
        return ""
    by_key = {same_name_key(name): name for name in sorted(known)}
    near = dict.fromkeys(
        by_key[key] for name in wanted for key in get_close_matches(same_name_key(name), by_key, n=MOST_NEAR)
    )
    named = " or ".join(f"'{name}'" for name in wanted)
    if near:
        return f"No contact has {what} {named}; near: {', '.join(map(repr, [*near][:MOST_NEAR]))}."
    return f"No contact has {what} {named}, nor one with a similar name."
