"""Learn which features the data can feed: event vocabulary, attributes with their kinds and categories."""

import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shared.features.engine import matrix
from shared.features.feature import DAY_PARTS, Feature, FeatureSet, as_boolean, as_number, as_text, window_in_words
from shared.timeline.pasts import AttributeColumn, Pasts, entry_at, types_with_lines, whole_orders
from shared.values.columns import NEARLY_ALL, ColumnProfile, decide
from shared.values.words import (
    SENT,
    as_listed,
    attribute_name,
    event_names,
    is_known_type,
    is_missing,
    same_value_key,
    upper,
)

MAX_TYPES = 40
MAX_CATEGORIES = 50
MIN_CATEGORY_CONTACTS = 10
MAX_RATES = 10
RUNNING_LEAST = 100
"""Numbers without which nothing is called a running number."""
SAMPLE_FRAMES = 20_000
_EVERY = "any_event"
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


Unused = Literal["undated", "personal", "few_values", "running_number", "distinct", "constant", "copy"]
"""Why an attribute is no feature: nobody said since when it holds, it finds a person, hardly anybody has it, it numbers
rows, everybody has a value of their own, everybody has the same, or it says what another one says."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An attribute that is not used, why, and what would include it."""

    name: str
    reason: str
    remedy: str
    code: Unused | None = None
    """The reason in one word; None for what only a training finds out."""


@dataclass(frozen=True, slots=True)
class ColumnRead:
    """What an attribute was read as."""

    name: str
    read_as: str
    """In words."""
    filled: int
    """Values, each once a contact."""
    unreadable: int
    """Of those, the ones that are not of the kind and count as missing."""

    def to_json(self) -> dict[str, str | int]:
        """Write as plain values."""
        return {"name": self.name, "read_as": self.read_as, "filled": self.filled, "unreadable": self.unreadable}


@dataclass(frozen=True, slots=True)
class Learned:
    """The feature set of a training, and what it does without."""

    feature_set: FeatureSet
    left_out: tuple[LeftOut, ...]
    columns: tuple[ColumnRead, ...] = ()
    """Of the attributes that were read, in order."""


def learn(
    pasts: Pasts,
    contact: NDArray[np.int32],
    cutoff: NDArray[np.int64],
    *,
    excluded: Collection[str] = (),
    allowed: Collection[str] = (),
    dated_only: bool = True,
) -> Learned:
    """Declare the features that these training frames can feed.

    Args:
        pasts: the contacts that are trained on.
        contact: row of each frame, shape (n,).
        cutoff: microseconds, shape (n,).
        excluded: attributes that are never features here (the outcome's own column).
        allowed: attributes that are used although they are personal or not dated.
        dated_only: whether an attribute must say since when it holds (flat data has no times at all).

    Returns:
        Columns that take more than one value on the frames, no two of them equal, which count whole orders where some
        order has several lines; and the attributes left out.
    """
    attributes, left_out, columns = _attribute_features(
        pasts, contact, cutoff, excluded=excluded, allowed=allowed, dated_only=dated_only
    )
    joined = types_with_lines(pasts)
    declared = FeatureSet((*_of_every_type(pasts, _event_features(pasts, joined)), *attributes), whole_orders=joined)
    chosen = np.random.default_rng(0).permutation(len(contact))[:SAMPLE_FRAMES]
    values = matrix(declared, pasts, contact[chosen], cutoff[chosen])
    kept, silent = _varying_columns(declared, values)
    return Learned(declared.take(kept), (*left_out, *silent), tuple(columns))


def _varying_columns(declared: FeatureSet, values: NDArray[np.float64]) -> tuple[list[int], list[LeftOut]]:
    """Keep columns that vary and are not the copy of an earlier one; of the others name the attributes."""
    kept: list[int] = []
    silent: list[LeftOut] = []
    seen: dict[bytes, str] = {}
    for column, feature in enumerate(declared.features):
        numbers = np.ascontiguousarray(values[:, column])
        key = numbers.tobytes()
        varies = len(numbers) > 0 and not (np.all(np.isnan(numbers)) or np.all(numbers == numbers[0]))
        if varies and key not in seen:
            seen[key] = feature.name
            kept.append(column)
        elif feature.attribute:
            why = f"says the same as {seen[key]}" if varies else "the same for every contact"
            silent.append(LeftOut(feature.attribute, why, "", "copy" if varies else "constant"))
    return kept, silent


