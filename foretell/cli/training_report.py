"""A training's report in plain words: what was found, whether it can be trusted, what to do next; then the figures."""

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from foretell.cli.output import aligned
from shared.evaluation.gate import TOO_GOOD_AUC, calibration_holds
from shared.evaluation.metrics import Interval
from shared.features.learn import column_in_words
from shared.values.words import upper

if TYPE_CHECKING:
    from shared.training.versions import Published

Figures = Mapping[str, Any]
MOST_NAMED = 5
_SEVERAL = {"number": "numbers", "date": "dates", "category": "categories", "yes/no": "yes/no"}
GRADES = {
    "A": "much better than the best plain rule",
    "B": "clearly better than the best plain rule",
    "C": "somewhat better than the best plain rule, or little data: use it to put contacts in order",
    "D": "not surely better than a plain rule: check it on a small group before you rely on it",
}
SENDTIME_GRADES = {
    "A": "much better than one hour for everybody",
    "B": "clearly better than one hour for everybody",
    "C": "somewhat better than one hour for everybody, or little data",
    "D": "not surely better than one hour for everybody: try it on a small group first",
}
SEGMENT_GRADES = {
    "A": "the groups hold, and tell much about what comes next",
    "B": "the groups hold, and tell something about what comes next",
    "C": "the groups are usable, but some contacts could as well be in another",
    "D": "the groups are a rough cut: look at them before you rely on them",
}
UPLIFT_GRADES = {
    "A": "to choose for each contact surely brings more than one rule for all",
    "B": "it surely tells whom the treatment changes more; for what to send, one rule for all is as good",
    "C": "the average effect is sure, and no more: do the same for everybody",
    "D": "it is not proven that the treatment changes anything",
}
MOST_IMPORTANT = 5
MOST_LEFT_OUT = 5
_SUSPECT = re.compile(r"(?P<name>.*): (?P<what>(?:being filled in|its value) alone .*)", re.DOTALL)
_AREA = re.compile(r"predicts the outcome with an AUC of (?P<area>0\.\d+|1\.0+)")
_LISTED = ("recall_at_10", "recall_at_10_most_popular")
_LEAVING, _SENDING, _GROUPING, _CHANGING = "churn", "sendtime", "segmentation", "uplift"


def report_lines(published: "Published", name: str, *, details: bool = False) -> list[str]:
    """Lay a training's report out as text.

    Args:
        published: what became of the run.
        name: of the model.
        details: whether every figure and candidate follows.
    """
    report = published.report.to_json()
    capability = [*name.split("."), ""][1]
    parts = [
        ("What was found", [*_found(report, capability)]),
        ("Can it be trusted?", [*_trust(report, capability)]),
        ("To be answered by you", [*_questions(report)]),
        ("Left out", _left_out(report.get("left_out", ()))),
        ("Notes", list(report.get("notes", ()))),
        ("What is next", [*_next(published, report, details=details)]),
    ]
    lines = [f"{name} version {published.version}: grade {report['grade']}"]
    for heading, section in parts:
        if section:
            lines += ["", heading, *(f"  {line}" for line in section)]
    return [*lines, *(["", *_details(report)] if details else [])]


def _found(report: Figures, capability: str) -> Iterator[str]:
    data, figures = report["data"], report["figures"]
    leaves = capability == _LEAVING
    if "positive_contacts" in data:
        had = "left, or fell silent so long, at least once" if leaves else "had the outcome"
        yield f"{data['contacts']:,} contacts were looked at; {data['positive_contacts']:,} of them {had}."
    elif "contacts" in data:
        yield f"{data['contacts']:,} contacts were looked at."
    lift, rate = _middle(figures.get("lift_at_10_percent")), data.get("judged_base_rate")
    if lift is not None and rate is not None:
        top, does = f"{_in_a_hundred(min(lift * rate, 1.0))} in 100", "leave" if leaves else "reach the outcome"
        yield f"Of the tenth with the highest score, {top} {does}, against {_in_a_hundred(rate)} on average."
    if "recall_at_10" in figures:
        yield f"{data['buyers']:,} of them bought {data['items']:,} items that enough contacts bought."
        own, popular = (_in_a_hundred(_middle(figures[name]) or 0.0) for name in _LISTED)
        yield f"Of the items bought next that ten can name, its ten name {own} in 100, the most popular {popular}."
    if "gain_over_equal_chances" in figures:
        yield from _earned(data, figures)
    yield from _rules(report)
    yield from _column_summary(report)
    if report.get("importance") and capability != _SENDING:
        named = dict.fromkeys(column_in_words(one) for one, _ in report["importance"])
        yield f"It looks most at: {'; '.join([*named][:MOST_IMPORTANT])}."
    yield from (f"{one['id']}  {one['name']}: {one['description']}" for one in report.get("segments", ()))


