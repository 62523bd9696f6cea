"""A generated account whose scoring model is fixed: 200 trees of 15 leaves on 60 features."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import lightgbm
import numpy as np
from numpy.typing import NDArray

from bench.serving.arithmetic import Void
from foretell.cli.context import ensure_account, ensure_key
from services.scoring.fit import ScoringFit
from services.scoring.training import RECIPE, ScoringRun, fitted
from services.specs import recipe_of, spec_of
from shared.capabilities import TABLE
from shared.contracts.decision import CLICKED, UNTRAINED, DecisionArm, DecisionRow
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, HOUR, AttributeRow, ContactRow, EventRow, now_us
from shared.contracts.training import Progress
from shared.evaluation.calibration import Calibrator, Reference
from shared.features import Inputs
from shared.learners import Columns, Trees, TreeShape
from shared.registry.fetch import artifacts
from shared.registry.registration import MlflowRegistry
from shared.settings import Settings
from shared.store import AccountStore, MessageChange, migrate, open_database
from shared.training.material import Material
from shared.training.recipe import train

Matrix = NDArray[np.float64]
ACCOUNT, OUTCOME, SILENCE, ANSWERED = "bench", "order", "silent", "answered"
MESSAGES, DECISIONS = 100, 10_000
TREES, LEAVES, FEATURES = 200, 15, 60
EVENTS, FEW_EVENTS, ATTRIBUTES = 200, 50, 20
FEW = 1_000
"""Contacts with FEW_EVENTS events each."""
LEARNED_FROM = 400
"""Contacts that the model is trained on: the trees are fixed, more would only take longer."""
DAYS = 500
SHELVES, ON_SHELF = 3, 10
"""Items that are ordered."""
NOTE = "bench-serving.json"
TYPES = ("content_downloaded", "email_opened", "email_clicked", "page_viewed")
WORDS = ("free", "team", "company", "school")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A home folder, and what a request about its account needs."""

    home: Path
    key: str
    contacts: Sequence[str]
    """With EVENTS events each."""
    few: Sequence[str]
    """With FEW_EVENTS events each."""
    version: str
    """Of the scoring model."""
    model_text: Path
    """LightGBM's own file of it, which every other system serves."""
    rows: Matrix
    """What the model is asked where nobody asks about contacts, shape (1000, FEATURES)."""


def kept_or_prepared(home: Path, contacts: int, *, everything: bool) -> Prepared:
    """Return the account that a folder holds from an earlier run; make it where there is none.

    Raises:
        Void: it was made with another count of contacts, or with fewer models.
    """
    note, rows = home / NOTE, home / "rows.npy"
    if not note.exists():
        prepared = prepare(home, contacts, everything=everything)
        np.save(rows, prepared.rows)
        said = {
            "contacts": contacts,
            "everything": everything,
            "version": prepared.version,
            "text": str(prepared.model_text.relative_to(home)),
        }
        note.write_text(json.dumps(said))
        return prepared
    said = json.loads(note.read_text())
    if said["contacts"] != contacts or everything > said["everything"]:
        models = "all models" if said["everything"] else "one model"
        raise Void(f"{home} holds {said['contacts']} contacts and {models}: give another folder")
    text = home / said["text"]
    require_fixed(text)
    key = (home / "keys" / ACCOUNT).read_text().strip()
    return Prepared(home, key, _many(contacts), _few(), said["version"], text, np.load(rows))


def _many(contacts: int) -> list[str]:
    return [f"c-{number:06}" for number in range(contacts)]


def _few() -> list[str]:
    return [f"few-{number:04}" for number in range(FEW)]


def prepare(home: Path, contacts: int, *, everything: bool) -> Prepared:
    """Make a home with contacts, events, an outcome and a promoted model.

    Args:
        home: an empty folder or none.
        contacts: how many have EVENTS events; FEW more have FEW_EVENTS.
        everything: whether the other capabilities get a model as well.

    Raises:
        Void: the model is not the one that is measured everywhere.
    """
    home.mkdir(parents=True, exist_ok=True)
    settings = Settings(home=home)
    migrate(settings)
    database = open_database(settings)
    ensure_account(database, ACCOUNT)
    key = ensure_key(database, settings, ACCOUNT)
    store = database.of(ACCOUNT)
    many, few = _many(contacts), _few()
    fill(store, many[:LEARNED_FROM], EVENTS, seed=1)
    wanted = outcome()
    store.outcomes.put(wanted)
    rows: list[Matrix] = []

    def fit(run: ScoringRun, stuff: Material, progress: Progress) -> ScoringFit:
        found = fixed(stuff, now=run.now, progress=progress)
        rows.append(np.nan_to_num(found.problem.matrix[-1_000:]))
        return found

    published = train(replace(RECIPE, fit=fit), store, MlflowRegistry.of(settings), wanted, now=now_us())
    if not published.promoted:
        raise Void(f"the model does not answer: {published.reason}")
    if everything:
        train_others(store, settings)
    fill(store, many[LEARNED_FROM:], EVENTS, seed=2)
    fill(store, few, FEW_EVENTS, seed=3)
    named = {"version": published.version, "digest": published.digest}
    folder = artifacts(MlflowRegistry.of(settings), ACCOUNT, "scoring", OUTCOME, **named, into=home / "cache")
    database.close()
    require_fixed(folder / "model.txt")
    return Prepared(home, key.strip(), many, few, published.version, folder / "model.txt", rows[0])


