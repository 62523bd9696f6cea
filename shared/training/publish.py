"""From a fitted model to a version that answers: artifact, registry, catalogue, gate, champion row."""

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.cards import as_markdown, card_of
from shared.contracts.defaults import CHAMPION_MOST_DAYS
from shared.contracts.outcome import ModelName
from shared.contracts.rows import DAY, Microseconds
from shared.errors import ArtifactRefused, Conflict, RegistryUnavailable
from shared.evaluation.gate import GateDecision, judged
from shared.evaluation.metrics import Interval, losses
from shared.features.table import InputColumn, OutputColumn
from shared.registry.fetch import artifacts
from shared.registry.registration import Registered, RegisteredRun, TrainingData, register
from shared.settings import Settings
from shared.store import AccountStore, VersionRow
from shared.training.promotion import Aliases, Model, RegistryAliases, promote


class Registry(Aliases, Protocol):
    """What publishing needs of the registry."""

    def register(self, account: str, model: Model, folder: Path, record: RegisteredRun) -> Registered:
        """Register an artifact folder as a new version."""


class SettingsRegistry(RegistryAliases):
    """The registry that the settings name."""

    def register(self, account: str, model: Model, folder: Path, record: RegisteredRun) -> Registered:
        """Register an artifact folder as a new version."""
        return register(
            self._settings,
            account=account,
            capability=model.capability,
            outcome=model.outcome,
            folder=folder,
            record=record,
        )


class Savable(Protocol):
    """A fitted model."""

    def save(self, folder: Path) -> None:
        """Write text, JSON and npz."""

    @property
    def reached_by(self) -> tuple[str, ...]:
        """Event types after which a contact has reached the outcome."""

    @property
    def table_inputs(self) -> Sequence[InputColumn]:
        """Columns of the table that it answers without the store."""

    @property
    def table_outputs(self) -> Sequence[OutputColumn]:
        """Columns of what it answers to a table."""


class AnyReport(Protocol):
    """What publishing reads of a report, whatever the capability."""

    @property
    def winner(self) -> str:
        """What is served, in words."""

    @property
    def kind(self) -> str:
        """What kind of model is served."""

    @property
    def grade(self) -> str:
        """A to D."""

    @property
    def usable(self) -> bool:
        """Whether there is anything in it: otherwise it is registered and never promoted."""

    @property
    def unusable_because(self) -> str:
        """What is missing where it is not usable, in words."""

    @property
    def figures(self) -> Mapping[str, Interval | float]:
        """Held-out figures by name."""

    def to_json(self) -> dict[str, Any]:
        """Plain values; `figures` among them."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a capability hands over to be published."""

    capability: str
    outcome: str
    model: Savable
    report: AnyReport
    plots: Mapping[str, bytes]
    """PNG bytes by name."""
    question: str
    """What the model answers, in a sentence."""
    horizon_days: int | None
    trained_at: Microseconds
    trained_until: Microseconds | None
    """The last instant that any training label could know; None for flat data."""
    data_digest: str
    rows: int
    """How many it learned from: frames, sends, acts or contacts."""
    params: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    """Beside those that every version has."""
    first: str = "first version; it ranks surely better than chance, and better than the base rate"
    """Why a usable version is promoted where none answers yet."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """What its card and the choice of a cut-off need beside the report: aggregates, plain values."""

    @property
    def named(self) -> Model:
        """Return which model this is a version of."""
        return Model(self.capability, self.outcome)


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a run."""

    version: str
    digest: str
    promoted: bool
    reason: str
    report: AnyReport
    decided: bool = True
    """False: there was too little to compare with the champion."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Of that comparison."""


Gate = Callable[[VersionRow], GateDecision]
"""Judges the challenger against the version in this catalogue row."""
End = Callable[[AccountStore, Published], object]
"""Write into the transaction of what is decided what it brings to an end; what it raises undoes the decision."""


def nothing_ends(_: AccountStore, __: Published) -> None:
    """End nothing."""