def _rules(report: Figures) -> Iterator[str]:
    """Say what each arm adds, and what each rule would have brought, the best first."""
    for arm in report.get("arms", ()):
        yield f"{arm['name']} ({arm['contacts']:,} contacts) adds {_value(arm['effect'])} a contact."
    if report.get("rules"):
        yield "What each rule would have brought, a contact:"
        ranked = sorted(report["rules"], key=lambda one: -one["value"])
        yield from (f"  {line}" for line in aligned([[one["rule"], _value(one)] for one in ranked]))


def _trust(report: Figures, capability: str) -> Iterator[str]:
    words = {_GROUPING: SEGMENT_GRADES, _SENDING: SENDTIME_GRADES, _CHANGING: UPLIFT_GRADES}.get(capability, GRADES)
    usable = report.get("usable", True)
    if usable:
        yield f"Grade {report['grade']}: {words[report['grade']]}."
    else:
        yield "No: there is no usable signal in this data."
    ranking = _middle(report["figures"].get("auc_within_blocks") or report["figures"].get("auc"))
    if ranking is not None:
        pair = {
            _LEAVING: "contacts, one who leaves and one who stays",
            _SENDING: "e-mails, one that is answered and one that is not",
        }.get(capability, "contacts, one with and one without the outcome")
        yield f"Of two {pair}, it puts the right one first in {_in_a_hundred(ranking)} of 100."
    area = _middle(report["figures"].get("auc"))
    if area is not None and area >= TOO_GOOD_AUC:
        yield "It is too good to be true, though: a column may know the outcome; look at what it looks at most."
    slope = report["figures"].get("calibration_slope")
    if _is_interval(slope) and None not in (slope["low"], slope["high"]):
        yield (
            "The chances are as exact as could be measured: of those with 20 %, about 20 in 100 come true."
            if calibration_holds(Interval(slope["value"], slope["low"], slope["high"]))
            else f"{'The order can be used; the' if usable else 'The'} chances are not exact: do not promise one as a "
            "number."
        )


def _questions(report: Figures) -> Iterator[str]:
    """Ask about each column that may know the future, say what was done, and what either answer is worth."""
    left_out, kept = report.get("leaks", ()), report.get("questioned", ())
    for leak in left_out:
        question, named = _question(leak)
        yield question
        yield f"  It was left out. Yes: train again with --allow {named}. No: --forbid {named}."
    for leak in kept:
        question, named = _question(leak)
        yield question
        yield f"  It was kept. No: train again with --forbid {named}. Yes: --allow {named}."
    figures = report["figures"]
    now, more = _middle(figures.get("auc")), _middle(figures.get("auc_with_suspects"))
    less = _middle(figures.get("auc_without_questioned"))
    first = "Of two contacts the right one comes first in"
    if left_out and now is not None and more is not None:
        yield f"{first} {_in_a_hundred(now)} of 100 without what was left out, in {_in_a_hundred(more)} with it."
    if kept and now is not None and less is not None:
        yield f"{first} {_in_a_hundred(now)} of 100 with what was kept, in {_in_a_hundred(less)} without it."
    if left_out or kept:
        yield "An answer counts for every later training of this outcome."


def _question(leak: str) -> tuple[str, str]:
    """Write the question about a column, and its name as the command line takes it."""
    match = _SUSPECT.match(leak)
    column, what = (match["name"], match["what"]) if match else (leak, leak)
    return f"Is {column} known before the outcome? {upper(_AREA.sub(_in_pairs, what))}.", shlex.quote(column)


def _in_pairs(found: re.Match[str]) -> str:
    return f"puts the right one of two contacts first in {_in_a_hundred(float(found['area']))} of 100"


def _next(published: "Published", report: Figures, *, details: bool) -> Iterator[str]:
    if published.promoted:
        yield f"Promoted: {published.reason}."
        yield "Running services answer with it within 30 seconds; `foretell up` starts them."
    else:
        yield f"Not promoted: {published.reason}."
        if not report.get("usable", True):
            yield "Import more contacts or a longer past, or attributes known before the outcome, and train again."
    if not details:
        yield "Every figure and candidate: the same command with --details."


def _left_out(listed: Sequence[Figures]) -> list[str]:
    """Name what was left out, one line a reason; many at once are counted, and named behind --details."""
    names: dict[tuple[str, str], list[str]] = {}
    for one in listed:
        names.setdefault((one["reason"], one["remedy"] or ""), []).append(one["name"])
    return [f"{_some(found)}: {reason}{f' ({remedy})' if remedy else ''}" for (reason, remedy), found in names.items()]