def train_others(store: AccountStore, settings: Settings) -> None:
    """Train the other capabilities as the command line does, on the contacts that are there by now.

    Raises:
        Void: one got no model that answers.
    """
    silence = Outcome(
        name=SILENCE, capability="churn", silence=("order_placed",), horizon_days=60, active_within_days=180
    )
    store.outcomes.put(silence)
    store.outcomes.put(
        Outcome(name=ANSWERED, capability="uplift", event_types=("form_submitted",), horizon_days=30, repeatable=True)
    )
    names = {"churn": SILENCE, "messages": CLICKED, "uplift": ANSWERED}
    tried = [f"tried-{number:04}" for number in range(LEARNED_FROM)]
    fill(store, tried, FEW_EVENTS, seed=5)
    try_out(store, tried)
    for line in TABLE:
        if line.name == "scoring":
            continue
        wanted = store.outcomes.require(line.name, names[line.name]) if line.per_outcome else None
        published = train(recipe_of(spec_of(line.name)), store, MlflowRegistry.of(settings), wanted, now=now_us())
        if not published.promoted:
            raise Void(f"{line.name} has no model that answers: {published.reason}")


def try_out(store: AccountStore, contacts: Sequence[str]) -> None:
    """Log decisions about messages, and an experiment with a letter: each works with some contacts, or on average."""
    draw, now = np.random.default_rng(4), now_us()
    names = tuple(f"message-{number:03}" for number in range(MESSAGES))
    store.experiments.messages.put(
        [MessageChange(name, {"attributes": {"topic": WORDS[place % len(WORDS)]}}) for place, name in enumerate(names)],
        at=now - DAYS * DAY,
    )
    facts = store.pasts.of(contacts, cutoff=now, asked_at=now).facts
    suits = {one: {value.name: value.value for value in facts[one].attributes}["attribute_1"] for one in contacts}
    rows = []
    for number in range(DECISIONS):
        contact, chosen = contacts[number % len(contacts)], int(draw.integers(MESSAGES))
        share = 0.3 if WORDS[chosen % len(WORDS)] == suits[contact] else 0.05
        at, reward = now - int(draw.integers(10, 200)) * DAY - number, float(draw.random() < share)
        arm, known = DecisionArm.imported.value, (f"d-{number}", contact, CLICKED, "", "", names[chosen])
        rows.append(DecisionRow(*known, arm, 1 / MESSAGES, names, UNTRAINED, at, reward))
    store.experiments.decisions.add_imported(rows)
    letters = draw.random(len(contacts)) < 0.5
    assigned, answers = now - 60 * DAY, draw.random(len(contacts)) < np.where(letters, 0.6, 0.2)
    experiment = [
        EventRow(one, "lot", "treatment_assigned", assigned, assigned, 0.5, item="letter" if letter else "control")
        for one, letter in zip(contacts, letters.tolist(), strict=True)
    ]
    answered = [
        EventRow(one, "answer", "form_submitted", assigned + DAY, assigned + DAY)
        for one, answer in zip(contacts, answers.tolist(), strict=True)
        if answer
    ]
    store.events.add_bulk([*experiment, *answered])


def outcome() -> Outcome:
    """Return what is predicted."""
    return Outcome(name=OUTCOME, capability="scoring", event_types=("order_placed",), horizon_days=30, repeatable=True)


