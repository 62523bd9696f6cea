import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from shared.cards import as_html, as_markdown, card_of
from shared.contracts.model_card import ModelCard
from shared.contracts.rows import DAY
from shared.store import VersionRow

NOW = 20_200 * DAY


def card(row: VersionRow) -> ModelCard:
    return card_of(row, name="scoring.customer", champion=True, now=NOW)


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))
        if tag not in ("meta", "rect", "line", "circle", "polyline"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_what_comes_from_the_data_is_escaped_and_no_style_or_script_is_inline(scored: VersionRow) -> None:
    page = as_html(card(scored))

    tags = Tags(page)
    assert not {tag for tag, _ in tags.found} & {"script", "link", "img", "iframe", "a", "form"}
    assert not [attributes for _, attributes in tags.found if "style" in attributes]
    assert tags.open == []
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 6


def test_markdown_holds_no_tag_of_the_data(scored: VersionRow) -> None:
    assert "<script" not in as_markdown(card(scored)).replace("\\<", "")


def test_what_steers_a_terminal_or_turns_a_text_around_is_not_shown(scored: VersionRow) -> None:
    report = {
        "importance": [["order_placed_90d", 0.6]],
        "notes": ["a\x1b]0;b\x07c\u202ed\u2066 e\n\tf"],
        "evidence": {"question": "q\x9b31m?"},
    }

    made = card(replace(scored, report=report))

    assert (made.limits[-1], made.question) == ("a\ufffd]0;b\ufffdcd e f", "q\ufffd31m?")
    assert all(line.isprintable() for line in as_markdown(made).split("\n"))


def test_the_policy_allows_the_page_s_own_stylesheet_and_nothing_else(scored: VersionRow) -> None:
    page = as_html(card(scored))

    sheet = re.search("<style>(.*?)</style>", page, re.DOTALL)
    assert sheet is not None
    digest = base64.b64encode(hashlib.sha256(sheet[1].encode()).digest()).decode()
    assert f"default-src &#39;none&#39;; style-src &#39;sha256-{digest}&#39;".replace("&#39;", "'") in page.replace(
        "&#39;", "'"
    )


def test_every_table_column_has_a_header_and_every_picture_its_finding(scored: VersionRow) -> None:
    found = Tags(as_html(card(scored))).found

    assert all("scope" in attributes for tag, attributes in found if tag == "th")
    pictures = [attributes for tag, attributes in found if tag == "svg" and "aria-hidden" not in attributes]
    assert [one["aria-label"] for one in pictures] == [
        "2 groups of equal size. The largest gap: 30.0 % predicted, 40.0 % happened."
    ]
    assert [tag for tag, _ in found].count("h1") == 1
    assert {"header", "main", "footer"} <= {tag for tag, _ in found}


def test_limits_name_little_data_age_drift_and_the_end_of_the_data(scored: VersionRow) -> None:
    limits = card(scored).limits

    assert "It learned nothing of what happened after 2024-10-01: a new season, offer or market" in limits[0]
    assert "trained 200 days ago" in limits[1]
    assert "only 90 contacts reached the outcome" in limits[2]
    assert limits[3].startswith("Drift: 15% of its latest answers")


def test_the_gap_is_of_groups_that_are_large_enough(scored: VersionRow) -> None:
    table = card(scored).groups[0]

    assert table.calibration_gap is not None
    assert table.found_gap is not None
    assert (table.calibration_gap.difference, table.calibration_gap.lowest) == (0.4, "plain")
    assert (table.calibration_gap.beyond_chance, table.found_gap.beyond_chance) == (True, False)
    assert table.finding.startswith("Chances fit unequally")


def test_score_ranges_hold_all_frames(scored: VersionRow) -> None:
    ranges = card(scored).score_ranges

    assert [(one.from_score, one.to_score) for one in ranges] == [(95, 99), (80, 94), (50, 79), (1, 49)]
    assert sum(one.share for one in ranges) == pytest.approx(1)
    assert [one.happened for one in ranges] == sorted((one.happened for one in ranges), reverse=True)


@pytest.mark.parametrize("capability", ["scoring", "churn", "segmentation", "sendtime", "toy"])
def test_a_version_that_kept_next_to_nothing_has_a_card(bare: Callable[[str], VersionRow], capability: str) -> None:
    made = card(bare(capability))

    assert made.question.endswith("?")
    assert (made.figures, made.groups, made.score_ranges, made.week) == ([], [], [], None)
    assert made.limits[-1].startswith("It was trained by an earlier release")
    assert made.question in as_html(made).replace("&#39;", "'")
    assert made.question in as_markdown(made)


def test_nothing_and_everything_stand_only_where_they_are_meant(scored: VersionRow) -> None:
    counts = {"frames": [0] * 98 + [10_000], "positives": [0] * 98 + [9_996]}
    report = {
        "data": {"base_rate": 0.0004, "judged_base_rate": 0.9996},
        "importance": [["order_placed_90d", 0.9996], ["plan", 0.0004]],
        "evidence": {"scores": counts},
    }
    made = card(replace(scored, report=report))

    text, page = as_markdown(made), as_html(made)
    assert [fact.value for fact in made.learned_from][:2] == ["0.04 %", "99.96 %"]
    assert ("more than 99.9 of 100" in text, "more than 99.9 of 100" in page) == (True, True)
    assert ("Plan: 0.04 %" in text, ">0.04 %<" in page, ">99.96 %<" in page) == (True, True, True)


def test_a_version_without_signal_is_not_to_be_used(scored: VersionRow) -> None:
    made = card(replace(scored, report={**scored.report, "usable": False}))

    assert made.in_short == [
        "It found no usable signal, so that it must not be used: what it says is no better than the average."
    ]


def test_the_week_names_its_best_hour_and_draws_hours_never_tried(scored: VersionRow) -> None:
    values = [None, *[0.01] * 166, 0.05]
    evidence = {"question": "When?", "week": {"unit": "click", "values": values}}
    made = card(replace(scored, capability="sendtime", report={"evidence": evidence}))

    assert made.week is not None
    assert made.week.finding == "An average send is answered best on Sunday 23:00: 5.0 % within a day."
    page = as_html(made)
    assert (page.count('class="none"'), page.count('class="hour"'), page.count('class="best"')) == (1, 167, 1)


@pytest.mark.parametrize(
    ("champion", "said"),
    [
        (True, ["It answers requests now."]),
        (False, ["It does not answer requests: another version does, or none."]),
        (None, []),
    ],
)
def test_a_card_says_whether_its_version_answers_where_that_is_known(
    scored: VersionRow, champion: bool | None, said: list[str]
) -> None:
    made = card_of(scored, name="scoring.customer", champion=champion, now=NOW)

    assert [line for line in made.in_short if "requests" in line] == said
    assert made.champion is (champion is True)


def test_markdown_begins_with_what_must_be_known_and_ends_with_the_groups(scored: VersionRow) -> None:
    headings = re.findall("^## (.*)$", as_markdown(card(scored)), re.MULTILINE)

    assert headings == [
        "In short",
        "How to read an answer",
        "How good it is",
        "What it looks at most",
        "Limits",
        "Not for",
        "Learned from",
        "Who was left out",
        "Not looked at",
        "Does it treat groups alike",
    ]


def test_markdown_names_what_was_chosen_and_each_reason_to_leave_a_column_out_once(scored: VersionRow) -> None:
    candidates = [{"label": "rule"}, {"label": "trees of 7 leaves", "served": True}]
    left_out = [{"name": name, "reason": "constant"} for name in ("plan", "city")]
    text = as_markdown(card(replace(scored, report={"candidates": candidates, "left_out": left_out})))

    assert "Kind: decision trees (LightGBM), trees of 7 leaves.\n" in text
    assert "- Plan; City: constant\n" in text


def test_a_suspicious_column_says_what_brings_it_back(scored: VersionRow) -> None:
    made = card(replace(scored, report={"leaks": ["stage: its value alone predicts the outcome"]}))

    assert [(one.name, one.reason) for one in made.left_out_columns] == [
        (
            "stage",
            "its value alone predicts the outcome. Left out until somebody says that it is known before the outcome",
        )
    ]


def test_a_segmentation_is_graded_and_counted_in_its_own_words(scored: VersionRow) -> None:
    history = "2 of 3 segments of the version before are still there and keep their id."
    report = {"data": {"contacts": 400, "segments": 4, "cutoff": "2026-05-31"}, "notes": [history]}
    made = card(replace(scored, capability="segmentation", report=report))

    assert made.grade_in_words == "surely tells more of what contacts do next than plain recency, frequency and money"
    assert [(one.label, one.value) for one in made.learned_from][:3] == [
        ("Contacts", "400"),
        ("Segments", "4"),
        ("Asked about", "2026-05-31"),
    ]
    assert history in made.limits


def test_send_times_name_what_counts_as_success_and_the_zone(scored: VersionRow) -> None:
    data = {"active_contacts": 90, "engagement": "click", "account_zone": "Europe/Paris"}
    made = card(replace(scored, capability="sendtime", report={"data": data}))

    assert [(one.label, one.value) for one in made.learned_from][:3] == [
        ("Contacts ever seen active", "90"),
        ("A send succeeds by", "click"),
        ("Time zone of the account", "Europe/Paris"),
    ]


def test_segments_are_listed_with_their_share(scored: VersionRow) -> None:
    segment = {"id": "s1", "name": "Lapsed", "description": "Long ago.", "share": 0.2, "size": 20, "traits": []}
    figures = {"agreement": 0.97, "spend_explained": {"value": 0.4, "low": 0.3, "high": None}}
    made = card(replace(scored, capability="segmentation", figures=figures, report={"segments": [segment]}))

    assert [(one.id, one.share) for one in made.segments] == [("s1", 0.2)]
    assert [(one.words, one.text, one.interval) for one in made.figures] == [
        ("Stability", "97 of 100", None),
        ("Tells who spends next", "40.0 %", None),
    ]
    assert "**s1 Lapsed**" in as_markdown(made)