def publish(
    registry: Registry,
    store: AccountStore,
    fitted: Fitted,
    *,
    gate: Gate,
    may_promote: bool,
    clock: Callable[[], Microseconds] | None = None,
    why: str = "",
    end: End = nothing_ends,
) -> Published:
    """Register a version, write it into the catalogue, and promote it when the gate lets it through.

    Args:
        registry: where versions are kept.
        store: the account's store.
        fitted: the version.
        gate: called only when there is a champion.
        may_promote: False registers only.
        clock: says when what happens; None: all of it when the version was trained.
        why: it was trained, for the audit log.
        end: called in the transaction of the promotion, or of its refusal.
    """
    now = clock or (lambda: fitted.trained_at)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "artifact"
        fitted.model.save(folder)
        files = {name: _written(Path(scratch) / f"{name}.png", png) for name, png in fitted.plots.items()}
        registered = registry.register(store.account, fitted.named, folder, _record(store.account, fitted, files))
    store.models.add(_row(fitted, registered), fitted.plots)
    trained = {"version": registered.version, "reason": why, "figures": _finite(fitted.report)}
    store.models.note("trained", fitted.named, at=now(), grade=fitted.report.grade, **trained)
    decision = _gate_decision(store, fitted, gate)
    if not may_promote:
        left = replace(decision, promote=False, reason=f"registered only, as asked ({decision.reason})")
        return _left(store, fitted, registered, left, end)
    if decision.promote:
        return _promoted(registry, store, fitted, registered, decision, end, at=now())
    return _left(store, fitted, registered, decision, end, refused_at=now())


def _published(fitted: Fitted, registered: Registered, decision: GateDecision) -> Published:
    judged_by = (decision.promote, decision.reason, fitted.report, decision.decided, decision.figures)
    return Published(registered.version, registered.digest, *judged_by)


def _promoted(
    registry: Registry,
    store: AccountStore,
    fitted: Fitted,
    registered: Registered,
    decision: GateDecision,
    end: End,
    *,
    at: Microseconds,
) -> Published:
    """Promote what passed the gate; what stands in the way leaves all as it was, and is the reason then."""
    published = _published(fitted, registered, decision)
    try:
        promote(
            store,
            registry,
            fitted.named,
            registered.version,
            at=at,
            reason=decision.reason,
            figures=decision.figures,
            unless_since=fitted.trained_at,
            end=lambda together, _: end(together, published),
        )
    except RegistryUnavailable as error:
        hindrance = f"it passed the gate, but {_lower(error.detail)} Promote it by hand"
    except Conflict as error:
        hindrance = f"it passed the gate, but {_lower(error.detail)} Train again, or promote it by hand"
    else:
        return published
    return _left(store, fitted, registered, replace(decision, promote=False, reason=hindrance), end, refused_at=at)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _left(
    store: AccountStore,
    fitted: Fitted,
    registered: Registered,
    decision: GateDecision,
    end: End,
    *,
    refused_at: Microseconds | None = None,
) -> Published:
    """Leave what answers as it is, and note that where it is a refusal."""
    published = _published(fitted, registered, decision)
    facts = {"version": registered.version, "reason": decision.reason, "figures": dict(decision.figures)}
    with store.transaction() as together:
        if refused_at is not None:
            together.models.note("refused", fitted.named, at=refused_at, **facts, decided=decision.decided)
        end(together, published)
    return published


def _gate_decision(store: AccountStore, fitted: Fitted, gate: Gate) -> GateDecision:
    if not fitted.report.usable:
        return GateDecision(False, True, f"no usable signal: {fitted.report.unusable_because}")
    champion = store.models.champion(fitted.capability, fitted.outcome)
    if champion is None:
        return GateDecision(True, True, fitted.first)
    row = store.models.version(fitted.capability, fitted.outcome, champion.version)
    if row is None:
        return GateDecision(True, True, f"the champion, version {champion.version}, is not in the catalogue any more")
    return gate(row)


def _record(account: str, fitted: Fitted, files: dict[str, Path]) -> RegisteredRun:
    report = fitted.report.to_json()
    return RegisteredRun(
        question=fitted.question,
        card=lambda registered: _row(fitted, registered).card,
        report=report,
        plots=files,
        params={"kind": fitted.report.kind, "winner": fitted.report.winner, **fitted.params},
        metrics=_finite(fitted.report),
        folds=[_numbers(block) for block in report.get("blocks", ())],
        tags={**_tags(account, fitted), **fitted.tags},
        data=TrainingData(fitted.data_digest, fitted.rows, report["data"]),
        inputs=fitted.model.table_inputs,
        outputs=fitted.model.table_outputs,
    )


