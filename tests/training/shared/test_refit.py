"""Where trees win, they may be grown once more on all frames; whatever else wins stays as it is."""

import numpy as np
import pytest

from services.scoring.fit import ScoringFit
from services.scoring.training import fitted
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY
from shared.learners.trees import Trees
from shared.timeline import build
from shared.timeline.past_rows import ContactFacts, DatedValue
from shared.training.material import Material, framed
from shared.training.refit import RefitRequest, RefittedOnAll

STARTS = 1_700_000_000_000_000
UNTIL = STARTS + 300 * DAY
WON = Outcome(name="won", capability="scoring", event_types=("deal_lost", "deal_won"), horizon_days=30, every_days=15)


def world(*, together: bool) -> Material:
    """Make contacts with two attributes that matter only together, or each for itself."""
    draw = np.random.default_rng(4)
    facts, events = {}, []
    for number in range(300):
        name, (one, other) = f"c{number:03}", draw.normal(size=2)
        attributes = tuple(DatedValue(key, 0, float(value)) for key, value in (("first", one), ("second", other)))
        facts[name] = ContactFacts(created_at=STARTS, attributes=attributes)
        hazard = 0.008 * (one * other > 0) + 0.0002 if together else 0.0015 * np.exp(one)
        events.append((name, "seen", "page_viewed", STARTS + DAY, None, None, None, None, None))
        events += [
            (name, f"v{day}", "page_viewed", STARTS + day * DAY, None, None, None, None, None)
            for day in range(number % 20, 300, 20)
        ]
        at = draw.exponential(1 / hazard)
        if at < 300:
            events.append((name, "won", "deal_won", STARTS + int(at * DAY), None, None, None, None, None))
    return framed(WON, build(list(facts), facts, [events]), now=UNTIL)


@pytest.fixture(scope="module")
def stuff() -> Material:
    """Where trees win."""
    return world(together=True)


@pytest.fixture(scope="module")
def plain(stuff: Material) -> ScoringFit:
    return fitted(stuff, now=UNTIL)


def test_trees_that_won_are_grown_on_all_frames_and_the_report_says_so(stuff: Material, plain: ScoringFit) -> None:
    requests = []

    def refit(request: RefitRequest) -> RefittedOnAll:
        requests.append(request)
        return RefittedOnAll(Trees(plain.model.learner.text), 12_345)  # type: ignore[attr-defined]

    fit = fitted(stuff, now=UNTIL, refit=refit)

    (request,) = requests
    assert plain.model.kind == "lightgbm"
    assert request.outcome.event_types == ("deal_won",)
    assert (request.since, request.until) == (int(stuff.frames.cutoff.min()), stuff.until)
    assert request.frames == len(stuff.frames)
    assert fit.model.learner.booster.num_trees() == request.rounds
    assert "all 12,345 frames" in fit.report.notes[-1]


def test_whatever_else_wins_is_not_fitted_again() -> None:
    def refit(request: RefitRequest) -> RefittedOnAll:
        raise AssertionError("only trees are grown again")

    fit = fitted(world(together=False), now=UNTIL, refit=refit)

    assert fit.model.kind == "logistic"
    assert not [note for note in fit.report.notes if "once more on all" in note]


def test_trees_stay_as_they_are_where_there_are_no_more_frames(stuff: Material, plain: ScoringFit) -> None:
    fit = fitted(stuff, now=UNTIL, refit=lambda _: None)

    assert fit.model.learner == plain.model.learner
    assert fit.report.to_json() == plain.report.to_json()
    assert not [note for note in fit.report.notes if "once more on all" in note]
