from dataclasses import dataclass, field
from typing import Any

from foretell.cli.training_report import report_lines


@dataclass(frozen=True)
class FakeReport:
    leaks: tuple[str, ...] = ()
    questioned: tuple[str, ...] = ()
    auc: float = 0.837
    left: tuple[str, ...] = ()
    columns: tuple[dict[str, Any], ...] = ()
    usable: bool = True
    slope: dict[str, float] = field(default_factory=lambda: {"value": 1.0, "low": 0.9, "high": 1.1})

    def to_json(self) -> dict[str, Any]:
        return {
            "winner": "trees of 7 leaves",
            "grade": "B",
            "usable": self.usable,
            "data": {"frames": 77_570, "contacts": 8_124, "positive_contacts": 902, "judged_base_rate": 0.11},
            "candidates": [
                {"label": "constant", "log_loss": 0.17812},
                {"label": "trees of 7 leaves", "log_loss": 0.14571, "served": True},
            ],
            "figures": {
                "auc": {"value": self.auc, "low": 0.8215, "high": None},
                "lift_at_10_percent": {"value": 3.7, "low": 3.0, "high": 4.0},
                "calibration_slope": self.slope,
                "auc_with_suspects": 0.95,
                "auc_without_questioned": 0.71,
            },
            "importance": [["email_clicked_30d", 0.5], ["country", 0.2]],
            "leaks": list(self.leaks),
            "questioned": list(self.questioned),
            "left_out": [
                {"name": "age", "reason": "not dated", "remedy": "--static age,size"},
                {"name": "size", "reason": "not dated", "remedy": "--static age,size"},
                {"name": "name", "reason": "personal", "remedy": None},
                *({"name": name, "reason": "tells the date", "remedy": None} for name in self.left),
            ],
            "columns": list(self.columns),
            "notes": ["Figures come from 5 blocks."],
        }


@dataclass(frozen=True)
class FakePublished:
    promoted: bool = True
    reason: str = "first version"
    version: str = "3"
    report: FakeReport = FakeReport(("Lead: Tags: its value alone predicts the outcome with an AUC of 0.97",))


def test_the_first_page_says_in_words_what_was_found_whether_to_trust_it_and_what_to_do() -> None:
    lines = report_lines(FakePublished(), "acme.scoring.customer")

    assert lines[0] == "acme.scoring.customer version 3: grade B"
    assert "  8,124 contacts were looked at; 902 of them had the outcome." in lines
    assert "  Of the tenth with the highest score, 41 in 100 reach the outcome, against 11 on average." in lines
    assert "  It looks most at: email clicks in the last 30 days; Country." in lines
    assert "  Grade B: clearly better than the best plain rule." in lines
    assert "  Of two contacts, one with and one without the outcome, it puts the right one first in 84 of 100." in lines
    assert "  The chances are as exact as could be measured: of those with 20 %, about 20 in 100 come true." in lines
    assert "  age, size: not dated (--static age,size)" in lines
    assert "  name: personal" in lines
    assert "  Promoted: first version." in lines
    assert not any("log loss" in line or "frames" in line for line in lines)


def test_a_suspect_is_questioned_with_both_commands_and_both_figures() -> None:
    lines = report_lines(FakePublished(), "acme.scoring.customer")

    at = lines.index("To be answered by you")
    assert lines[at + 1] == (
        "  Is Lead: Tags known before the outcome? "
        "Its value alone puts the right one of two contacts first in 97 of 100."
    )
    assert lines[at + 2] == (
        "    It was left out. Yes: train again with --allow 'Lead: Tags'. No: --forbid 'Lead: Tags'."
    )
    assert (
        lines[at + 3]
        == "  Of two contacts the right one comes first in 84 of 100 without what was left out, in 95 with it."
    )
    assert lines[at + 4] == "  An answer counts for every later training of this outcome."


def test_a_strong_column_that_was_kept_stands_among_the_questions() -> None:
    report = FakeReport(questioned=("pages: its value alone predicts the outcome with an AUC of 0.90",))

    lines = report_lines(FakePublished(report=report), "acme.scoring.customer")

    at = lines.index("To be answered by you")
    assert lines[at + 1].startswith("  Is pages known before the outcome? Its value alone")
    assert lines[at + 2] == "    It was kept. No: train again with --forbid pages. Yes: --allow pages."
    assert (
        lines[at + 3]
        == "  Of two contacts the right one comes first in 84 of 100 with what was kept, in 71 without it."
    )


def test_a_result_too_good_to_be_true_is_called_that_beside_its_grade() -> None:
    good = report_lines(FakePublished(report=FakeReport(auc=0.96)), "acme.scoring.customer")
    too_good = report_lines(FakePublished(report=FakeReport(auc=0.97)), "acme.scoring.customer")

    assert not any("too good to be true" in line for line in good)
    assert any("It is too good to be true, though" in line for line in too_good)


def test_a_risk_is_reported_as_leaving() -> None:
    lines = report_lines(FakePublished(), "acme.churn.churn")

    assert "  8,124 contacts were looked at; 902 of them left, or fell silent so long, at least once." in lines
    assert "  Of the tenth with the highest score, 41 in 100 leave, against 11 on average." in lines
    assert "  Of two contacts, one who leaves and one who stays, it puts the right one first in 84 of 100." in lines


