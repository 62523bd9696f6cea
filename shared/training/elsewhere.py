"""Frames out and models in: what a data scientist trains elsewhere passes the same gate as every other challenger."""

import hashlib
import os
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

from shared.contracts.outcome import Outcome
from shared.contracts.rows import Microseconds
from shared.contracts.training import REGISTERED, Choices, Progress, silent
from shared.errors import BadRequest, FileRefused
from shared.learners.model_text import MOST_BYTES, checked_text
from shared.registry.registration import MlflowRegistry
from shared.store import AccountStore
from shared.training.frames_folder import TABLE, Manifest, read_manifest, write_frames
from shared.training.recipe import Elsewhere, Recipe, begun
from shared.training.versions import End, Published, nothing_ends, publish

ChoicesT = TypeVar("ChoicesT", bound=Choices)
MaterialT = TypeVar("MaterialT")
FitT = TypeVar("FitT")
EXPORTED = "frames.exported"
"""In the audit log: which manifest left, so that no other one comes back."""
_NOT_POSSIBLE = (
    "{} models cannot be trained elsewhere: {} Scoring's can: `foretell frames export scoring --outcome NAME`."
)
_WHY = {
    "churn": "they answer with a curve over periods after the cutoff, from a base for each period that no text of "
    "LightGBM holds."
}


def adoptable_outcome(recipe: Recipe[ChoicesT, MaterialT, FitT], store: AccountStore, name: str) -> Outcome:
    """Find an outcome whose models can be trained elsewhere.

    Raises:
        BadRequest: models of the capability cannot be.
        UnknownOutcome: there is no such outcome; the known ones are listed.
    """
    _way(recipe)
    return store.outcomes.require(recipe.capability, name)


def export_frames(
    recipe: Recipe[ChoicesT, MaterialT, FitT],
    store: AccountStore,
    registry: MlflowRegistry,
    outcome: Outcome,
    folder: Path,
    *,
    now: Microseconds,
) -> Manifest:
    """Write the frames that may be learned from elsewhere into a new folder, and the export into the audit log.

    Args:
        recipe: of the capability.
        store: of the account.
        registry: of the installation.
        outcome: what is predicted.
        folder: must not exist.
        now: nothing after it exists.

    Raises:
        BadRequest: models of the capability cannot be trained elsewhere.
        InsufficientData: too little would be left to learn from, or kept back to judge.
        FileRefused: the folder exists.
    """
    way = _way(recipe)
    run, material = begun(recipe, store, registry, outcome, choices=recipe.choices(), now=now)
    frames = way.frames(run, material)

    def record(manifest: Manifest) -> None:
        detail = {"frames": manifest.frames, "manifest": manifest.digest, "held_back_since": manifest.held_back_since}
        store.audit.add(EXPORTED, run.model_name, at=now, **detail)

    whose = {"account": store.account, "capability": recipe.capability}
    return write_frames(folder, frames, **whose, release=_release(), at=now, record=record)


def adopt(
    recipe: Recipe[ChoicesT, MaterialT, FitT],
    store: AccountStore,
    registry: MlflowRegistry,
    outcome: Outcome,
    *,
    model: Path,
    frames: Path,
    promote: bool = True,
    now: Microseconds,
    progress: Progress = silent,
    end: End = nothing_ends,
) -> Published:
    """Take in a model that was trained on exported frames, as a challenger: judged, calibrated, registered, gated.

    Args:
        recipe: of the capability.
        store: of the account.
        registry: where the version goes, and its champion is.
        outcome: what is predicted.
        model: LightGBM's text.
        frames: folder of the export that it was trained on; only its manifest is read.
        promote: whether it answers when the gate lets it through.
        now: nothing after it exists.
        progress: called before the version is registered.
        end: called in the transaction of the promotion, or of its refusal.

    Raises:
        BadRequest: models of the capability cannot be trained elsewhere, or the manifest is of another model.
        FileRefused: the manifest was not exported here, or holds what the account has changed since (the outcome, or
            an attribute that is no longer used); or the model does not fit it or cannot be read.
        InsufficientData: too little was kept back to judge it.
    """
    way = _way(recipe)
    manifest, kept_since = _known_manifest(recipe.capability, store, outcome, frames)
    content = _content(model)
    text = checked_text(content, manifest.names, dict(os.environ))
    run, material = begun(recipe, store, registry, outcome, choices=recipe.choices(promote=promote), now=now)
    fit = way.adopted(run, material, manifest.model_copy(update={"held_back_since": kept_since}), text)
    fitted = recipe.to_publish(run, material, fit)
    marked = replace(
        fitted,
        rows=manifest.frames,
        data_digest=manifest.data_digest,
        params={
            **fitted.params,
            "exported_frames": manifest.frames,
            "model_sha256": hashlib.sha256(content).hexdigest(),
        },
        tags={**fitted.tags, "foretell.adopted": "true", "foretell.manifest": manifest.digest},
    )
    progress("registering the version", REGISTERED)
    return publish(
        registry,
        store,
        marked,
        gate=lambda row: recipe.gate(run, material, fit, row),
        may_promote=promote,
        end=end,
    )


def _way(recipe: Recipe[ChoicesT, MaterialT, FitT]) -> Elsewhere[ChoicesT, MaterialT, FitT]:
    if recipe.elsewhere is None:
        why = _WHY.get(recipe.capability, "what they learn is no label of a frame.")
        raise BadRequest(_NOT_POSSIBLE.format(recipe.capability.capitalize(), why))
    return recipe.elsewhere


def _known_manifest(
    capability: str, store: AccountStore, outcome: Outcome, folder: Path
) -> tuple[Manifest, Microseconds | None]:
    """Read the manifest, and require that this very one was exported for this model: it says what was kept back.

    Returns:
        The manifest, and since when no export of this model has held frames: a later one holds what an earlier one
        kept back, and whoever trained may have seen both.
    """
    manifest = read_manifest(folder)
    wanted = ".".join((store.account, capability, outcome.name))
    mine = ".".join((manifest.account, manifest.capability, manifest.outcome.name))
    if mine != wanted:
        raise BadRequest(f"The frames in {folder} are of {mine}, not of {wanted}.")
    if manifest.outcome.unanswered != outcome.unanswered:
        raise FileRefused(
            f"Outcome {outcome.name} was defined otherwise when the frames in {folder} were exported: their labels "
            "answer another question. Export the frames again, and train on those."
        )
    exports = store.audit.about(EXPORTED, wanted)
    if manifest.digest not in {entry.detail.get("manifest") for entry in exports}:
        raise FileRefused(
            f"The manifest in {folder} is none that this installation exported, or was changed: what was kept back can "
            "only be known of its own exports. Export the frames again, and train on those."
        )
    since = [entry.detail.get("held_back_since") for entry in exports]
    return manifest, max((instant for instant in since if instant is not None), default=manifest.held_back_since)


def _content(model: Path) -> bytes:
    """Read a model's file, and not more of it than a model may have."""
    if model.is_dir():
        raise FileRefused(f"{model} is a folder: name the text model itself, not {TABLE}'s folder.")
    with model.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _release() -> str:
    try:
        return version("foretell")
    except PackageNotFoundError:
        return "sources"