def _numbers(block: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in block.items() if isinstance(value, int | float)}


def _tags(account: str, fitted: Fitted) -> dict[str, str]:
    return {
        "foretell.account": account,
        "foretell.capability": fitted.capability,
        **({"foretell.outcome": fitted.outcome} if fitted.outcome else {}),
        "foretell.grade": fitted.report.grade,
        "foretell.kind": fitted.report.kind,
        "foretell.data_digest": fitted.data_digest,
        "foretell.commit": source_commit(),
    }


def _finite(report: AnyReport) -> dict[str, float]:
    """Return the figures of a report that are numbers, without their intervals."""
    values = ((name, one.value if isinstance(one, Interval) else one) for name, one in report.figures.items())
    return {name: float(value) for name, value in values if np.isfinite(value)}


def _row(fitted: Fitted, registered: Registered) -> VersionRow:
    """Write down a version for the catalogue, with its card: that says nothing which a promotion changes."""
    report = fitted.report.to_json()
    row = VersionRow(
        capability=fitted.capability,
        outcome=fitted.outcome,
        version=registered.version,
        digest=registered.digest,
        kind=fitted.report.kind,
        grade=fitted.report.grade,
        trained_at=fitted.trained_at,
        horizon_days=fitted.horizon_days,
        run_id=registered.run_id,
        figures=report["figures"],
        report={
            **report,
            "trained_until": fitted.trained_until,
            "data_digest": fitted.data_digest,
            "reached_by": list(fitted.model.reached_by),
            "evidence": {**fitted.evidence, "question": fitted.question},
            **({"outcome": json.loads(fitted.params["outcome"])} if "outcome" in fitted.params else {}),
        },
    )
    name = ModelName(row.capability, row.outcome).text
    return replace(row, card=as_markdown(card_of(row, name=name, champion=None, now=row.trained_at)))


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def digest_of_data(matrix: NDArray[np.float64], labels: NDArray[np.float64], cutoff: NDArray[np.int64]) -> str:
    """Fingerprint what was learned from, so that two runs can be compared."""
    digest = hashlib.sha256()
    for part in (matrix, labels, cutoff):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def source_commit() -> str:
    """Return the commit of the source tree; `unknown` for an installed package."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - whichever git the machine has
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found.stdout.strip()


def is_old(row: VersionRow, *, now: Microseconds, most_days: int) -> bool:
    """Return whether a version is past its maximum age."""
    return now - row.trained_at > most_days * DAY


Vector = NDArray[np.float64]
NO_NEWER_FRAMES = "flat data has no newer frames to compare on; promote by hand when it looks right"


@dataclass(frozen=True, slots=True)
class Newer:
    """Frames that neither side learned from; the challenger's answers are out of fold."""

    labels: Vector
    challenger: Vector
    constant: Vector
    owner: NDArray[np.int32]


def compared(
    settings: Settings,
    account: str,
    row: VersionRow,
    newer: Newer,
    champion_on: Callable[[Path], Vector],
    *,
    now: Microseconds,
    loss: Callable[[Vector, Vector], Vector] = losses,
) -> GateDecision:
    """Judge a challenger and the champion on the same newer frames.

    Args:
        settings: where the registry is.
        account: whose champion.
        row: the champion in the catalogue.
        newer: the frames, with the challenger's answers.
        champion_on: from the champion's artifact folder to its answers about the same frames.
        now: to know the champion's age.
        loss: of each frame, from labels and answers.
    """
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = artifacts(
                settings,
                account,
                row.capability,
                row.outcome,
                version=row.version,
                digest=row.digest,
                into=Path(scratch),
            )
            champion_loss = loss(newer.labels, champion_on(folder))
    except ArtifactRefused:
        return GateDecision(True, True, f"the champion, version {row.version}, cannot be loaded any more")
    except RegistryUnavailable:
        return GateDecision(
            False,
            False,
            f"the registry did not give the champion, version {row.version}, to compare with; train again later, or "
            "promote by hand",
        )
    return judged(
        loss(newer.labels, newer.challenger),
        champion_loss,
        loss(newer.labels, newer.constant),
        newer.owner,
        champion_is_old=is_old(row, now=now, most_days=CHAMPION_MOST_DAYS),
    )