def _of_every_type(pasts: Pasts, features: Iterable[Feature]) -> Iterator[Feature]:
    """Mark what counts every type, where what was sent to contacts is among them: it is not what they did."""
    mailed = bool(SENT & {*pasts.types})
    for feature in features:
        of_all = mailed and feature.type is None and feature.kind not in ("known_days", "last_type")
        yield replace(feature, counts_mailings=True) if of_all else feature


def _event_features(pasts: Pasts, joined: tuple[str, ...]) -> Iterator[Feature]:
    if not len(pasts.at):
        return
    names = _frequent_types(pasts)
    yield Feature("days_known", "known_days", "days", "tenure")
    for name in names:
        mine = pasts.type == pasts.type_code(name)
        yield from _features_of(name, valued=bool(np.any(~np.isnan(pasts.value[mine]))))
        if len(np.unique(pasts.campaign[mine & (pasts.campaign >= 0)])) > 1:
            yield Feature(f"{name}_campaigns", "distinct", "campaigns", f"variety:{name}", name, "campaign")
        yield from _item_features(pasts, name, mine)
    # After the types, so that a sum over all types that says the same as one type gives way to it.
    yield from _features_of(None, valued=bool(np.any(~np.isnan(pasts.value))))
    for share in DAY_PARTS:
        yield Feature(f"{share}_share", "hour_share", "ratio", "time_of_day", None, share)
    yield Feature("weekend_share", "weekend_share", "ratio", "weekend")
    yield Feature("last_hour", "last_hour", "hour", "last_time")
    yield Feature("last_weekday", "last_weekday", "category", "last_day", categories=WEEKDAYS)
    if len(names) > 1:
        yield Feature("last_type", "last_type", "category", "last_event", categories=names)
    yield from _rates(whole_orders(pasts, joined), names)


