from shared.capabilities import capability
from shared.change_detection.account_messages import batch_completed, data_insufficient, model_promoted
from shared.change_detection.compare import ComparedModel
from shared.change_detection.states import StateMove
from shared.contracts.message import Message
from shared.contracts.rows import DAY

SUBJECT = ComparedModel(capability("segmentation"), "", "8", 500)


def test_a_complete_round_reports_how_many_and_how_long() -> None:
    message = batch_completed(SUBJECT, contacts=12, began=1_000_000, ended=3_500_000)

    assert (message.type, message.contact_id, message.cause, message.occurred_at) == (
        "batch.completed", None, None, 3_500_000,
    )  # fmt: skip
    assert message.data == {
        "capability": "segmentation", "outcome": None, "contacts": 12, "seconds": 2.5, "version": "8",
    }  # fmt: skip


def test_a_clock_that_was_set_back_gives_no_negative_seconds() -> None:
    assert batch_completed(SUBJECT, contacts=1, began=9, ended=3).data["seconds"] == 0


def test_a_version_records_whom_it_moved_and_keeps_its_id_until_it_is_promoted_again() -> None:
    message = model_promoted(SUBJECT, "7", "A", contacts=12, moves=[StateMove("s1", "s2", 3)], at=900)

    assert message.data == {
        "capability": "segmentation", "outcome": None, "version": "8", "previous_version": "7", "grade": "A",
        "contacts": 12, "moved": [{"from": "s1", "to": "s2", "contacts": 3}],
    }  # fmt: skip
    assert model_promoted(SUBJECT, "7", "A", contacts=13, moves=[], at=950).message_id == message.message_id
    again = ComparedModel(capability("segmentation"), "", "8", 501)
    assert model_promoted(again, "7", "A", contacts=12, moves=[], at=950).message_id != message.message_id


def test_too_little_data_is_reported_in_counts_once_a_day() -> None:
    def told(at: int) -> Message:
        counts = {"with_outcome": 12, "needed": 40, "names": ["x"], "flag": True}
        return data_insufficient(capability("scoring"), "customer", "Too few.", counts=counts, at=at, about="training")

    first, later, tomorrow = told(DAY), told(2 * DAY - 1), told(2 * DAY)

    assert first.data == {
        "capability": "scoring", "outcome": "customer", "detail": "Too few.",
        "counts": {"with_outcome": 12, "needed": 40},
    }  # fmt: skip
    assert first.message_id == later.message_id
    assert first.message_id != tomorrow.message_id
