"""Commands about models that the command line works on itself."""

from foretell.cli.training_run import by_hand
from shared.contracts.outcome import ModelName


def test_a_command_by_hand_is_the_command_line_s() -> None:
    row = by_hand("promote", ModelName("sendtime"), {"version": "3"}, reason="better")

    assert (row.kind, row.model.text, row.requested_by, row.reason) == ("promote", "sendtime", "command line", "better")
    assert len(row.command_id) == 20
