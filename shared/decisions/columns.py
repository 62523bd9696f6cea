"""Decisions as columns: ids and names become codes once, and everything after it is arithmetic. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.contracts.decision import DecisionRow
from shared.contracts.decision_input import UNNAMED

Codes = NDArray[np.int32]
Instants = NDArray[np.int64]
Vector = NDArray[np.float64]

NOTHING = -1
"""Code of no message: nothing is sent."""


@dataclass(frozen=True, slots=True)
class DecisionColumns:
    """Decisions of one outcome, in the order in which they were given."""

    ids: tuple[str, ...]
    contact: Codes
    """(n,) index into `contacts`."""
    slot: Codes
    campaign: Codes
    """(n,) index into `campaigns`; that of empty text where there is none."""
    message: Codes
    """(n,) index into `messages`; NOTHING where nothing was sent."""
    arm: Codes
    version: Codes
    candidates: Codes
    """(n,) index into `candidate_sets`."""
    propensity: Vector
    at: Instants
    """(n,) microseconds."""
    given: Vector
    """(n,) the reward that came with an imported decision; NaN: events say it."""
    sending: Vector
    """(n,) chance that anything was sent."""
    contacts: tuple[str, ...]
    slots: tuple[str, ...]
    campaigns: tuple[str, ...]
    messages: tuple[str, ...]
    """Every message that was chosen or could have been, sorted."""
    arms: tuple[str, ...]
    versions: tuple[str, ...]
    candidate_sets: tuple[tuple[str, ...], ...]
    """Empty text stands for nothing."""

    def __len__(self) -> int:
        """Count the decisions."""
        return len(self.ids)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "DecisionColumns":
        """Keep some decisions, in the order given; codes and names stay as they are."""
        picked = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        kept: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        columns = {name: value[picked] for name, value in kept.items() if isinstance(value, np.ndarray)}
        return DecisionColumns(**{**kept, **columns, "ids": tuple([self.ids[row] for row in picked.tolist()])})

    def choosable(self) -> NDArray[np.bool_]:
        """Return which messages each list of candidates holds, and, in the last column, whether nothing is one.

        Returns:
            Shape (len(candidate_sets), len(messages) + 1): a row a list, to be read at `candidates`; the column of
            NOTHING is the last one, so that `message` indexes it as it is.
        """
        place = {name: column for column, name in enumerate(self.messages)} | {"": len(self.messages)}
        found = np.zeros((len(self.candidate_sets), len(self.messages) + 1), dtype=bool)
        for row, names in enumerate(self.candidate_sets):
            found[row, [place[name] for name in names]] = True
        return found


class _Names(dict[Any, int]):
    """Codes of names in order of first appearance."""

    def __missing__(self, name: Any) -> int:
        code = self[name] = len(self)
        return code

    def of(self, column: Sequence[Any]) -> Codes:
        """Code a column."""
        return np.fromiter(map(self.__getitem__, column), np.int32, len(column))


def columns_of(parts: Iterable[Sequence[DecisionRow]]) -> DecisionColumns:
    """Turn rows into columns, part by part: what is held is a few numbers and two texts a decision.

    Args:
        parts: of the decisions of one outcome, each decision once.
    """
    texts = {name: _Names() for name in ("contact_id", "slot", "campaign_id", "arm", "version", "candidates")}
    messages = _Names()
    ids: list[str] = []
    coded: dict[str, list[Any]] = {
        name: [] for name in (*texts, "message_id", "propensity", "decided_at", "reward", "sending")
    }
    for rows in parts:
        part = dict(zip(DecisionRow._fields, zip(*rows, strict=True), strict=True)) if rows else {}
        if not part:
            continue
        ids.extend(part["decision_id"])
        for name, codes in texts.items():
            coded[name].append(codes.of(part[name]))
        coded["message_id"].append(messages.of(part["message_id"]))
        coded["propensity"].append(np.array(part["propensity"], dtype=np.float64))
        coded["decided_at"].append(np.array(part["decided_at"], dtype=np.int64))
        coded["reward"].append(np.array(part["reward"], dtype=np.float64))  # None becomes NaN
        coded["sending"].append(np.array(part["sending"], dtype=np.float64))
    whole: dict[str, NDArray[Any]] = {
        name: np.concatenate(each) if each else np.empty(0, np.int32) for name, each in coded.items()
    }
    lists, whole["candidates"] = _named(whole, list(texts["candidates"]), [one or "" for one in messages])
    names = tuple(sorted({name for names in lists for name in names if name} | {one for one in messages if one}))
    place = {name: code for code, name in enumerate(names)} | {None: NOTHING, "": NOTHING}
    settled = np.array([place[name] for name in messages], dtype=np.int32)
    return DecisionColumns(
        ids=tuple(ids),
        contact=whole["contact_id"],
        slot=whole["slot"],
        campaign=whole["campaign_id"],
        message=settled[whole["message_id"]] if len(ids) else whole["message_id"],
        arm=whole["arm"],
        version=whole["version"],
        candidates=whole["candidates"],
        propensity=whole["propensity"].astype(np.float64, copy=False),
        at=whole["decided_at"].astype(np.int64, copy=False),
        given=whole["reward"].astype(np.float64, copy=False),
        sending=whole["sending"].astype(np.float64, copy=False),
        contacts=tuple(texts["contact_id"]),
        slots=tuple(texts["slot"]),
        campaigns=tuple(texts["campaign_id"]),
        messages=names,
        arms=tuple(texts["arm"]),
        versions=tuple(texts["version"]),
        candidate_sets=tuple(lists),
    )


def _named(
    columns: Mapping[str, NDArray[Any]], lists: list[tuple[str, ...]], chosen: Sequence[str]
) -> tuple[list[tuple[str, ...]], Codes]:
    """Name candidates that were only counted, where a slot and campaign show which they were.

    They are the others that were chosen there, unless these are more than were counted: then the choice changed
    meanwhile, and nobody knows.

    Returns:
        All lists, and the index of each decision's one.
    """
    code: Codes = columns["candidates"].copy()
    counted = np.array([any(name.startswith(UNNAMED) for name in names) for names in lists], dtype=bool)
    if not counted.any():
        return lists, code
    rows = np.flatnonzero(counted[code])
    group = columns["slot"].astype(np.int64) * (int(columns["campaign_id"].max()) + 1) + columns["campaign_id"]
    rows = rows[np.argsort(group[rows], kind="stable")]
    place = {names: number for number, names in enumerate(lists)}
    for mine in np.split(rows, np.flatnonzero(np.diff(group[rows])) + 1):
        seen = {chosen[number] for number in np.unique(columns["message_id"][mine]).tolist()}
        for number in np.unique(code[mine]).tolist():
            if len(seen) <= len(lists[number]):
                kept = [name for name in lists[number] if name.startswith(UNNAMED)][: len(lists[number]) - len(seen)]
                names = tuple(sorted(seen.union(kept)))
                if names not in place:
                    place[names] = len(lists)
                    lists.append(names)
                code[mine[code[mine] == number]] = place[names]
    used, place_of = np.unique(code, return_inverse=True)
    return [lists[number] for number in used.tolist()], place_of.astype(np.int32)
