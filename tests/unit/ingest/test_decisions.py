"""Decisions of another tool as rows, and as columns of a file."""

import json
from pathlib import Path
from typing import Any

from shared.contracts.decision import DecisionRow
from shared.contracts.decision_input import DecisionInput
from shared.ingest import Batch, Findings, Options, decision_batches, decision_row, named_messages, plan_file

GIVEN = {
    "contact_id": "c", "message": "b", "propensity": 0.5, "candidates": ["a", "b"], "reward": 1,
    "decided_at": "1970-01-01T00:00:01Z",
}  # fmt: skip


def row(**more: Any) -> DecisionRow:
    return decision_row(DecisionInput.model_validate({**GIVEN, **more}), outcome="clicked")


def batch_of(path: Path, **options: Any) -> Batch[DecisionRow]:
    plan = plan_file(path, "decisions", Options(**options))
    (batch,) = decision_batches(plan, Findings(), outcomes={"clicked", "order"}, default="clicked")
    return batch


def test_a_decision_becomes_a_row_of_another_tool() -> None:
    made = row(id="d", slot="banner", campaign_id="may", outcome="order")

    assert made == DecisionRow(
        "d", "c", "order", "banner", "may", "b", "imported", 0.5, ("a", "b"), "0", 1_000_000, 1.0
    )


def test_without_an_id_the_same_decision_is_the_same_whatever_it_earned() -> None:
    first = row()

    assert first.decision_id.startswith("~")
    assert row(reward=0).decision_id == first.decision_id
    others = [{"contact_id": "d"}, {"message": None, "candidates": [None]}, {"slot": "x"}, {"campaign_id": "x"},
              {"propensity": 0.25}, {"decided_at": "1970-01-01T00:00:02Z"}, {"outcome": "order"}]  # fmt: skip
    assert len({first.decision_id, *(row(**one).decision_id for one in others)}) == 8


def test_messages_are_named_whether_chosen_or_not() -> None:
    counted = row(message="z", candidates=None, number_of_candidates=3)

    assert named_messages([row(candidates=["a", "b", None]), counted]) == {"a", "b", "z"}


def test_a_reward_is_a_number_or_yes_and_no(tmp_path: Path) -> None:
    given = ("yes", "no", "true", "1", "0", "2.5", "-1", "much")
    text = "".join(f"c,b,0.5,2,1970-01-01T00:00:01Z,{reward}\n" for reward in given)
    (tmp_path / "log.csv").write_text(f"contact_id,message,propensity,n_actions,decided_at,reward\n{text}")

    batch = batch_of(tmp_path / "log.csv")

    assert [one.reward for one in batch.rows] == [1, 0, 1, 1, 0, 2.5, -1]
    assert [reject.line for reject in batch.rejects] == [9]


def test_a_file_gives_the_same_rows_as_the_api(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(
        "User ID;Action;pscore;Actions;Timestamp;Clicked\nc;b;0,5;a|b;1970-01-01 01:00:01;1\n"
    )
    (tmp_path / "log.ndjson").write_text(json.dumps(GIVEN) + "\n")

    from_csv = batch_of(tmp_path / "log.csv", timezone="Europe/Berlin")

    assert from_csv.rejects == []
    assert from_csv.rows == batch_of(tmp_path / "log.ndjson").rows == [row()]


def test_nothing_is_an_empty_message_and_null_among_the_candidates(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(
        'contact_id,message,propensity,candidates,decided_at,reward\nc,,0.5,"[""a"", null]",1970-01-01T00:00:01Z,\n'
    )

    (made,) = batch_of(tmp_path / "log.csv").rows

    assert (made.message_id, made.candidates, made.reward) == (None, ("", "a"), None)


def test_a_row_that_is_no_decision_is_a_reject_with_its_reason(tmp_path: Path) -> None:
    lines = ["b,1.5,a|b,clicked", "c,0.5,a|b,clicked", "b,0.5,[a,clicked", "b,0.5,a|b,wrong", "b,0.5,,clicked"]
    text = "".join(f"c,{line},1970-01-01T00:00:01Z\n" for line in lines)
    (tmp_path / "log.csv").write_text(f"contact_id,message,propensity,candidates,outcome,decided_at\n{text}")

    batch = batch_of(tmp_path / "log.csv")

    assert batch.rows == []
    parts = (
        "propensity",
        "among which the message is",
        "candidates is neither",
        "no outcome wrong",
        "either candidates",
    )
    assert [part in reject.reason for part, reject in zip(parts, batch.rejects, strict=True)] == [True] * 5


def test_a_chance_may_be_written_as_a_percentage_and_is_never_0(tmp_path: Path) -> None:
    given = ("50 %", "0.5", "50", "0")
    text = "".join(f"c,b,{chance},2,1970-01-01T00:00:01Z\n" for chance in given)
    (tmp_path / "log.csv").write_text(f"contact_id,message,propensity,n_actions,decided_at\n{text}")

    batch = batch_of(tmp_path / "log.csv")

    assert [one.propensity for one in batch.rows] == [0.5, 0.5]
    assert [reject.reason for reject in batch.rejects] == [
        "propensity is larger than 1",
        "propensity is 0: what was chosen had a chance above 0",
    ]
