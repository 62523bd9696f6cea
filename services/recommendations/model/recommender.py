"""The model of a version: items known by what was bought, and a learner that weighs what speaks for each. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from services.recommendations.model.candidates import COLUMNS, OWN, CandidateItems, ItemKnowledge, candidates
from services.recommendations.model.factors import Factors
from services.recommendations.model.history import VIEWS, History, Rows, history_of, purchases
from services.recommendations.model.items import ItemFacts
from services.recommendations.model.neighbours import Neighbours
from services.recommendations.model.offer import Offer
from services.recommendations.model.reasons import ExplainedItems, item_reasons
from services.recommendations.model.recommended import Recommended, RecommendedItem
from services.recommendations.model.table import MOST_BOUGHT, bought_in_table, table_inputs, table_outputs
from services.recommendations.schemas import RecommendationRequest, ShownItems
from shared.contracts.prediction import Grade
from shared.errors import ArtifactRefused
from shared.features import Feature, truncated
from shared.learners.simple import chance
from shared.learners.trees import WITH_TEXT, Learner, learner_from_json
from shared.registry.artifact import InputColumn, OutputColumn
from shared.ties import rounded
from shared.timeline import ContactPasts, Pasts
from shared.timeline.pasts import LOOKBACK_DAYS

FORMAT = 1
_FACTS = ("popular", "trend", "gap", "rebuy", "buyers")
_UNREADABLE = (OSError, EOFError, KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError, BadZipFile)
"""What reading a damaged JSON or npz file raises."""
TRENDING = float(np.log(1.5))
"""From here on an item is said to be trending: half as many buyers again as the weeks before let expect."""


@dataclass(frozen=True, slots=True)
class NoColumns:
    """What serving asks of a feature set: this model looks at items alone."""

    needs_local_time: bool = False
    features: tuple[Feature, ...] = ()


@dataclass(frozen=True)
class RecommendationModel:
    """A version."""

    grade: Grade
    horizon_days: int
    trained_at: datetime
    items: tuple[str, ...]
    """By code."""
    known: ItemKnowledge
    learner: Learner
    offer: Offer | None = None
    """What the catalogue says of the items now; None: there is no catalogue."""
    code_of: Mapping[str, int] = field(default_factory=dict)
    """Codes by item."""
    reached_by: ClassVar[tuple[str, ...]] = ()
    begun_by: ClassVar[tuple[str, ...]] = ()
    lookback_days: ClassVar[int] = LOOKBACK_DAYS
    flag: ClassVar[None] = None
    attribute_names: ClassVar[tuple[str, ...]] = ()
    feature_set: ClassVar[NoColumns] = NoColumns()

    def __post_init__(self) -> None:
        """Look items up by name."""
        if not self.code_of:
            object.__setattr__(self, "code_of", {name: code for code, name in enumerate(self.items)})

    @property
    def kind(self) -> str:
        """What kind of learner weighs."""
        return self.learner.kind

    def answer(
        self, pasts: ContactPasts, cutoffs: NDArray[np.int64], request: RecommendationRequest
    ) -> list[Recommended]:
        """Recommend to each contact of a request."""
        return self.recommend(
            pasts.columns, cutoffs, request.filters, most=request.items, reasons=request.reasons_requested
        )

    def recommend(
        self, pasts: Pasts, cutoffs: NDArray[np.int64], wanted: ShownItems, *, most: int, reasons: int
    ) -> list[Recommended]:
        """Recommend to each contact of the pasts.

        Args:
            pasts: one row a contact.
            cutoffs: microseconds, shape (n,).
            wanted: which items may be shown.
            most: items a contact.
            reasons: reasons an item; 0 computes none.

        Returns:
            One answer a contact, in order; `population` of whom nothing is known that was bought or looked at.
        """
        history = self.history(pasts, cutoffs)
        listed = self._listed(history, wanted, most, reasons)
        long = truncated(pasts, np.arange(len(pasts), dtype=np.int32), cutoffs).tolist()
        for one, cut in zip(listed, long, strict=True):
            one.truncated = cut
        return listed

    def history(self, pasts: Pasts, cutoffs: NDArray[np.int64]) -> History:
        """Return what each contact bought and looked at of the items that the version knows."""
        bought = purchases(pasts, cutoffs, self.code_of)
        viewed = purchases(pasts, cutoffs, self.code_of, VIEWS)
        return history_of(bought, viewed, len(pasts))

    def _listed(self, history: History, wanted: ShownItems, most: int, reasons: int) -> list[Recommended]:
        shown = self.shown(wanted)
        found = candidates(self.known, history, shown, excluded_days=wanted.excluded_days)
        margin = rounded(self.learner.margins(found.values)) if len(found.owner) else np.empty(0)
        top = best(found, margin, history.contacts, most)
        share = chance(margin[top])
        explained = ExplainedItems.of(self.learner, found.values[top]) if reasons and len(top) else None
        has_past = np.zeros(history.contacts, dtype=bool)
        has_past[history.owner] = True
        has_past[history.viewed_owner] = True
        ends = np.searchsorted(found.owner[top], np.arange(history.contacts + 1))
        usual: Recommended | None = None
        answers = []
        for contact, known in enumerate(has_past.tolist()):
            if not known:
                usual = self._popular(shown, most) if usual is None else usual
                answers.append(Recommended(source="population", items=usual.items, margin=0.0, base=0.0))
                continue
            rows = range(int(ends[contact]), int(ends[contact + 1]))
            answers.append(self._personal(history, contact, found, top, share, rows, explained, reasons))
        return answers

    def _personal(
        self,
        history: History,
        contact: int,
        found: CandidateItems,
        top: Rows,
        share: NDArray[np.float64],
        rows: range,
        explained: ExplainedItems | None,
        reasons: int,
    ) -> Recommended:
        items = []
        for row in rows:
            place = int(top[row])
            code, values = int(found.item[place]), found.values[place]
            parts = []
            if explained is not None:
                parts = item_reasons(self, history, contact, code, values, explained, row, most=reasons, raising=True)
            source = "repeat" if values[OWN] > 0 else "model"
            items.append(
                RecommendedItem(
                    code=code, item=self.item(code), score=float(share[row]), source=source, reasons=tuple(parts)
                )
            )
        if not items or explained is None:
            return Recommended(items=items, margin=0.0, base=0.0)
        first, values = rows[0], found.values[int(top[rows[0]])]
        head = item_reasons(
            self, history, contact, items[0].code, values, explained, first, most=reasons, raising=False
        )
        return Recommended(items=items, reasons=head, margin=float(explained.margin[first]), base=explained.base)

    def _popular(self, shown: NDArray[np.bool_], most: int) -> Recommended:
        """List what most buy lately, for those of whom nothing is known."""
        return Recommended(source="population", items=[self.popular_item(code) for code in self.popular(shown, most)])

    def popular(self, shown: NDArray[np.bool_], most: int, *, by_trend: bool = False) -> list[int]:
        """Return the codes of the items that most contacts buy lately, or more than before, the first first."""
        found = self.known.trending_first(shown) if by_trend else self.known.popular_first(shown)
        codes: list[int] = found[:most].tolist()
        return codes

    def popular_item(self, code: int) -> RecommendedItem:
        """Describe a popular item: its score is the share of what is bought lately."""
        facts = self.known.facts
        source = "trending" if facts.trend[code] >= TRENDING else "popular"
        share = float(facts.popular[code] / max(float(facts.popular.sum()), 1e-9))
        return RecommendedItem(code=code, item=self.item(code), score=share, source=source)

    def item(self, code: int) -> Mapping[str, Any]:
        """Return an item's id and what the catalogue says of it."""
        return {"id": self.items[code], **(Offer.nothing() if self.offer is None else self.offer.about(code))}

    def name(self, code: int) -> str:
        """Return what an item is called: its name in the catalogue, else its id."""
        found = None if self.offer is None else self.offer.names[code]
        return self.items[code] if found is None else found

    def shown(self, wanted: ShownItems) -> NDArray[np.bool_]:
        """Return which items may be shown, shape (items,)."""
        shown = np.ones(len(self.items), dtype=bool) if self.offer is None else self.offer.open.copy()
        for listed in (wanted.in_stock, wanted.allowed):
            if listed is not None:
                chosen = np.zeros(len(self.items), dtype=bool)
                chosen[[self.code_of[name] for name in listed if name in self.code_of]] = True
                shown &= chosen
        if wanted.category is not None:
            shown &= np.zeros(len(shown), dtype=bool) if self.offer is None else self.offer.of_category(wanted.category)
        return shown

    @property
    def table_inputs(self) -> tuple[InputColumn, ...]:
        """Describe the table that this version answers without the store: the latest items of a contact."""
        return table_inputs(self.items)

    @property
    def table_outputs(self) -> tuple[OutputColumn, ...]:
        """Describe what it answers to a table."""
        return table_outputs()

    def answer_table(self, values: NDArray[np.float64]) -> dict[str, Any]:
        """Answer rows with the columns of `table_inputs`: the first items, and the chance of each."""
        bought = bought_in_table(values)
        nothing = type(bought)(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        listed = self._listed(history_of(bought, nothing, len(values)), ShownItems(), MOST_BOUGHT, 0)
        found: dict[str, Any] = {}
        for place in range(MOST_BOUGHT):
            own = [one.items[place] if place < len(one.items) else None for one in listed]
            found[f"item_{place + 1}"] = np.array(["" if one is None else one.item["id"] for one in own], dtype=object)
            found[f"score_{place + 1}"] = np.array([0.0 if one is None else one.score for one in own])
        return found

    def save(self, folder: Path) -> None:
        """Write the version: JSON, npz, LightGBM text; nothing that could run, and no row of any contact.

        Args:
            folder: made when absent.
        """
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {name: getattr(self.known.facts, name).astype(np.float32) for name in _FACTS}
        arrays |= {"near": self.known.neighbours.item, "likeness": self.known.neighbours.likeness}
        arrays |= {"vectors": self.known.factors.item}
        np.savez(folder / "items.npz", allow_pickle=False, **arrays)
        if self.learner.text is not None:
            (folder / "learner.txt").write_text(self.learner.text, encoding="utf-8")
        described = {
            "format": FORMAT,
            "capability": "recommendations",
            "grade": self.grade,
            "horizon_days": self.horizon_days,
            "trained_at": self.trained_at.isoformat(),
            "items": list(self.items),
            "columns": list(COLUMNS),
            "ridge": self.known.factors.ridge,
            "alpha": self.known.factors.alpha,
            "kind": self.learner.kind,
            "learner": self.learner.to_json(),
        }
        (folder / "model.json").write_text(json.dumps(described, indent=1, sort_keys=True), encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> "RecommendationModel":
        """Read what `save` wrote.

        Raises:
            ArtifactRefused: a file is missing, damaged, or made for another release.
        """
        try:
            described: Mapping[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            if (described["format"], described["capability"]) != (FORMAT, "recommendations"):
                raise ArtifactRefused("The artifact was made for another release or capability. Train it again.")
            if tuple(described["columns"]) != COLUMNS:
                raise ArtifactRefused("The artifact looks at other columns than this release. Train it again.")
            with (folder / "items.npz").open("rb") as file, np.load(file, allow_pickle=False) as opened:
                arrays = {name: opened[name] for name in opened.files}
            kind = described["kind"]
            text = (folder / "learner.txt").read_text(encoding="utf-8") if kind in WITH_TEXT else None
            items = tuple(described["items"])
            model = RecommendationModel(
                grade=described["grade"],
                horizon_days=described["horizon_days"],
                trained_at=datetime.fromisoformat(described["trained_at"]),
                items=items,
                known=_known(arrays, len(items), described["alpha"], described["ridge"]),
                learner=learner_from_json(kind, described["learner"], text=text),
            )
            model.learner.explained(np.zeros((1, len(COLUMNS))))  # now: whoever is explained first would wait
        except _UNREADABLE as error:
            raise ArtifactRefused(f"The artifact cannot be read ({type(error).__name__}). Train it again.") from error
        return model


def best(found: CandidateItems, margin: NDArray[np.float64], contacts: int, most: int) -> Rows:
    """Return the rows of each contact's candidates with the highest margin, the highest first, contact by contact."""
    order = np.lexsort((found.item, -margin, found.owner))
    starts = np.searchsorted(found.owner[order], np.arange(contacts))
    rank = np.arange(len(order)) - starts[found.owner[order]]
    return np.asarray(order[rank < most], dtype=np.int64)


def _known(arrays: Mapping[str, NDArray[Any]], items: int, alpha: float, ridge: float) -> ItemKnowledge:
    facts = ItemFacts(*(arrays[name].astype(np.float64) for name in _FACTS))
    near, likeness, vectors = arrays["near"], arrays["likeness"], arrays["vectors"]
    shapes: Sequence[tuple[int, ...]] = [getattr(facts, name).shape for name in _FACTS]
    whole = set(shapes) == {(items,)} and len(vectors) == items and near.shape == likeness.shape
    if not whole or len(near) != items or near.max(initial=-1) >= items or not items:
        raise ValueError("the arrays do not fit each other")
    if not all(np.isfinite(array).all() for array in arrays.values()) or not facts.gap.min() > 0:
        raise ValueError("an array holds no numbers")
    return ItemKnowledge(facts, Neighbours(near, likeness), Factors.of(vectors, alpha=alpha, ridge=ridge))
