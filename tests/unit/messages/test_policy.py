import numpy as np
import pytest
from numpy.testing import assert_allclose

from services.messages.model.hierarchy import RewardSums, Strengths, members, own_variances, posterior, prior_variances
from services.messages.model.policy import MessageTraits, fit
from services.messages.model.policy_columns import PolicyColumns
from shared.learners.simple import Columns

SENDS = 6_000
TOPICS = [MessageTraits("a", {"topic": "price"}), MessageTraits("b", {"topic": "price"}), MessageTraits("c")]


def world(seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Contacts above average click what is about prices, others `c`."""
    draw = np.random.default_rng(seed)
    design, message = draw.normal(size=(SENDS, 2)), draw.integers(0, 3, SENDS)
    above = design[:, 0] > 0
    likes = np.where(message == 2, ~above, above)
    return design, message, (draw.random(SENDS) < np.where(likes, 0.3, 0.1)).astype(float)


def test_the_posterior_is_that_of_the_whole_joint_model() -> None:
    draw = np.random.default_rng(1)
    design = np.column_stack([np.ones(80), draw.normal(size=80)])
    message, reward = draw.integers(0, 3, 80), draw.normal(size=80)
    member = members([frozenset({("t", "x")}), frozenset({("t", "x")}), frozenset()], [("t", "x")])
    strengths = Strengths(0.3, 0.2, (0.1,), 0.4, (0.05,), 0.7)

    found = posterior(RewardSums.of(design, message, reward, np.ones(80), 3), member, strengths, steps=0)

    # All weights side by side: of all messages, of the group, of each message.
    rows = np.zeros((80, 10))
    for row, code in enumerate(message):
        blocks = [1.0, member[code, 1], *(float(code == one) for one in range(3))]
        rows[row] = np.kron(blocks, design[row])
    prior = np.concatenate([prior_variances(strengths, 1, 2).ravel(), np.tile(own_variances(strengths, 2), 3)])
    covariance = np.linalg.inv(rows.T @ rows / 0.7 + np.diag(1 / prior))
    weights = covariance @ rows.T @ reward / 0.7
    sums = np.array([np.kron([1.0, member[code, 1], *np.eye(3)[code]], np.eye(2)) for code in range(3)])
    assert_allclose(found.weights, sums @ weights, atol=1e-10)
    assert_allclose(found.weights_covariance, sums @ covariance @ sums.transpose(0, 2, 1), atol=1e-10)


def test_strengths_tell_what_differs_between_messages_from_what_does_not() -> None:
    draw = np.random.default_rng(2)
    design = np.column_stack([np.ones(20_000), draw.normal(size=20_000)])
    message = draw.integers(0, 20, 20_000)
    level = draw.normal(0, 0.5, 20)
    reward = level[message] + 0.3 * design[:, 1] + draw.normal(size=20_000)

    found = posterior(RewardSums.of(design, message, reward, np.ones(20_000), 20), np.ones((20, 1)))

    assert found.strengths.own_level == pytest.approx(0.25, rel=0.5)
    assert max(found.strengths.own_slopes) < 0.01
    assert found.strengths.noise == pytest.approx(1.0, rel=0.03)


def test_who_clicks_what_is_learned_as_a_chance() -> None:
    policy = fit(*world(), TOPICS)

    expected = policy.expected(np.array([[1.5, 0.0], [-1.5, 0.0]]))

    assert expected[0].argmax() in (0, 1)
    assert expected[1].argmax() == 2
    assert ((expected > 0) & (expected < 1)).all()
    assert policy.expected(world()[0]).mean() == pytest.approx(0.2, abs=0.02)


def test_intervals_hold_what_is_earned() -> None:
    draw = np.random.default_rng(4)
    weights = np.column_stack([np.full(30, -2.0), np.zeros((30, 2))]) + draw.normal(0, 0.3, (30, 3))
    design, message = draw.normal(size=(30_000, 2)), draw.integers(0, 30, 30_000)
    chances = 1 / (1 + np.exp(-np.column_stack([np.ones(30_000), design]) @ weights.T))
    reward = (draw.random(30_000) < chances[np.arange(30_000), message]).astype(float)
    policy = fit(design, message, reward, [MessageTraits(f"m-{code}") for code in range(30)])

    low, high = policy.interval(design[:3_000], message[:3_000], sure=1.96)

    truth = chances[np.arange(3_000), message[:3_000]]
    assert 0.9 < ((low < truth) & (truth < high)).mean() < 0.99


def test_chances_sum_to_1_and_leave_each_message_its_share_of_the_floor() -> None:
    policy = fit(*world(), TOPICS)
    allowed = np.array([[True, True, True], [True, False, True], [False, False, False], [False, True, False]])

    chances = policy.chances(np.full((4, 2), 2.0), allowed, floor=0.3)

    assert_allclose(chances.sum(axis=1), [1, 1, 0, 1])
    assert (chances[0] >= 0.1 - 1e-12).all()
    assert chances[1].tolist() == [pytest.approx(0.85), 0.0, pytest.approx(0.15)]
    assert chances[3].tolist() == [0, 1, 0]


def test_a_floor_of_1_gives_equal_chances() -> None:
    policy = fit(*world(), TOPICS)

    assert_allclose(policy.chances(np.ones((1, 2)), np.ones((1, 3), dtype=bool), floor=1.0), [[1 / 3] * 3])


def test_a_new_message_is_expected_to_earn_as_those_of_its_topic() -> None:
    policy = fit(*world(), TOPICS)
    added = policy.with_messages([*TOPICS, MessageTraits("new", {"topic": "price"})])

    here, there = added.expected(np.array([[2.0, 0.0], [-2.0, 0.0]]))

    assert here[3] > here[2]
    assert there[3] < there[2]
    chances = added.chances(np.array([[2.0, 0.0]]), np.ones((1, 4), dtype=bool), floor=0.05)
    assert chances[0, 3] > 0.1


def test_a_new_message_is_drawn_the_same_each_time() -> None:
    policy, new = fit(*world(), TOPICS), [MessageTraits("new", {"topic": "never seen"})]

    one, other = (policy.with_messages([*TOPICS[: 1 + again], *new]) for again in (0, 1))

    assert_allclose(one.draws[:, -1], other.draws[:, -1])


def test_sums_of_values_are_learned_in_their_own_unit() -> None:
    design, message, clicked = world()

    policy = fit(design, message, 50.0 * clicked, TOPICS, is_share=False)

    assert policy.link == "identity"
    assert policy.expected(design).mean() == pytest.approx(50 * clicked.mean(), rel=0.05)
    assert (policy.expected(10 * design) >= 0).all()


def test_beyond_what_was_learned_a_column_is_as_at_its_end() -> None:
    learned = np.array([[0.0, 0.0], [1.0, 1.0], [3.0, 1.0], [np.nan, 0.0]])
    columns = PolicyColumns.fit(learned, Columns(("days", "country"), (1,)))

    found = columns.of(np.array([[3.0, 1.0], [400.0, 1.0], [0.0, 0.0], [-5.0, 0.0], [np.nan, 1.0]]))

    assert_allclose(found[1], found[0])
    assert_allclose(found[3], found[2])
    assert found[4, 0] == 0.0
    assert_allclose(PolicyColumns.from_arrays(columns.to_arrays(), 2).of(np.array([[400.0, 1.0]])), found[:1])
