"""What a version keeps beside its report for its card and for the choice of a cut-off: aggregates of held-out frames.

Nothing of a single contact is in it: counts and means by score, and figures of groups of 20 contacts or more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.contracts.outcome import Outcome
from shared.contracts.rows import Microseconds, denies_profiling
from shared.evaluation.calibration import percentiles, placed
from shared.features.names_in_words import attribute_name, event_name
from shared.features.phrases import column_in_words
from shared.learners.simple import Vector, chance
from shared.store import AccountStore
from shared.timeline import Pasts
from shared.timeline.pasts import known_since
from shared.training.group_figures import attribute_groups, figures_of_groups

Figures = dict[str, Any]
FORMAT: Final = 1
"""Of the evidence; a reader of a later one still reads this."""
SCORES: Final = 99
TOP_FIFTH: Final = 80
"""The lowest score of the fifth with the highest scores: the cut at which groups are compared."""


@dataclass(frozen=True, slots=True)
class JudgedFrames:
    """The frames that every figure comes from, as the candidate that would have served answered them."""

    labels: Vector
    """1.0 where the outcome came, shape (n,)."""
    margin: Vector
    """Calibrated log-odds, shape (n,)."""
    owner: NDArray[np.int32]
    """Row of the contact in the pasts, shape (n,)."""
    cutoff: NDArray[np.int64]
    """Microseconds, shape (n,)."""

    @property
    def scores(self) -> NDArray[np.intp]:
        """Return the percentile of each frame among all of them, 1 to 99, shape (n,)."""
        return placed(percentiles(self.margin), self.margin)


def outcome_evidence(
    pasts: Pasts,
    held_out: JudgedFrames,
    *,
    question: str,
    importance: Sequence[tuple[str, float]],
    people: Mapping[str, int],
    excluded: str | None = None,
) -> Figures:
    """Summarise what a card and a choice of a cut-off need.

    Args:
        pasts: of the account.
        held_out: the frames that figures come from.
        question: what the model answers, in words.
        importance: of the report.
        people: how many contacts were asked about, and how many not, by reason.
        excluded: the attribute that is the outcome itself.
    """
    return {
        **plain_evidence(question, importance, people),
        "scores": score_counts(held_out.labels, chance(held_out.margin), held_out.scores, held_out.owner),
        "groups": group_evidence(pasts, held_out, excluded=excluded),
    }


def group_evidence(pasts: Pasts, held_out: JudgedFrames, *, excluded: str | None = None) -> Figures:
    """Judge groups of contacts by their attributes.

    Args:
        pasts: of the account.
        held_out: the frames that figures come from.
        excluded: the attribute that is the outcome itself.
    """
    groups = attribute_groups(pasts, held_out.owner, held_out.cutoff, excluded=excluded)
    top = held_out.scores >= TOP_FIFTH
    figures = figures_of_groups(groups, held_out.labels, held_out.margin, top, held_out.owner)
    return {"from_score": TOP_FIFTH, "attributes": figures}


def plain_evidence(question: str, importance: Sequence[tuple[str, float]], people: Mapping[str, int]) -> Figures:
    """Summarise what every capability can say."""
    return {
        "format": FORMAT,
        "question": question,
        "people": dict(people),
        "features": [{"name": name, "words": column_in_words(name), "share": share} for name, share in importance],
    }


def score_counts(
    labels: Vector, probability: Vector, scores: NDArray[np.intp], owner: NDArray[np.integer[Any]]
) -> Figures:
    """Count frames and positives by score, and what is needed to say how sure each cut-off is.

    Args:
        labels: 0.0 or 1.0, shape (n,).
        probability: calibrated, shape (n,).
        scores: 1 to 99, shape (n,).
        owner: contact of each row, shape (n,).

    Returns:
        By score 1 to 99: frames, positives, mean chance. And by cut-off ("this score or more") the sums over contacts
        of positives squared, positives times frames, and frames squared: a contact's frames resemble each other.
    """
    _, group = np.unique(owner, return_inverse=True)
    width = SCORES + 1
    frames = np.bincount(scores, minlength=width)[1:]
    positives = np.bincount(scores, weights=labels, minlength=width)[1:]
    total = np.bincount(scores, weights=probability, minlength=width)[1:]
    squares: dict[str, list[int]] = {"positives": [], "both": [], "frames": []}
    contacts: list[int] = []
    for cut in range(1, width):
        kept = scores >= cut
        n = np.bincount(group[kept], minlength=int(group.max()) + 1).astype(np.float64)
        hits = np.bincount(group[kept], weights=labels[kept], minlength=len(n))
        squares["positives"].append(int(hits @ hits))
        squares["both"].append(int(hits @ n))
        squares["frames"].append(int(n @ n))
        contacts.append(int(np.count_nonzero(n)))
    return {
        "frames": frames.tolist(),
        "positives": positives.astype(int).tolist(),
        "chance": [round(float(t / n), 6) if n else None for t, n in zip(total, frames, strict=True)],
        "contacts_from": contacts,
        "squares_from": squares,
    }


def people_counts(store: AccountStore, pasts: Pasts, owner: NDArray[np.int32], last: Microseconds) -> dict[str, int]:
    """Count who was learned from and who was not, by reason.

    Args:
        store: of the account, for those who refused.
        pasts: everybody who may be learned from.
        owner: contacts of all frames.
        last: the last cutoff asked about.
    """
    in_question = np.zeros(len(pasts), dtype=bool)
    in_question[owner] = True
    too_new = ~in_question & (known_since(pasts) >= last)
    refused = sum(group.contacts for group in store.data_report.contact_groups() if denies_profiling(group.consent))
    return {
        "learned_from": int(in_question.sum()),
        "refused_profiling": refused,
        "too_new": int(too_new.sum()),
        "not_in_question": int((~in_question & ~too_new).sum()),
    }


def scoring_question(outcome: Outcome, event_type: str | None, horizon_days: int | None) -> str:
    """Say what a score answers.

    >>> won = Outcome(name="customer", capability="scoring", event_types=("order_placed",), horizon_days=30)
    >>> scoring_question(won, "order_placed", 30)
    'How likely is an order from this contact within the next 30 days?'
    """
    if event_type is None:
        return f"How likely is it that this contact has {_flag(outcome)}?"
    return (
        f"How likely is {with_article(event_name(event_type))} from this contact within the next {horizon_days} days?"
    )


def churn_question(outcome: Outcome, waited_for: Sequence[str], horizon_days: int | None, *, contractual: bool) -> str:
    """Say what a churn risk answers."""
    if not waited_for:
        return f"How likely is this contact to leave ({_flag(outcome)})?"
    names = [event_name(name) for name in waited_for]
    if contractual:
        return f"How likely is {with_article(' or '.join(names))} by this contact within the next {horizon_days} days?"
    return f"How likely is it that no {' or '.join(names)} comes from this contact in the next {horizon_days} days?"


def _flag(outcome: Outcome) -> str:
    return f"{attribute_name(outcome.attribute or outcome.name)}: {outcome.positive or 'yes'}"


def with_article(words: str) -> str:
    """Write an indefinite article before a noun.

    >>> with_article("order"), with_article("won deal"), with_article('"demo watched"')
    ('an order', 'a won deal', 'a "demo watched"')
    """
    return f"{'an' if words.lstrip(chr(34))[:1].lower() in 'aeiou' else 'a'} {words}"
