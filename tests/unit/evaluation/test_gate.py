import numpy as np

from shared.evaluation.gate import judged
from shared.evaluation.metrics import losses

OWNER = np.arange(400)


def frames(mean: float, *, seed: int = 0, n: int = 400) -> np.ndarray:
    return mean + 0.05 * np.random.default_rng(seed).normal(size=n)


def test_a_clearly_better_challenger_passes() -> None:
    verdict = judged(frames(0.30), frames(0.40), frames(0.50), OWNER)

    assert (verdict.promote, verdict.decided) == (True, True)


def test_the_same_model_again_passes_since_it_is_not_worse() -> None:
    same = frames(0.40)

    assert judged(same, same, frames(0.50), OWNER).promote


def test_a_clearly_worse_challenger_stays_outside() -> None:
    verdict = judged(frames(0.45), frames(0.40), frames(0.50), OWNER)

    assert (verdict.promote, verdict.decided) == (False, True)
    assert "could be worse" in verdict.reason


def test_one_percent_worse_is_the_border() -> None:
    champion = frames(0.40)

    assert judged(champion + 0.0039, champion, frames(0.50), OWNER).promote
    assert not judged(champion + 0.0041, champion, frames(0.50), OWNER).promote


def test_a_challenger_that_might_be_worse_stays_outside_though_its_mean_is_better() -> None:
    noisy = frames(0.40) + np.random.default_rng(1).normal(size=400)
    noisy -= noisy.mean() - frames(0.40).mean() + 0.001

    assert not judged(noisy, frames(0.40), frames(0.50), OWNER).promote
    assert judged(noisy, frames(0.40), frames(0.50), OWNER, champion_is_old=True).promote


def test_an_equal_challenger_replaces_an_old_champion_and_no_young_one() -> None:
    champion = frames(0.40)
    by_chance = np.random.default_rng(1).normal(size=400)
    challenger = champion + 0.2 * (by_chance - by_chance.mean()) + 0.001

    assert not judged(challenger, champion, frames(0.50), OWNER).promote
    assert judged(challenger, champion, frames(0.50), OWNER, champion_is_old=True).promote


def test_a_challenger_taught_with_shuffled_labels_is_refused_whatever_the_champion_s_age() -> None:
    draw = np.random.default_rng(5)
    chances = draw.beta(2, 5, size=2_000)
    labels = (draw.random(2_000) < chances).astype(float)
    champion, constant = losses(labels, chances), losses(labels, np.full(2_000, labels.mean()))
    sabotaged = losses(labels, draw.permutation(chances))

    verdict = judged(sabotaged, champion, constant, np.arange(2_000), champion_is_old=True)

    assert (verdict.promote, verdict.decided) == (False, True)
    assert verdict.figures["challenger_loss"] > verdict.figures["constant_loss"] > verdict.figures["champion_loss"]


def test_the_figures_say_what_was_compared() -> None:
    figures = judged(frames(0.30), frames(0.40), frames(0.50), OWNER).figures

    assert figures["frames"] == 400
    assert figures["difference_low"] <= figures["difference"] <= figures["difference_high"]
    assert abs(figures["challenger_loss"] - figures["champion_loss"] - figures["difference"]) < 1e-5


def test_an_old_champion_is_not_replaced_by_something_worse() -> None:
    assert not judged(frames(0.43), frames(0.40), frames(0.50), OWNER, champion_is_old=True).promote


def test_no_better_than_the_base_rate_never_passes() -> None:
    verdict = judged(frames(0.50), frames(0.60), frames(0.50), OWNER, champion_is_old=True)

    assert (verdict.promote, verdict.decided) == (False, True)
    assert "base rate" in verdict.reason


def test_199_newer_frames_decide_nothing() -> None:
    few = [frames(mean, n=199) for mean in (0.1, 0.4, 0.5)]

    verdict = judged(few[0], few[1], few[2], np.arange(199))

    assert (verdict.promote, verdict.decided) == (False, False)
    assert verdict.reason == "only 199 frames are newer than both trainings; 200 are needed"


def test_frames_of_few_contacts_are_less_evidence() -> None:
    gap = np.repeat(np.random.default_rng(3).normal(size=8), 50) * 0.02
    champion = frames(0.40)
    challenger = champion + gap - gap.mean()

    assert judged(challenger, champion, frames(0.50), OWNER).promote
    assert not judged(challenger, champion, frames(0.50), np.repeat(np.arange(8), 50)).promote
