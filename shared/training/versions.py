"""The life of a version: from a fitted model to registry and catalogue, past the gate, promoted; and rolled back.

Which version answers is said twice: by MLflow's alias, then by the row in the store, which decides.
"""

import contextlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from shared.cards import as_markdown, card_of
from shared.contracts.outcome import ModelName
from shared.contracts.rows import Microseconds
from shared.errors import Conflict, NotFound, RegistryUnavailable, StoreUnavailable
from shared.evaluation.gate import GateDecision
from shared.evaluation.metrics import Interval
from shared.registry.artifact import InputColumn, OutputColumn
from shared.registry.registration import Registered, RegisteredRun, TrainingData, source_commit
from shared.store import AccountStore, ChampionRow, VersionRow
from shared.store.models import refuse_changed

Model = ModelName
"""Which model is meant."""


class Aliases(Protocol):
    """The registry's aliases."""

    def point(self, account: str, model: Model, version: str) -> None:
        """Point the alias to a version."""

    def pointed(self, account: str, model: Model) -> str | None:
        """Return where the alias points."""


class Registry(Aliases, Protocol):
    """What publishing needs of the registry."""

    def register(self, account: str, model: Model, folder: Path, record: RegisteredRun) -> Registered:
        """Register an artifact folder as a new version."""


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
SwitchEnd = Callable[[AccountStore, ChampionRow], object]
"""The same where the champion is switched by hand."""


def nothing_ends(_: AccountStore, __: object) -> None:
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


def promote(
    store: AccountStore,
    aliases: Aliases,
    model: Model,
    version: str,
    *,
    at: Microseconds,
    reason: str,
    figures: Mapping[str, float] | None = None,
    unless_since: Microseconds | None = None,
    end: SwitchEnd = nothing_ends,
) -> ChampionRow:
    """Make a version of the catalogue the champion; services serve it at their next poll.

    When the registry refuses, nothing changes; when the row cannot follow, the alias is set back. Where the process
    dies between them, the alias is ahead of the row, the row still decides, and doing it again mends it.

    Args:
        store: of the account.
        aliases: of the registry.
        model: which one.
        version: to promote.
        at: now.
        reason: one sentence, for people.
        figures: of the comparison with the champion, for the audit log.
        unless_since: refuse when the champion changed after this instant; None: never.
        end: called in the transaction of the row.

    Raises:
        NotFound: the catalogue has no such version; those it has are listed.
        RegistryUnavailable: the alias could not be set.
        Conflict: the champion changed meanwhile.
    """
    found = store.models.version(model.capability, model.outcome, version)
    if found is None:
        known = [row.version for row in store.models.versions(model.capability, model.outcome)]
        raise NotFound(f"There is no version {version}; there are: {', '.join(known) or 'none'}.", versions=known)
    refuse_changed(store.models.champion(*model), unless_since)
    aliases.point(store.account, model, version)
    try:
        with store.transaction() as together:
            champion = together.models.promote(
                *model, version, found.digest, at=at, reason=reason, figures=figures, unless_since=unless_since
            )
            end(together, champion)
    except Exception:
        _point_back(store, aliases, model)
        raise
    return champion


def _point_back(store: AccountStore, aliases: Aliases, model: Model) -> None:
    """Let the alias follow the row; where registry or store is away, the mismatch is reported until it does."""
    with contextlib.suppress(RegistryUnavailable, StoreUnavailable):
        champion = store.models.champion(*model)
        if champion is not None:
            aliases.point(store.account, model, champion.version)


def rollback(
    store: AccountStore,
    aliases: Aliases,
    model: Model,
    *,
    at: Microseconds,
    reason: str = "rollback",
    end: SwitchEnd = nothing_ends,
) -> ChampionRow:
    """Make the version before the champion answer again; a registry that is away does not stand in the way.

    Going back is for emergencies: the row changes first, and the alias follows, or a mismatch is reported.

    Args:
        store: of the account.
        aliases: of the registry.
        model: which one.
        at: now.
        reason: one sentence, for people.
        end: called in the transaction of the row: done again, a rollback undoes itself.

    Raises:
        Conflict: there is no version before.
    """
    with store.transaction() as together:
        champion = together.models.rollback(*model, at=at, reason=reason)
        end(together, champion)
    _point_back(store, aliases, model)
    return champion


def mismatch(store: AccountStore, aliases: Aliases, model: Model) -> str | None:
    """Say in one sentence how the registry's alias differs from the row; None when they agree.

    Raises:
        RegistryUnavailable: the alias cannot be read.
    """
    row = store.models.champion(model.capability, model.outcome)
    decided = None if row is None else row.version
    pointed = aliases.pointed(store.account, model)
    if decided == pointed:
        return None
    return (
        f"Version {decided or 'none'} answers, while MLflow's alias points to {pointed or 'none'}; "
        "the store decides: promote again to set the alias."
    )