def fixed(stuff: Material, *, now: int, progress: Progress) -> ScoringFit:
    """Fit as the product does, then put the fixed trees in the place of what won."""
    found = fitted(stuff, now=now, progress=progress)
    features = found.model.feature_set.features
    facts = [place for place, feature in enumerate(features) if feature.part == "fit"]
    acts = [place for place, feature in enumerate(features) if feature.part != "fit"]
    kept = sorted(facts[:ATTRIBUTES] + acts[: FEATURES - min(len(facts), ATTRIBUTES)])
    feature_set = found.model.feature_set.take(kept)
    problem = replace(
        found.problem,
        matrix=np.ascontiguousarray(found.problem.matrix[:, kept]),
        columns=Columns(feature_set.names, feature_set.categorical),
    )
    # Few rows a leaf, so that every tree grows to its 15 leaves.
    shape = TreeShape(leaves=LEAVES, min_rows=10, ridge=0.1)
    trees = Trees.fit(problem.matrix, problem.labels, problem.columns, shape=shape, rounds=TREES, seed=7)
    margins = trees.margins(problem.matrix)
    inputs = Inputs.of(
        feature_set, problem.matrix, problem.labels, stuff.frames.contact, known=stuff.pasts.attributes
    ).weighed(trees.importance())
    model = replace(
        found.model,
        kind=trees.kind,
        feature_set=feature_set,
        learner=trees,
        calibrator=Calibrator(),
        reference=Reference.of(margins, problem.matrix),
        inputs=inputs,
        bounds=(float(margins.min()), float(margins.max())),
    )
    report = replace(found.report, kind=trees.kind, usable=True)
    return replace(found, model=model, report=report, problem=problem)


def require_fixed(text: Path) -> None:
    """Check that a LightGBM file holds the fixed model.

    Raises:
        Void: another count of trees, leaves or features.
    """
    booster = lightgbm.Booster(model_file=text)
    leaves = max(tree["num_leaves"] for tree in booster.dump_model()["tree_info"])
    found = booster.num_trees(), leaves, booster.num_feature()
    if found != (TREES, LEAVES, FEATURES):
        raise Void(f"the model has {found[0]} trees, {found[1]} leaves, {found[2]} features")


def fill(store: AccountStore, contacts: Sequence[str], events: int, *, seed: int) -> None:
    """Give contacts attributes and events; two in five are keen, which the attributes know a little of."""
    draw, now = np.random.default_rng(seed), int(time.time()) * 1_000_000
    since = now - (DAYS + 10) * DAY
    keen = draw.random(len(contacts)) < 0.4
    store.contacts.put_bulk(
        (
            ContactRow(contact, created_at=since, timezone="Europe/Paris", attributes=_dated(draw, since, keen=one))
            for contact, one in zip(contacts, keen.tolist(), strict=True)
        ),
        recorded_at=now,
    )
    for start in range(0, len(contacts), 1_000):
        part = slice(start, start + 1_000)
        store.events.add_bulk(_events(draw, contacts[part], keen[part], events, now))


def attributes(draw: np.random.Generator, *, keen: bool) -> dict[str, object]:
    """Draw what is known of a contact: numbers, words, yes or no."""
    numbers = np.round(draw.normal(keen, 2.0, ATTRIBUTES), 2).tolist()
    words = draw.integers(0, len(WORDS), ATTRIBUTES).tolist()
    truths = (draw.random(ATTRIBUTES) < (0.7 if keen else 0.5)).tolist()
    return {
        f"attribute_{place}": (numbers[place], WORDS[words[place]], truths[place])[place % 3]
        for place in range(ATTRIBUTES)
    }


def _dated(draw: np.random.Generator, since: int, *, keen: bool) -> tuple[AttributeRow, ...]:
    return tuple(AttributeRow(name, value, since) for name, value in attributes(draw, keen=keen).items())


def _events(
    draw: np.random.Generator, contacts: Sequence[str], keen: NDArray[np.bool_], each: int, now: int
) -> list[EventRow]:
    n = len(contacts) * each
    # Most of what happens, happens in the evening: else nothing could be learned of when to send.
    evening = draw.random(n) < 0.6
    hours = np.where(evening, draw.normal(18.0, 1.5, n), draw.uniform(0.0, 24.0, n))
    at = (now // DAY * DAY - draw.integers(1, DAYS, n) * DAY + (hours * HOUR).astype(np.int64)).tolist()
    is_order = draw.random(n) < np.repeat(np.where(keen, 0.1, 0.01), each)
    types = np.where(is_order, "order_placed", np.array(TYPES)[draw.integers(0, len(TYPES), n)]).tolist()
    values = np.round(draw.gamma(2.0, 30.0, n), 2).tolist()
    campaigns, ids = draw.integers(0, 40, n).tolist(), draw.bytes(16 * n)
    # Whoever bought of one shelf buys of it again: else nothing could be learned of what to show.
    items = (np.arange(n) // each % SHELVES * ON_SHELF + draw.integers(0, ON_SHELF, n)).tolist()
    return [
        EventRow(
            contact_id=contacts[place // each],
            event_id=f"~{ids[16 * place : 16 * place + 16].hex()}",
            type=types[place],
            occurred_at=at[place],
            recorded_at=at[place],
            value=values[place] if types[place] == "order_placed" else None,
            campaign_id=f"campaign-{campaigns[place]}",
            item=f"item-{items[place]}" if types[place] == "order_placed" else None,
            human=1,
        )
        for place in range(n)
    ]
