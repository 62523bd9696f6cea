"""One run: what it hands to the recipe, and when it says how far it is."""

from types import SimpleNamespace
from typing import Any

import pytest

from shared.contracts.outcome import Outcome
from shared.contracts.training import Choices
from shared.training.recipe import Recipe, Run, train

WON = Outcome(name="won", capability="scoring", event_types=("deal_won",))


class Stop(Exception):
    """Ends a run before anything is registered."""


def run(outcome: Outcome | None) -> Run[Choices]:
    store: Any = SimpleNamespace(account="demo")
    return Run(store, store, "scoring", outcome, Choices(), now=0)


def test_a_model_is_named_by_account_capability_and_outcome() -> None:
    assert run(WON).model_name == "demo.scoring.won"
    assert run(None).model_name == "demo.scoring"


def test_a_run_without_an_outcome_says_so_where_one_is_needed() -> None:
    assert run(WON).required_outcome is WON
    with pytest.raises(ValueError, match="without an outcome"):
        _ = run(None).required_outcome


def test_who_denied_profiling_never_reaches_a_recipe(simulated: Any) -> None:
    world = simulated(20, 40)
    facts = {
        name: fact if number else fact.__class__(fact.created_at, consent={"profiling": "denied"})
        for number, (name, fact) in enumerate(world.facts.items())
    }
    store = SimpleNamespace(
        account="demo",
        pasts=SimpleNamespace(scan_facts=lambda: (list(facts), facts), scan_events=lambda **_: [world.rows]),
    )
    seen: list[Any] = []

    def material(_: Any, pasts: Any) -> None:
        seen.extend(pasts.contact_ids)
        raise Stop

    recipe: Recipe[Choices, None, None] = Recipe(
        capability="segmentation",
        choices=Choices,
        material=material,
        fit=lambda *_: None,
        to_publish=lambda *_: None,  # type: ignore[arg-type, return-value]
        gate=lambda *_: None,  # type: ignore[arg-type, return-value]
    )
    with pytest.raises(Stop):
        train(recipe, store, SimpleNamespace(), now=world.until)  # type: ignore[arg-type]

    assert seen == list(facts)[1:]
