"""What of flat data is handed out, what is kept back, and that the same is kept back whatever comes later."""

from collections.abc import Callable
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from services.scoring.adoption import adopted, divided, divided_at, learnable_frames
from shared.contracts.outcome import Outcome
from shared.contracts.rows import ALWAYS, DAY
from shared.errors import FileRefused, InsufficientData
from shared.timeline import ContactFacts, build
from shared.timeline.past_rows import DatedValue
from shared.training.frames_folder import write_frames
from shared.training.material import Material, framed

NOW = 20_000 * DAY
WON = Outcome(name="won", capability="scoring", attribute="won")


def facts_of(number: int, *, dated: bool) -> ContactFacts:
    draw = np.random.default_rng(number)
    spend = float(draw.normal())
    values = {"won": "yes" if spend + draw.normal() > 0 else "no", "spend": str(spend), "source": "abc"[number % 3]}
    if dated:
        values["asked_on"] = f"2024-{number % 12 + 1:02d}-{number % 27 + 1:02d}"
    return ContactFacts(created_at=0, attributes=tuple(DatedValue(name, ALWAYS, text) for name, text in values.items()))


def material(count: int = 400, *, dated: bool = False) -> Material:
    facts = {f"c-{number}": facts_of(number, dated=dated) for number in range(count)}
    return framed(WON, build(list(facts), facts, ()), now=NOW)


@pytest.fixture(scope="module")
def stuff() -> Material:
    return material()


def ids(stuff: Material, rows: np.ndarray) -> set[str]:
    return {stuff.pasts.contact_ids[contact] for contact in stuff.frames.contact[rows]}


def test_the_contacts_that_are_kept_back_stay_so_when_others_come(stuff: Material) -> None:
    before, after = divided(stuff), divided_at(material(600), None)

    assert 0.1 < len(before.held_back) / len(stuff.frames) < 0.3
    assert ids(stuff, before.held_back) <= ids(material(600), after.held_back)
    assert not ids(stuff, before.learnable) & ids(material(600), after.held_back)


def test_rows_that_a_date_orders_are_divided_by_it() -> None:
    ordered = material(dated=True)
    parts, times = divided(ordered), ordered.times

    assert times is not None
    assert parts.since is not None
    assert times[parts.learnable].max() < parts.since == times[parts.held_back].min()


def test_what_leaves_holds_no_contact_that_was_kept_back(stuff: Material) -> None:
    parts, frames = divided(stuff), learnable_frames(stuff)

    assert {*frames.contact.tolist()} == {*stuff.frames.contact[parts.learnable].tolist()}
    assert (frames.held_back, frames.held_back_since) == (len(parts.held_back), None)
    assert sorted({*frames.fold.tolist()}) == [1, 2, 3, 4, 5]
    assert "won" not in frames.feature_set.names


def test_an_attribute_that_is_forbidden_does_not_leave(stuff: Material) -> None:
    assert learnable_frames(stuff, forbidden=("source",)).feature_set.names == ("spend",)


@pytest.mark.parametrize("factory", [material, lambda: material(dated=True)], ids=["contacts", "dates"])
def test_what_was_kept_back_judges_and_calibrates(factory: Callable[[], Material], tmp_path: Path) -> None:
    stuff = factory()
    frames = learnable_frames(stuff)
    manifest = write_frames(tmp_path / "f", frames, account="demo", capability="scoring", release="1", at=NOW)
    data = lightgbm.Dataset(frames.matrix, frames.label, feature_name=manifest.names)
    text = lightgbm.train(
        {"objective": "binary", "learning_rate": 0.5, "num_threads": 1, "verbosity": -1}, data, 60
    ).model_to_string()

    fit = adopted(stuff, manifest, text, now=NOW)

    assert fit.competition.judged.tolist() == divided(stuff).held_back.tolist()
    assert fit.report.data["judged_frames"] == manifest.held_back_frames
    assert "were kept back from that export" in " ".join(fit.report.notes)
    assert (fit.model.kind, fit.model.learner.text) == ("lightgbm", text)
    assert fit.model.calibrator.slope < 1, "trees that saw the noise are too sure"
    fit.model.require_whole()


def test_too_few_that_are_kept_back_judge_nothing() -> None:
    with pytest.raises(InsufficientData, match="20 of each are needed"):
        divided(material(120))


def test_an_order_that_was_lost_judges_nothing(stuff: Material) -> None:
    with pytest.raises(InsufficientData, match="would be kept back"):
        divided_at(stuff, NOW)


def test_a_model_that_looks_at_what_was_forbidden_since_the_export_is_refused(stuff: Material, tmp_path: Path) -> None:
    frames = learnable_frames(stuff)
    manifest = write_frames(tmp_path / "f", frames, account="demo", capability="scoring", release="1", at=NOW)

    with pytest.raises(FileRefused, match="The frames hold source, which has been forbidden"):
        adopted(stuff, manifest, "", forbidden=("source", "other"), now=NOW)
