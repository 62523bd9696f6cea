"""What a call about few stored contacts computes, a contact, layer by layer: `python -m bench.few_contacts`.

Processor time of one thread, without HTTP and log: reads, features, margins and contributions (looked up in a table,
and as LightGBM computes them), reasons in words; then whole answers of every capability. The account is that of
`bench.serving` with a model of each, kept in `--home`: pasts of 200 events. All layers take turns, so that a busy
machine disturbs all of them alike; medians. What is made once and how large it is stands above: the table.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.serving.account import ACCOUNT, OUTCOME, SILENCE, kept_or_prepared
from services.specs import spec_of
from shared.capabilities import TABLE
from shared.contracts.decision import CLICKED
from shared.contracts.rows import now_us
from shared.features import observed
from shared.learners import Trees
from shared.learners.contribution_table import ContributionTable
from shared.registry.fetch import artifacts
from shared.registry.registration import MlflowRegistry
from shared.serving.champions import Champion
from shared.serving.contact_answers import ContactAnswers
from shared.serving.request_contacts import RequestContact
from shared.settings import Settings
from shared.store import AccountStore, open_database
from shared.timeline import ContactPasts

COUNTS = (1, 4, 8, 16)
REASONS = 3
OUTCOMES = {"scoring": OUTCOME, "churn": SILENCE, "uplift": "answered", "messages": CLICKED}
Layers = dict[str, Callable[[], Any]]
"""By name, what is timed; what it needs is there already."""


def answers_of(store: AccountStore, settings: Settings, cache: Path, capability: str) -> ContactAnswers:
    """Load the champion of a capability, and ask for reasons now."""
    spec, outcome, now = spec_of(capability), OUTCOMES.get(capability, ""), now_us()
    row = store.models.champion(capability, outcome)
    if row is None:
        raise SystemExit(f"{capability} has no champion: give an empty folder")
    named = {"version": row.version, "digest": row.digest}
    model = spec.load(artifacts(MlflowRegistry.of(settings), ACCOUNT, capability, outcome, **named, into=cache))
    request = spec.request.model_validate({"contacts": [{"id": "c"}], "reasons": REASONS})
    return ContactAnswers(spec, store, Champion(row.version, row.digest, model), request, outcome, now, now)


def contacts_of(ids: Sequence[str]) -> list[RequestContact]:
    """Ask about contacts by id."""
    return [RequestContact(one) for one in ids]


def whole(answers: ContactAnswers, contacts: Sequence[RequestContact]) -> None:
    """Read contacts, and answer about them."""
    answers.of(contacts, answers.read(contacts))


class Scoring:
    """The layers of one `/score`."""

    def __init__(self, answers: ContactAnswers) -> None:
        self._answers = answers
        self._model: Any = answers.champion.model

    def prepared(self, ids: Sequence[str]) -> Layers:
        """Compute what each layer starts from, and return the layers."""
        model, answers = self._model, self._answers
        contacts = contacts_of(ids)
        reads = answers.read(contacts)
        cutoffs = np.full(len(ids), answers.cutoff, dtype=np.int64)

        def seen() -> Any:
            pasts = ContactPasts(ids, reads.rows.facts, reads.rows.events)
            return observed(model.feature_set, model.inputs, pasts, cutoffs)

        values = seen().values
        filled = model.inputs.filled(values)
        booster = model.learner.booster
        _, shares = model.explained(values)
        return {
            "read": lambda: answers.read(contacts),
            "features": seen,
            "margins and contributions": lambda: model.learner.explained(filled),
            "the same, by LightGBM": lambda: (
                booster.predict(filled, raw_score=True, num_threads=1),
                booster.predict(filled, pred_contrib=True, num_threads=1),
            ),
            "reasons": lambda: model.explanations(values, shares, REASONS),
            "whole, read": lambda: answers.of(contacts, reads),
        }


def report_table(trees: Trees) -> None:
    """Print what the table of contributions takes."""
    began = time.thread_time()
    table = ContributionTable.of(trees.text, trees.width)
    if table is None:
        raise SystemExit("the trees have no table")
    print(f"table: {table.cells.nbytes / 1e6:.1f} MB, made in {1e3 * (time.thread_time() - began):.0f} ms")


def measured(
    prepare: Callable[[Sequence[str]], Layers], contacts: Sequence[str], n: int, *, rounds: int
) -> dict[str, float]:
    """Return the microseconds of processor time that each layer takes a contact, for calls about n of them."""
    found: dict[str, list[int]] = {}
    for turn in range(rounds):
        begin = turn * n * 37 % (len(contacts) - n)
        for name, work in prepare(contacts[begin : begin + n]).items():
            began = time.thread_time_ns()
            work()
            found.setdefault(name, []).append(time.thread_time_ns() - began)
    return {name: median(times) / n / 1e3 for name, times in found.items()}


def main() -> None:
    """Prepare the account, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="keeps the account (default: made and thrown away)")
    parser.add_argument("--contacts", type=int, default=1_500, help="that the account has")
    parser.add_argument("--rounds", type=int, default=300)
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        prepared = kept_or_prepared(given.home or Path(folder) / "home", given.contacts, everything=True)
        settings = Settings(home=prepared.home)
        database = open_database(settings)
        store, cache = database.of(ACCOUNT), prepared.home / "cache"
        every = {line.name: answers_of(store, settings, cache, line.name) for line in TABLE}

        def wholes(ids: Sequence[str]) -> Layers:
            contacts = contacts_of(ids)
            return {name: partial(whole, answers, contacts) for name, answers in every.items()}

        model: Any = every["scoring"].champion.model
        report_table(model.learner)
        for title, prepare in (("layer of /score", Scoring(every["scoring"]).prepared), ("read and answered", wholes)):
            columns = [measured(prepare, prepared.contacts, n, rounds=max(20, given.rounds // n)) for n in COUNTS]
            print(f"\n| {title}, us a contact | {' | '.join(map(str, COUNTS))} |\n|---|{'---:|' * len(COUNTS)}")
            for name in columns[0]:
                print(f"| {name} | {' | '.join(f'{column[name]:,.0f}' for column in columns)} |", flush=True)
        database.close()


if __name__ == "__main__":
    main()
