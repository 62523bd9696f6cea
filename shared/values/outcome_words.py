"""Columns whose name speaks of what happens with the outcome, or after it: call durations, lost reasons, statuses."""

import re

_WORD_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
_NAMED = re.compile(
    r"\b(call|talk|last contact|conversation) ?(duration|length|time|seconds|minutes)\b"
    r"|^duration\b|\bduration (of|in)\b|\blead profile\b"
    r"|\blast (notable )?(activity|touch|interaction|action|step|status|engagement)\b"
    r"|\b(lead|deal|sales|opportunity|account|pipeline|lifecycle|funnel) (quality|status|stage|state|rating|grade)\b"
    r"|\b(close|closed|closing|won|lost|conversion|converted|signed) ?(date|on|at|day|time|by|reason)?$"
    r"|\b(lost|win|won|loss|churn|cancell?ation|exit|leaving|closing) reason\b|\breason (for|of) "
    r"|\b(tags?|disposition|follow ?up|next step|sales notes?)\b|\b(outcome|result)\b"
    r"|\b(cancell?ed|churned|left|resigned|terminated) ?(date|on|at)?$"
)
_EARLIER = re.compile(r"\b(prev|previous|prior|earlier|past)\b")


def speaks_of_the_outcome(name: str) -> bool:
    """Whether a column's name speaks of something that usually happens with the outcome, or after it.

    >>> speaks_of_the_outcome("Last Notable Activity"), speaks_of_the_outcome("closeDate")
    (True, True)
    >>> speaks_of_the_outcome("previous_outcome"), speaks_of_the_outcome("marital status")
    (False, False)
    """
    words = " ".join(_WORD_BREAK.split(name)).lower().strip()
    return bool(_NAMED.search(words)) and not _EARLIER.search(words)
