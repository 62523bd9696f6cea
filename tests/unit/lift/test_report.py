from dataclasses import replace
from datetime import UTC, datetime

from shared.lift.report import ArmCounts, Counted, compared

SINCE, UNTIL = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)


def counted(treated: ArmCounts, control: ArmCounts, **more: object) -> Counted:
    made = Counted("spring", 0.5, ["deal_won"], SINCE, UNTIL, True, 3, treated, control, frozenset())
    return replace(made, **more)  # type: ignore[arg-type]


def test_a_report_says_what_was_computed_by_hand() -> None:
    """Newcombe's example: 56 of 70 treated, 48 of 80 held out; 70 and 80 of a planned half: chi-square 100/150."""
    found = compared(counted(ArmCounts(70, 60, 56), ArmCounts(80, 50, 48)))

    assert found.difference is not None
    assert found.lift is not None
    assert [round(one, 4) for one in (found.difference.value, found.difference.low, found.difference.high)] == [
        0.2,
        0.0524,
        0.3339,
    ]
    assert [round(one, 4) for one in (found.lift.value, found.lift.low, found.lift.high)] == [0.3333, 0.0766, 0.6512]
    assert (round(found.treated.rate.value, 4), found.control.reached, found.treated.events) == (0.8, 48, 60)
    assert (round(found.sample_ratio.p_value, 3), found.sample_ratio.mismatch) == (0.414, False)
    assert (found.value, found.warnings, found.left_out) == (None, [], 3)
    assert found.conclusion == "Treated contacts reached it more often: by 20.00 percentage points (5.24 to 33.39)."


def test_what_so_many_contacts_can_show_is_put_in_words() -> None:
    """2.801585 * sqrt(0.1 * 0.9 * (1/900 + 1/100)) = 0.0886; Wilson 0.0821 to 0.1213 and 0.0552 to 0.1744."""
    found = compared(counted(ArmCounts(900, 90, 90), ArmCounts(100, 10, 10), share=0.1))

    assert found.detectable.text == (
        "With 900 treated and 100 held out, a true difference of 8.86 percentage points (89% of a rate of 10.0%) is "
        "found in 8 of 10 such tests; a smaller one may stay unseen."
    )
    assert found.conclusion == "No difference is proven: it lies between -7.65 and 4.96 percentage points."


def test_sides_of_other_sizes_than_planned_forbid_a_conclusion() -> None:
    found = compared(counted(ArmCounts(800, 80, 80), ArmCounts(200, 30, 30), share=0.1))

    assert found.sample_ratio.mismatch
    assert found.warnings[0].startswith("Sample ratio mismatch: 10.0% were to be held out, 20.0% were counted.")
    assert found.conclusion == "Nothing can be concluded: the two sides do not have their planned sizes."


def test_fewer_outcomes_of_the_treated_have_words_too() -> None:
    found = compared(counted(ArmCounts(80, 50, 48), ArmCounts(70, 60, 56)))

    assert found.conclusion == "Treated contacts reached it less often: by 20.00 percentage points (-33.39 to -5.24)."


def test_nobody_gives_no_figures() -> None:
    found = compared(counted(ArmCounts(), ArmCounts(), ended=False))

    assert (found.difference, found.lift, found.detectable.difference, found.sample_ratio.share) == (None,) * 4
    assert found.conclusion == "Nothing can be concluded: one side has no contacts."
    assert [one.partition(":")[0] for one in found.warnings] == [
        "Fewer than 10 contacts of a side reached it",
        "The holdout is still active",
    ]


def test_values_are_compared_in_one_currency_alone() -> None:
    arms = ArmCounts(40, 10, 10, [8.0] * 10), ArmCounts(40, 5, 5, [8.0] * 5)

    one = compared(counted(*arms, currencies=frozenset({"EUR"})))
    two = compared(counted(*arms, currencies=frozenset({"EUR", "USD"})))

    assert one.value is not None
    assert (one.value.currency, round(one.value.difference.high, 3), one.treated.value_per_contact) == ("EUR", 2.391, 2)
    assert (two.value, two.treated.value) == (None, None)
    assert "Values are in several currencies, so they are not added up." in two.warnings


def test_values_of_few_contacts_are_not_compared() -> None:
    found = compared(counted(ArmCounts(20, 10, 10, [8.0] * 10), ArmCounts(20, 5, 5, [8.0] * 5)))

    assert (found.value, found.treated.value) == (None, 80.0)