def _some(names: Sequence[str]) -> str:
    """Name columns: what commands take by its own name, what was made of events in words."""
    shown = [name if upper(words := column_in_words(name)) == words else words for name in names]
    more = len(shown) - MOST_LEFT_OUT
    return ", ".join(shown) if more <= 1 else f"{', '.join(shown[:MOST_LEFT_OUT])} and {more} more"


def _details(report: Figures) -> list[str]:
    left_out = [[one["name"], one["reason"]] for one in report.get("left_out", ())]
    return [
        "Details",
        *aligned([["served by", report["winner"]]]),
        *aligned([[_words(name), _value(value)] for name, value in report["data"].items() if _is_plain(value)]),
        "",
        *([*_column_lines(report), ""] if report.get("columns") else []),
        *([*_candidates(report["candidates"]), ""] if report["candidates"] else []),
        *aligned([[_words(name), _value(value)] for name, value in report["figures"].items()]),
        *(["", "left out", *aligned(left_out)] if left_out and not report.get("columns") else []),
    ]


def _candidates(rows: Sequence[Figures]) -> list[str]:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return aligned([[_words(name) for name in columns], *([_value(row.get(name)) for name in columns] for row in rows)])


def _in_a_hundred(share: float) -> str:
    """Write a share as so many of a hundred.

    >>> _in_a_hundred(0.414), _in_a_hundred(0.0123)
    ('41', '1.2')
    """
    return f"{share * 100:.0f}" if share >= 0.1 or share == 0 else f"{share * 100:.2g}"


def _earned(data: Figures, figures: Figures) -> Iterator[str]:
    """Say what sends brought, and would bring."""
    own, equal = (_middle(figures.get(f"reward_of_{name}")) or 0.0 for name in ("policy", "equal_chances"))
    if data.get("sums_value", True):
        yield f"{data['decisions']:,} sent messages were learned from; a send earned {data['reward']:.3g} on average."
        yield f"By this version a later send would have earned {own:.3g}, by equal chances {equal:.3g}."
        return
    reached = f"{100 * data['reward']:.3g} of 100 reached the outcome"
    yield f"{data['decisions']:,} sent messages were learned from; {reached}."
    would = f"{100 * own:.3g} would have reached it by this version, {100 * equal:.3g} by equal chances"
    yield f"Of 100 later sends {would}."


def _middle(value: Any) -> float | None:
    number: float | None = value["value"] if _is_interval(value) else value
    return number


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (int, float, str))


def _is_interval(value: Any) -> bool:
    return isinstance(value, dict) and "value" in value


def _words(name: str) -> str:
    return name.replace("_", " ")


def _value(value: Any) -> str:
    if _is_interval(value):
        return f"{_value(value['value'])} ({_value(value.get('low'))} to {_value(value.get('high'))})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return "-" if value is None else str(value)


def _column_summary(report: Figures) -> Iterator[str]:
    """Say how many columns were read as what, and how many of their cells could not be read."""
    columns = report.get("columns", ())
    if not columns:
        return
    counts = Counter(_family(one["read_as"]) for one in columns)
    kinds = ", ".join(f"{count} {name if count == 1 else _SEVERAL[name]}" for name, count in counts.most_common())
    unread = [one for one in columns if one["unreadable"]]
    cells = sum(one["unreadable"] for one in unread)
    dirty = ""
    if unread:
        names = ", ".join(one["name"] for one in unread[:MOST_NAMED]) + (", ..." if len(unread) > MOST_NAMED else "")
        dirty = f" {cells:,} cell{'s' if cells > 1 else ''} could not be read and count as missing ({names})."
    yield f"Columns read: {len(columns)} ({kinds}).{dirty}"


def _column_lines(report: Figures) -> list[str]:
    """Lay out each column: what it was read as, its values, those that could not be read, and whether it was used."""
    why = {one["name"]: one["reason"] for one in report.get("left_out", ())}
    read = {one["name"]: one for one in report["columns"]}
    rows = [["column", "read as", "values", "unreadable", "used"]]
    for name in sorted({*read, *(one["name"] for one in report.get("left_out", ()))}):
        one = read.get(name)
        is_questioned = any(leak.startswith(f"{name}: ") for leak in report.get("leaks", ()))
        used = f"no: {why[name]}" if name in why else "no: to be answered by you" if is_questioned else "yes"
        filled = ["-", "-", "-"] if one is None else [one["read_as"], f"{one['filled']:,}", f"{one['unreadable']:,}"]
        rows.append([name, *filled, used])
    return aligned(rows)


def _family(read_as: str) -> str:
    """Name the kind without its particulars, for counting.

    >>> _family("date, day first (DD-MM-YYYY)"), _family("whole number"), _family("category of 12 values")
    ('date', 'number', 'category')
    """
    return "number" if "number" in read_as else read_as.replace(",", " ").split()[0]