@dataclass(frozen=True)
class SendsReport(FakeReport):
    sums_value: bool = False

    def to_json(self) -> dict[str, Any]:
        figures = {"gain_over_equal_chances": 0.03, "reward_of_policy": 0.1043, "reward_of_equal_chances": 0.06432}
        data = {"contacts": 3_000, "decisions": 21_000, "reward": 0.0643, "sums_value": self.sums_value}
        return {**super().to_json(), "data": data, "figures": figures}


def test_what_messages_earn_is_written_of_a_hundred_sends_or_in_their_value() -> None:
    shares, values = (
        report_lines(FakePublished(report=SendsReport(sums_value=one)), "acme.messages.clicked")
        for one in (False, True)
    )

    assert "  21,000 sent messages were learned from; 6.43 of 100 reached the outcome." in shares
    assert "  Of 100 later sends 10.4 would have reached it by this version, 6.43 by equal chances." in shares
    assert "  21,000 sent messages were learned from; a send earned 0.0643 on average." in values
    assert "  By this version a later send would have earned 0.104, by equal chances 0.0643." in values


def test_send_time_is_not_graded_as_an_order_of_contacts() -> None:
    lines = report_lines(FakePublished(), "acme.sendtime")

    assert "  Grade B: clearly better than one hour for everybody." in lines
    assert not any("looks most at" in line for line in lines)


def test_many_columns_that_were_left_out_are_counted_and_named_in_the_details() -> None:
    report = FakeReport(left=(*(f"order_placed_{days}d" for days in (7, 30, 90, 365, 730)), "days_known", "plan"))

    short = report_lines(FakePublished(report=report), "acme.scoring.customer")
    long = report_lines(FakePublished(report=report), "acme.scoring.customer", details=True)

    (line,) = [line for line in short if "tells the date" in line]
    assert line.startswith("  orders in the last 7 days, orders in the last 30 days")
    assert line.endswith("and 2 more: tells the date")
    assert "days_known         tells the date" in long


def test_chances_that_are_not_exact_are_not_to_be_promised() -> None:
    report = FakeReport(slope={"value": 1.32, "low": 1.15, "high": 1.5})

    lines = report_lines(FakePublished(report=report), "acme.scoring.customer")

    assert "  The order can be used; the chances are not exact: do not promise one as a number." in lines


def test_of_data_without_signal_not_even_the_order_is_to_be_used() -> None:
    report = FakeReport(usable=False, slope={"value": -4.9, "low": -9.3, "high": -0.8})

    lines = report_lines(FakePublished(promoted=False, report=report), "acme.scoring.customer")

    assert "  No: there is no usable signal in this data." in lines
    assert "  The chances are not exact: do not promise one as a number." in lines
    assert not any("order can be used" in line for line in lines)


def test_every_figure_follows_when_requested() -> None:
    lines = report_lines(FakePublished(), "acme.scoring.customer", details=True)

    assert "frames             77,570" in lines
    assert "label              log loss  served" in lines
    assert "trees of 7 leaves  0.1457    yes" in lines
    assert "auc                     0.837 (0.8215 to -)" in lines


def test_a_version_that_was_not_promoted_says_why() -> None:
    lines = report_lines(FakePublished(promoted=False, reason="no usable signal"), "acme.scoring.customer")

    assert "  Not promoted: no usable signal." in lines


COLUMNS = (
    {"name": "spend", "read_as": "number, decimal comma", "filled": 1_200, "unreadable": 13},
    {"name": "size", "read_as": "whole number", "filled": 1_180, "unreadable": 0},
    {"name": "since", "read_as": "date, day first (DD-MM-YYYY)", "filled": 1_200, "unreadable": 1},
    {"name": "trial", "read_as": "yes/no", "filled": 1_200, "unreadable": 0},
    {"name": "Lead: Tags", "read_as": "category of 12 values", "filled": 900, "unreadable": 0},
)


def test_what_the_columns_were_read_as_is_one_line() -> None:
    lines = report_lines(FakePublished(report=FakeReport(columns=COLUMNS)), "acme.scoring.customer")

    assert (
        "  Columns read: 5 (2 numbers, 1 date, 1 yes/no, 1 category). "
        "14 cells could not be read and count as missing (spend, since)." in lines
    )
    assert not any("decimal comma" in line for line in lines)


def test_the_details_list_each_column_with_its_type_its_unreadable_cells_and_why_it_was_left_out() -> None:
    suspect = ("Lead: Tags: its value alone predicts the outcome with an AUC of 0.97",)
    published = FakePublished(report=FakeReport(suspect, columns=COLUMNS))

    lines = [" ".join(line.split()) for line in report_lines(published, "acme.scoring.customer", details=True)]

    assert "column read as values unreadable used" in lines
    assert "spend number, decimal comma 1,200 13 yes" in lines
    assert "since date, day first (DD-MM-YYYY) 1,200 1 yes" in lines
    assert "size whole number 1,180 0 no: not dated" in lines
    assert "age - - - no: not dated" in lines
    assert "Lead: Tags category of 12 values 900 0 no: to be answered by you" in lines


def test_a_report_of_before_columns_were_reported_has_no_line_of_them() -> None:
    assert not any("Columns read" in line for line in report_lines(FakePublished(), "acme.scoring.customer"))
