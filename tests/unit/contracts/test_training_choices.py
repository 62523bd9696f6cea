from shared.contracts.outcome import Outcome
from shared.contracts.training import ColumnChoices

WON = Outcome(name="won", capability="scoring", attribute="won", allowed=("tags", "pages"), forbidden=("stage",))


def test_a_run_without_choices_uses_what_was_answered_for_the_outcome() -> None:
    choices = ColumnChoices(promote=False, order_by="none").for_outcome(WON)

    assert (choices.allowed, choices.forbidden) == ({"tags", "pages"}, {"stage"})
    assert (choices.promote, choices.order_by) == (False, "none")


def test_what_a_run_says_itself_counts_first() -> None:
    choices = ColumnChoices(allowed={"stage"}, forbidden={"tags"}).for_outcome(WON)

    assert (choices.allowed, choices.forbidden) == ({"pages", "stage"}, {"tags"})


def test_attributes_are_spelled_as_contacts_have_them() -> None:
    choices = ColumnChoices(allowed={"lead_quality"}, forbidden={"TAGS", "nothing"}).spelled_as(
        ["Lead Quality", "Tags"]
    )

    assert (choices.allowed, choices.forbidden) == ({"Lead Quality"}, {"Tags", "nothing"})