def _frequent_types(pasts: Pasts) -> tuple[str, ...]:
    """List the types that enough contacts have, most widespread first."""
    owner = np.repeat(np.arange(len(pasts)), np.diff(pasts.offsets))
    pairs = np.unique(pasts.type.astype(np.int64) * len(pasts) + owner)
    spread = np.bincount(pairs // len(pasts), minlength=len(pasts.types))
    least = max(5, len(pasts) // 1_000)
    order = sorted(range(len(pasts.types)), key=lambda code: (-spread[code], pasts.types[code]))
    return tuple(pasts.types[code] for code in order if spread[code] >= least)[:MAX_TYPES]


def _features_of(name: str | None, *, valued: bool) -> Iterator[Feature]:
    prefix = name or _EVERY
    for days in (7, 30, 90, 365, 730):
        yield Feature(f"{prefix}_{days}d", "count", "events", f"activity:{prefix}", name, window_days=days)
    yield Feature(f"{prefix}_days_since_last", "days_since_last", "days", f"recency:{prefix}", name)
    yield Feature(f"{prefix}_days_since_first", "days_since_first", "days", f"age:{prefix}", name)
    yield Feature(f"{prefix}_trend", "trend", "ratio", f"activity:{prefix}", name)
    yield Feature(f"{prefix}_gap_days", "gap_mean", "days", f"rhythm:{prefix}", name)
    yield Feature(f"{prefix}_overdue", "overdue", "ratio", f"rhythm:{prefix}", name)
    for days in (30, 90, 365):
        yield Feature(
            f"{prefix}_active_days_{days}d", "active_days", "days", f"activity:{prefix}", name, window_days=days
        )
    if valued:
        for days in (30, 90, 365, 730):
            yield Feature(f"{prefix}_value_{days}d", "value_sum", "amount", f"value:{prefix}", name, window_days=days)
        yield Feature(f"{prefix}_value_mean", "value_mean", "amount", f"value:{prefix}", name, window_days=730)
        yield Feature(f"{prefix}_value_max", "value_max", "amount", f"value:{prefix}", name)


def _item_features(pasts: Pasts, name: str, mine: NDArray[np.bool_]) -> Iterator[Feature]:
    rows = np.flatnonzero(mine & (pasts.item >= 0))
    if not len(rows):
        return
    yield Feature(f"{name}_items", "distinct", "items", f"variety:{name}", name, "item")
    owner = np.searchsorted(pasts.offsets, rows, side="right") - 1
    held = np.unique(pasts.item[rows].astype(np.int64) * len(pasts) + owner)
    counts = np.bincount(held // len(pasts))
    frequent = [
        pasts.items[code] for code in np.argsort(-counts, kind="stable") if counts[code] >= MIN_CATEGORY_CONTACTS
    ]
    if len(frequent) > 1:
        yield Feature(
            f"{name}_last_item",
            "last_item",
            "category",
            f"item:{name}",
            name,
            categories=tuple(sorted(frequent[:MAX_CATEGORIES])),
        )


def _rates(pasts: Pasts, names: tuple[str, ...]) -> Iterator[Feature]:
    """Relate types that answer to the same campaigns or messages: clicks per send, redemptions per mailing."""
    masks = {name: pasts.type == pasts.type_code(name) for name in names}
    counts = {name: int(np.count_nonzero(mask)) for name, mask in masks.items()}
    reach = {
        name: (set(pasts.campaign[mask].tolist()) - {-1}, set(pasts.message[mask].tolist()) - {-1})
        for name, mask in masks.items()
    }
    pairs = [
        (answer, sent)
        for answer in names
        for sent in names
        if counts[answer] < counts[sent]
        and any(
            mine and len(mine & theirs) >= len(mine) / 2
            for mine, theirs in zip(reach[answer], reach[sent], strict=True)
        )
    ]
    for answer, sent in sorted(pairs, key=lambda pair: -counts[pair[0]])[:MAX_RATES]:
        yield Feature(
            f"{answer}_per_{sent}", "rate", "ratio", f"rate:{answer}", answer, sent, prior=counts[answer] / counts[sent]
        )


def _attribute_features(
    pasts: Pasts,
    contact: NDArray[np.int32],
    cutoff: NDArray[np.int64],
    *,
    excluded: Collection[str],
    allowed: Collection[str],
    dated_only: bool,
) -> tuple[list[Feature], list[LeftOut], list[ColumnRead]]:
    # Only who learns needs its lists of words: they cost every other process a tenth of a second at its start.
    from shared.values.personal import personal

    features, left_out, columns = [], [], []
    for name, stored in pasts.attributes.items():
        if name in excluded:
            continue
        if dated_only and name not in allowed and not is_dated(stored):
            why = "not dated: nobody said since when it holds"
            left_out.append(
                LeftOut(name, why, shlex.join(("foretell", "import", "--static", as_listed(name))), "undated")
            )
            continue
        values = _values_seen(stored, entry_at(stored, contact, cutoff))
        found = None if name in allowed else personal(name, values)
        if found is not None:
            left_out.append(LeftOut(name, f"personal: {found.why}", f"--allow {shlex.quote(name)}", "personal"))
            continue
        read, unreadable = _attribute_feature(name, values)
        if isinstance(read, LeftOut):
            left_out.append(read)
        else:
            features.append(read)
            columns.append(ColumnRead(name, _read_as(read), len(values), unreadable))
    return features, left_out, columns


def is_dated(stored: AttributeColumn) -> bool:
    """Whether it is known of every value since when it holds."""
    return bool(stored.dated.all())


def _values_seen(stored: AttributeColumn, entry: NDArray[np.int64]) -> list[object]:
    """List the values that the frames see, each once a contact however many frames it has; missing ones are none."""
    held = {
        (int(stored.contact[row]), as_text(stored.value[row])): stored.value[row]
        for row in np.unique(entry[entry >= 0])
        if not is_missing(stored.value[row])
    }
    return list(held.values())


_UNSAID = {
    "decimal": ("; nobody said which mark begins decimals", "foretell import --decimal point, or comma"),
    "date_order": (
        "; nobody said whether the day or the month comes first",
        "foretell import --date-order dmy, or mdy",
    ),
}
_ORDERS = {"dmy": "day first (DD-MM-YYYY)", "mdy": "month first (MM-DD-YYYY)"}


def _read_as(feature: Feature) -> str:
    if feature.kind == "numeric":
        commas = ", decimal comma" if feature.decimal == "comma" else ""
        return f"{'whole number' if feature.is_whole else 'number'}{commas}"
    if feature.kind == "date":
        return f"date, {_ORDERS[feature.date_order]}" if feature.date_order else "date"
    return "yes/no" if feature.kind == "boolean" else f"category of {len(feature.categories)} values"


def _attribute_feature(name: str, values: list[object]) -> tuple[Feature | LeftOut, int]:
    """Choose how an attribute becomes a number: by what nearly all its values are.

    Returns:
        The feature, or why it does not distinguish contacts usefully; and how many values do not read as it.
    """
    if len(values) < MIN_CATEGORY_CONTACTS:
        why = f"only {len(values)} contacts have a value; {MIN_CATEGORY_CONTACTS} are needed"
        return LeftOut(name, why, "", "few_values"), 0
    thing = f"attribute:{name}"
    profile = ColumnProfile(name)
    profile.add_all(values, first_line=1)
    column = decide(profile)
    mark, order = column.decimal, column.order
    truths = sum(not np.isnan(as_boolean(value)) for value in values)
    if truths == len(values) or (column.kind == "boolean" and truths >= NEARLY_ALL * len(values)):
        return Feature(name, "boolean", "yes/no", thing, attribute=name), len(values) - truths
    if column.kind in ("whole", "decimal"):
        if column.kind == "whole" and _is_running_number(values):
            why = "a running number: it names a row, and says nothing of a contact"
            return LeftOut(name, why, "", "running_number"), 0
        is_whole = column.kind == "whole"
        read = Feature(name, "numeric", "as given", thing, attribute=name, decimal=mark, is_whole=is_whole)
        return read, column.unreadable
    if column.kind in ("date", "instant"):
        return Feature(name, "date", "days", thing, attribute=name, date_order=order), column.unreadable
    counts = _counted_spellings(as_text(value) for value in values)
    ranked = sorted(counts, key=lambda text: (-counts[text], text))
    frequent = [text for text in ranked[:MAX_CATEGORIES] if counts[text] >= MIN_CATEGORY_CONTACTS]
    if len(counts) > len(values) / 2 or not frequent:
        why = f"nearly every contact has a value of its own ({len(counts):,} among {len(values):,})"
        question, remedy = _UNSAID[column.question] if column.question else ("", "")
        return LeftOut(name, why + question, remedy, "distinct"), 0
    categories = tuple(sorted(frequent))
    return Feature(name, "categorical", "category", thing, attribute=name, categories=categories, ignores_case=True), 0


def _counted_spellings(texts: Iterable[str]) -> Counter[str]:
    """Count categories, those that differ only in case and space as one under its most frequent spelling."""
    spellings: dict[str, Counter[str]] = {}
    for text, count in Counter(texts).items():
        spellings.setdefault(same_value_key(text), Counter())[text] = count
    return Counter({min(found, key=lambda text: (-found[text], text)): found.total() for found in spellings.values()})


def _is_running_number(values: list[object]) -> bool:
    """Whether whole numbers are all different and nearly without gaps: rows were numbered as they came."""
    numbers = np.array([as_number(value, is_whole=True) for value in values])
    numbers = numbers[np.isfinite(numbers)]
    span = float(numbers.max() - numbers.min()) + 1 if len(numbers) else 0.0
    return len(numbers) >= RUNNING_LEAST and len(np.unique(numbers)) == len(numbers) and span <= 2 * len(numbers)


_NAME_PATTERNS: tuple[tuple[str, str], ...] = (
    (r"_value_(\d+)d", "value of {many} {when}"),
    (r"_active_days_(\d+)d", "days with {many} {when}"),
    (r"_(\d+)d", "{many} {when}"),
    (r"_days_since_last", "time since the last of the {many}"),
    (r"_days_since_first", "time since the first of the {many}"),
    (r"_gap_days", "usual gap between {many}"),
    (r"_overdue", "how far beyond the usual gap between {many}"),
    (r"_trend", "rise or fall in {many}"),
    (r"_value_mean", "average value of {many}"),
    (r"_value_max", "highest value of {many}"),
    (r"_campaigns", "different campaigns of {many}"),
    (r"_items", "different items of {many}"),
    (r"_last_item", "latest item of {many}"),
)
"""How the names of features above end after the type, and what each end says."""
_WHOLE_NAMES = {
    "days_known": "how long they are known",
    "weekend_share": "share of activity at weekends",
    "last_hour": "hour of the last activity",
    "last_weekday": "weekday of the last activity",
    "last_type": "kind of the last activity",
    **{f"{part}_share": f"share of activity in the {part}" for part in ("morning", "afternoon", "evening")},
    "night_share": "share of activity at night",
}


def column_in_words(name: str) -> str:
    """Say what a column is about; an attribute by its own name.

    >>> column_in_words("order_placed_value_90d"), column_in_words("any_event_gap_days")
    ('value of orders in the last 90 days', 'usual gap between activities')
    >>> column_in_words("email_clicked_per_email_sent"), column_in_words("annual_revenue")
    ('email clicks per 100 emails to them', 'Annual revenue')
    """
    if name in _WHOLE_NAMES:
        return _WHOLE_NAMES[name]
    for pattern, words in _NAME_PATTERNS:
        found = re.fullmatch(f"(.+){pattern}", name)
        if found and (found[1] == _EVERY or is_known_type(found[1])):
            many = event_names(None if found[1] == _EVERY else found[1])
            return words.format(many=many, when=window_in_words(int(found[2])) if "when" in words else "")
    answer, per, sent = name.partition("_per_")
    if per and is_known_type(answer) and is_known_type(sent):
        return f"{event_names(answer)} per 100 {event_names(sent)}"
    return upper(attribute_name(name))
