"""What the API says of models and outcomes, in the words of a page."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from shared.values.words import event_name

_TRUST: Final[Mapping[str, tuple[str, str]]] = {
    "A": ("yes", "In the test it surely knew much more than the best plain rule."),
    "B": ("yes", "In the test it surely knew more than the best plain rule."),
    "C": (
        "care",
        "In the test it was better than the best plain rule, but not by much, or on few contacts only: use the order "
        "in which it puts contacts, and do not rely on a single chance.",
    ),
    "D": (
        "no",
        "In the test it was not proven to be better than a plain rule, such as days since the last order: do not act "
        "on it yet. More contacts, more history or another question may help.",
    ),
}
ASSESSMENTS: Final[Mapping[str, tuple[str, str]]] = {
    "holds": ("good", "as promised"),
    "chances_off": ("warn", "order right, chances off"),
    "worse": ("bad", "worse than promised"),
    "not_enough": ("", "too early to say"),
    "not_measured": ("", "not measured yet"),
}
"""Kind of chip and words for how a model does on what happened afterwards."""
DRIFT: Final[Mapping[str, tuple[str, str]]] = {
    "measured": ("good", "no"),
    "first_round": ("", "too early to say"),
    "too_few": ("", "too few contacts to say"),
    "stale_events": ("warn", "no new events come in"),
    "not_counted": ("", "not counted"),
}
"""Kind of chip and words for whether contacts are still like those it learned from."""
ACTIONS: Final[Mapping[str, str]] = {
    "trained": "trained",
    "refused": "kept from answering: it was not proven to be as good",
    "promoted": "answers since then",
    "rolled_back": "answers again",
    "training_failed": "training failed",
    "training_cancelled": "training cancelled",
    "promotion_failed": "promotion failed",
    "rollback_failed": "rollback failed",
}
_ACTORS: Final[Mapping[str, str]] = {
    "command line": "the command line",
    "schedule": "the schedule",
    "drift": "the schedule, because contacts had changed",
    "system": "Foretell itself",
}


class Trust(NamedTuple):
    """Whether a model can be trusted."""

    level: str
    """`yes`, `care` or `no`."""
    reasons: list[str]

    @property
    def words(self) -> str:
        """Return the answer in a few words."""
        return {"yes": "Yes", "care": "With care", "no": "Not yet"}[self.level]

    @property
    def kind(self) -> str:
        """Return the kind of note that it is."""
        return {"yes": "good", "care": "warn", "no": "bad"}[self.level]


class Changed(NamedTuple):
    """Whether contacts are still like those that a version learned from."""

    has_changed: bool
    kind: str
    """Of chip."""
    words: str
    sentences: str


def changed(unknown: Mapping[str, Any] | None, drift: Mapping[str, Any] | None) -> Changed:
    """Answer whether contacts have changed since a version learned: either measure says so, as for the schedule.

    Args:
        unknown: how many answers rest on inputs outside all that it was shown, as `input_drift` says; None: not
            counted yet.
        drift: how far the spread of inputs and answers has moved, as `/models/{name}/quality` says; None: not yet.

    >>> changed(None, None).words, changed(None, {"has_drifted": True, "status": "measured", "text": "..."}).words
    ('not looked at yet', 'yes: train again')
    """
    sentences = []
    if unknown is not None and unknown["has_drifted"]:
        share = f"{unknown['drifted_share']:.0%}"
        sentences.append(f"{share} of its latest answers rest on inputs outside all that it was shown.")
    if drift is not None and drift["has_drifted"]:
        sentences.append(drift["text"])
    if sentences:
        return Changed(True, "bad", "yes: train again", " ".join(sentences))
    if drift is not None:
        kind, words = DRIFT.get(drift["status"], ("", drift["status"].replace("_", " ")))
        return Changed(False, kind, words, drift["text"])
    words = "not looked at yet" if unknown is None else "too early to say"
    return Changed(False, "", words, "The worker looks once a day, when it scores all contacts.")


def trust(
    grade: str, quality: Mapping[str, Any] | None = None, *, comes_true: bool = True, has_changed: bool = False
) -> Trust:
    """Answer whether a version can be trusted, and why.

    Args:
        grade: of its test.
        quality: how it does since, as `/models/{name}/quality` says; None: it does not answer yet.
        comes_true: whether what it says can come true, as a chance can; a group or an hour cannot.
        has_changed: whether contacts are not what they were when it learned.

    >>> trust("B").words, trust("B", {"verdict": "worse"}).words
    ('Yes', 'With care')
    """
    level, first = _TRUST[grade]
    if quality is None:
        return Trust(level, [first])
    if not comes_true:
        return _unless_changed(level, [first], has_changed=has_changed)
    since, lowers = {
        "holds": ("What it predicted since then came true as often as it said.", False),
        "chances_off": (
            "Since then it put contacts into the right order, but its chances are too high or too low.",
            True,
        ),
        "worse": ("Since then it did worse than the test promised: train it again.", True),
    }.get(quality["verdict"], ("Too little of what it predicted is over to say more than the test did.", False))
    level = "care" if lowers and level == "yes" else level
    return _unless_changed(level, [first, since], has_changed=has_changed)


def _unless_changed(level: str, reasons: list[str], *, has_changed: bool) -> Trust:
    if not has_changed:
        return Trust(level, reasons)
    since = "Contacts are not what they were when it learned: train it again."
    return Trust("care" if level == "yes" else level, [*reasons, since])


def assessment_words(assessment: str) -> tuple[str, str]:
    """Return the kind of chip and the words for an assessment.

    >>> assessment_words("holds")
    ('good', 'as promised')
    """
    return ASSESSMENTS.get(assessment, ("", assessment.replace("_", " ")))


def actor_words(actor: str) -> str:
    """Name who did something.

    >>> actor_words("schedule"), actor_words("ab12")
    ('the schedule', 'key ab12')
    """
    return _ACTORS.get(actor, f"key {actor}")


def outcome_words(outcome: Mapping[str, Any]) -> str:
    """Say in words what an outcome asks.

    >>> outcome_words({"event_types": ["order_placed"], "horizon_days": 30})
    'Who has an order within 30 days?'
    >>> outcome_words({"silence": ["order_placed", "page_viewed"], "horizon_days": 90})
    'Who has no order or page view for 90 days?'
    >>> outcome_words({"attribute": "Converted", "positive": None})
    'For whom does “Converted” say yes?'
    >>> outcome_words({"attribute": "stage", "positive": "won"})
    'For whom does “stage” say “won”?'
    """
    if outcome.get("attribute"):
        value = outcome.get("positive")
        return f"For whom does “{outcome['attribute']}” say {f'“{value}”' if value else 'yes'}?"
    if outcome.get("silence"):
        return f"Who has no {_named(outcome['silence'])} for {outcome['horizon_days']} days?"
    if not outcome.get("event_types"):
        return "Who is about to leave?"
    event = _named(outcome["event_types"])
    article = "an" if event.lstrip('"')[:1] in "aeiou" else "a"
    return f"Who has {article} {event} within {outcome['horizon_days']} days?"


def _named(types: list[str]) -> str:
    return " or ".join(event_name(name) for name in types)
