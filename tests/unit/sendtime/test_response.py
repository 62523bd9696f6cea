import numpy as np
import pytest
from numpy.testing import assert_allclose

from services.sendtime.model.local_week import HOURS
from services.sendtime.model.response import Pulling, Response, Sent, effect
from shared.learners.simple import chance


def simulated(
    *,
    contacts: int = 400,
    each: int = 60,
    fallback: float = 0.95,
    peaks: tuple[int, ...] = (19,),
    good_at_usual: float = 0.0,
    seed: int = 1,
) -> tuple[Sent, np.ndarray]:
    """Sends to contacts whose true hour is one of `peaks`, mostly sent at 9."""
    draw = np.random.default_rng(seed)
    true = draw.choice(peaks, contacts)
    who = np.repeat(np.arange(contacts), each)
    hour = np.where(draw.random(len(who)) < fallback, 9, draw.integers(0, HOURS, len(who)))
    campaign = np.where(hour == 9, draw.integers(0, 5, len(who)), draw.integers(5, 10, len(who)))
    apart = np.abs((hour - true[who] + 12) % 24 - 12)
    margin = -2.5 + draw.normal(0, 0.5, contacts)[who] + 2.0 * np.exp(-((apart / 2.0) ** 2))
    margin = margin + np.where(campaign < 5, good_at_usual, 0.0)
    answered = (draw.random(len(who)) < chance(margin)).astype(float)
    slot = draw.integers(0, 7, len(who)) * HOURS + hour
    return Sent(who, slot, campaign, answered, np.ones(len(who))), true


def hours_of(response: Response) -> np.ndarray:
    return response.population.reshape(7, HOURS).mean(axis=0)


NAMES = tuple(f"k{n}" for n in range(10))


def test_an_effect_is_nothing_where_all_is_as_expected() -> None:
    assert effect(np.array([3.0]), np.array([3.0]), np.array([30.0]), rate=0.1, strength=5.0)[0] == 0.0


def test_an_effect_grows_with_the_evidence_behind_it() -> None:
    little = effect(np.array([2.0]), np.array([1.0]), np.array([10.0]), rate=0.1, strength=5.0)[0]
    much = effect(np.array([200.0]), np.array([100.0]), np.array([1000.0]), rate=0.1, strength=5.0)[0]

    # log-odds of 0.2 against 0.1
    assert 0 < little < much < 0.811


def test_the_true_hour_is_found_although_nearly_all_was_sent_at_another() -> None:
    sent, _ = simulated()
    clicks = np.bincount(sent.slot % HOURS, sent.engaged, minlength=HOURS)

    response = Response.fit(sent, NAMES, Pulling(groups=1))

    assert clicks.argmax() == 9, "the naive rule"
    assert abs(int(hours_of(response).argmax()) - 19) <= 1


def test_a_good_campaign_sent_at_9_does_not_make_9_good() -> None:
    sent, _ = simulated(fallback=0.5, peaks=(19,), good_at_usual=1.0)
    known = Response.fit(sent, NAMES, Pulling(groups=1))
    unknown = Response.fit(
        Sent(sent.who, sent.slot, np.full(len(sent.who), -1), sent.engaged, sent.weight), (), Pulling(groups=1)
    )

    gap = hours_of(known)[19] - hours_of(known)[9]

    assert known.campaign_effect[:5].mean() > known.campaign_effect[5:].mean()
    assert gap > hours_of(unknown)[19] - hours_of(unknown)[9]


def test_contacts_find_their_own_hour_through_look_alikes() -> None:
    sent, true = simulated(contacts=500, each=120, fallback=0.3, peaks=(7, 13, 19))
    alone, pooled = (Response.fit(sent, NAMES, Pulling(groups=k)) for k in (1, 4))

    def within_an_hour(response: Response) -> float:
        margins = response.levels(sent, 500).margins(response.population)
        best = margins.reshape(500, 7, HOURS).mean(axis=1).argmax(axis=1)
        return float((np.abs((best - true + 12) % 24 - 12) <= 1).mean())

    assert within_an_hour(pooled) > within_an_hour(alone)
    assert within_an_hour(pooled) > 0.6


def test_a_contact_without_sends_is_the_population_and_its_look_alikes() -> None:
    sent, _ = simulated()
    response = Response.fit(sent, NAMES, Pulling(groups=1))
    nothing = Sent(*(np.empty(0, dtype) for dtype in (np.int64, np.int64, np.int64, float, float)))

    levels = response.levels(nothing, 2)

    assert_allclose(levels.margins(response.population), np.tile(response.population, (2, 1)))
    assert levels.contact.tolist() == [0.0, 0.0]


def test_a_machine_that_opens_everything_hardly_moves_the_population() -> None:
    sent, _ = simulated(contacts=200, each=30)
    n = 20_000
    machine = Sent(
        np.concatenate([sent.who, np.full(n, 200)]),
        np.concatenate([sent.slot, np.full(n, 3)]),
        np.concatenate([sent.campaign, np.zeros(n, np.int64)]),
        np.concatenate([sent.engaged, np.ones(n)]),
        np.ones(len(sent.who) + n),
    )

    clean, dirty = (Response.fit(rows, NAMES, Pulling(groups=1)) for rows in (sent, machine))

    assert abs(hours_of(dirty)[9] - hours_of(clean)[9]) < 0.3
    assert np.isfinite(dirty.levels(machine, 201).margins(dirty.population)).all()


@pytest.mark.parametrize("strength", [2.0, 200.0])
def test_the_stronger_the_pull_the_nearer_is_a_contact_to_the_others(strength: float) -> None:
    sent, _ = simulated(fallback=0.3, peaks=(7, 19))
    response = Response.fit(sent, NAMES, Pulling(groups=1, hours=strength, days=strength))

    spread = float(np.abs(response.levels(sent, 400).hours).max())

    assert spread > 0.5 if strength == 2.0 else spread < 0.2
