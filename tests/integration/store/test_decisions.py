"""Decisions: committed before they are answered, kept within a campaign, and no cap is passed by callers at once."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from shared.contracts.decision import DecisionRow, RecentDecision
from shared.contracts.rows import DAY, ContactRow
from shared.errors import NotFound, StoreUnavailable
from shared.settings import Settings
from shared.store import AddedDecisions, Choose, Database, Held, Recent, open_database
from tests.stores import hashing

NOVEMBER = 1_795_000_000_000_000
ROW = DecisionRow(
    "d-1", "a", "clicked", "", "", "tea", "policy", 0.75, ("", "cake", "tea"), "3", NOVEMBER, sending=0.98
)


def choosing(*rows: DecisionRow) -> Choose:
    return lambda _, __: rows


def scanned(database: Database, outcome: str | None = None, since: int = 0) -> list[DecisionRow]:
    decisions = database.of("default").experiments.decisions
    return [row for part in decisions.scan(outcome, since, NOVEMBER + DAY, chunk=2) for row in part]


def test_a_decision_is_read_back_as_it_was_made(database: Database) -> None:
    nothing = ROW._replace(decision_id="d-2", message_id=None, slot="subject", campaign_id="may", candidates=("",))
    other = ROW._replace(decision_id="d-0", contact_id="b", arm="control", version="0", candidates=("cake", "tea"))
    decisions = database.of("default").experiments.decisions

    made = decisions.decide(["b", "a"], choosing(other, ROW, nothing), outcome="clicked", since=0)

    assert made == [other, ROW, nothing]
    assert scanned(database) == [ROW, nothing, other]


def test_decisions_are_scanned_by_contact_and_time_within_a_window_and_an_outcome(database: Database) -> None:
    decisions = database.of("default").experiments.decisions
    rows = [
        ROW._replace(decision_id="d-3", decided_at=NOVEMBER + 2),
        ROW,
        ROW._replace(decision_id="d-2", contact_id="A", decided_at=NOVEMBER + 3),
        ROW._replace(decision_id="d-4", outcome="order"),
        ROW._replace(decision_id="d-5", decided_at=NOVEMBER - 1),
    ]
    decisions.decide(["a"], choosing(*rows), outcome="clicked", since=0)

    found = [one.decision_id for one in scanned(database, "clicked", since=NOVEMBER)]

    assert found == ["d-2", "d-1", "d-3"]
    assert [one.decision_id for one in scanned(database, None, since=NOVEMBER)] == ["d-2", "d-1", "d-4", "d-3"]


def test_a_caller_sees_what_contacts_got_lately(database: Database) -> None:
    decisions = database.of("default").experiments.decisions
    rows = [
        ROW,
        ROW._replace(decision_id="d-2", decided_at=NOVEMBER + 5, slot="banner", campaign_id="may"),
        ROW._replace(decision_id="d-3", decided_at=NOVEMBER + 6, message_id=None),
        ROW._replace(decision_id="d-4", decided_at=NOVEMBER - 1),
        ROW._replace(decision_id="d-5", contact_id="c"),
        ROW._replace(decision_id="d-6", decided_at=NOVEMBER + 7, message_id=None, arm="control", sending=1.0),
        ROW._replace(decision_id="d-7", decided_at=NOVEMBER + 8, message_id=None, arm="control", sending=0.02),
    ]
    decisions.decide(["a", "c"], choosing(*rows), outcome="clicked", since=0)
    told = list[Recent]()

    def choose(recent: Recent, held: Held) -> Sequence[DecisionRow]:
        assert not held
        told.append(recent)
        return []

    decisions.decide(["a", "b"], choose, outcome="order", since=NOVEMBER)

    got = (("tea", "", "", NOVEMBER), ("tea", "banner", "may", NOVEMBER + 5), (None, "", "", NOVEMBER + 7))
    lately = {"a": [RecentDecision(*one) for one in got]}
    assert told == [lately]
    assert decisions.recent(["a", "b"], since=NOVEMBER) == lately


def test_a_contact_keeps_its_decision_within_a_campaign_an_outcome_and_a_slot(database: Database) -> None:
    decisions = database.of("default").experiments.decisions
    first = ROW._replace(campaign_id="may")
    decisions.decide(["a"], choosing(first), outcome="clicked", campaign_id="may", since=0)
    again = first._replace(decision_id="d-2", message_id="cake", decided_at=NOVEMBER + 9)
    banner = again._replace(decision_id="d-3", slot="banner")

    made = decisions.decide(["a"], choosing(again, banner), outcome="clicked", campaign_id="may", since=0)

    assert made == [first, banner]
    assert decisions.held(["a"], outcome="clicked", campaign_id="may") == {("a", ""): first, ("a", "banner"): banner}
    assert decisions.held(["a"], outcome="order", campaign_id="may") == {}
    assert decisions.held(["a"], outcome="clicked", campaign_id="june") == {}


def test_without_a_campaign_each_call_decides_anew(database: Database) -> None:
    decisions = database.of("default").experiments.decisions
    decisions.decide(["a"], choosing(ROW), outcome="clicked", since=0)

    made = decisions.decide(["a"], choosing(ROW._replace(decision_id="d-2")), outcome="clicked", since=0)

    assert [one.decision_id for one in made] == ["d-2"]
    assert decisions.held(["a"], outcome="clicked", campaign_id="") == {}


def test_what_was_decided_elsewhere_holds_nobody(database: Database) -> None:
    decisions = database.of("default").experiments.decisions
    decisions.add_imported([ROW._replace(campaign_id="may", arm="imported")])
    mine = ROW._replace(decision_id="d-2", campaign_id="may")

    assert decisions.decide(["a"], choosing(mine), outcome="clicked", campaign_id="may", since=0) == [mine]


def test_nothing_is_decided_for_whom_an_erasure_took_meanwhile(database: Database) -> None:
    store = hashing(database.of("default"), b"k" * 32)
    store.contacts.put([ContactRow("a"), ContactRow("b")], recorded_at=1)
    store.privacy.erase("a", at=2)
    decisions = store.experiments.decisions

    with pytest.raises(StoreUnavailable, match="erased"):
        decisions.decide(["a", "b"], choosing(ROW), outcome="clicked", since=0, erasures=0)
    mine = ROW._replace(contact_id="b")
    assert decisions.decide(["b"], choosing(mine), outcome="clicked", since=0, erasures=0) == [mine]

    assert scanned(database) == [mine]


def test_a_choice_that_fails_keeps_nothing(database: Database) -> None:
    def choose(recent: Recent, held: Held) -> Sequence[DecisionRow]:
        raise ZeroDivisionError

    decisions = database.of("default").experiments.decisions

    with pytest.raises(ZeroDivisionError):
        decisions.decide(["a"], choose, outcome="clicked", since=0)

    assert decisions.decide(["a"], choosing(ROW), outcome="clicked", since=0) == [ROW]


def test_eight_callers_at_once_pass_no_cap_and_leave_none_unused(settings: Settings, database: Database) -> None:
    contact_ids = [f"c-{number}" for number in range(20)]
    numbers = count()

    def choose(recent: Recent, held: Held) -> Sequence[DecisionRow]:
        free = [one for one in contact_ids if len(recent.get(one, ())) < 2]
        return [ROW._replace(decision_id=f"d-{next(numbers)}", contact_id=one) for one in free]

    def call(caller: int) -> int:
        own = open_database(settings)  # as another process has it
        order = contact_ids[caller:] + contact_ids[:caller]
        try:
            decisions = own.of("default").experiments.decisions
            return sum(len(decisions.decide(order, choose, outcome="clicked", since=0)) for _ in range(2))
        finally:
            own.close()

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(call, range(8)))

    assert sum(made) == 40
    assert Counter(row.contact_id for row in scanned(database)) == dict.fromkeys(contact_ids, 2)


def test_callers_of_one_campaign_at_once_get_the_same_decisions(settings: Settings, database: Database) -> None:
    contact_ids = [f"c-{number}" for number in range(20)]

    def call(caller: int) -> dict[str, str]:
        mine = [ROW._replace(decision_id=f"{caller}-{one}", contact_id=one, campaign_id="may") for one in contact_ids]
        own = open_database(settings)
        try:
            decisions = own.of("default").experiments.decisions
            made = decisions.decide(contact_ids, choosing(*mine), outcome="clicked", campaign_id="may", since=0)
        finally:
            own.close()
        return {row.contact_id: row.decision_id for row in made}

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(call, range(8)))

    assert all(answer == answers[0] for answer in answers)
    assert {row.contact_id: row.decision_id for row in scanned(database)} == answers[0]


def test_callers_who_name_contacts_in_other_orders_and_parts_all_end(database: Database) -> None:
    decisions = database.of("default").experiments.decisions
    contact_ids = [f"c-{number}" for number in range(60)]
    numbers = count()

    def call(caller: int) -> int:
        mine = contact_ids[caller % 3 :: 1 + caller % 4][:: -1 if caller % 2 else 1]
        lists = tuple(f"m-{number}" for number in range(caller % 5, 9))

        def choose(recent: Recent, held: Held) -> Sequence[DecisionRow]:
            rows = [ROW._replace(contact_id=one, candidates=lists[place % 3 :]) for place, one in enumerate(mine)]
            return [row._replace(decision_id=f"d-{next(numbers)}") for row in rows]

        return len(decisions.decide(mine, choose, outcome="clicked", since=0))

    with ThreadPoolExecutor(8) as pool:
        made = sum(pool.map(call, range(24)))

    assert len(scanned(database)) == made


def test_imported_decisions_are_kept_once(database: Database) -> None:
    decisions = database.of("default").experiments.decisions
    rows = [ROW._replace(decision_id=one, arm="imported", reward=0.5) for one in ("x-2", "x-1", "x-1")]

    assert decisions.add_imported(rows) == ["created", "created", "known"]
    assert decisions.add_imported([rows[1], ROW._replace(decision_id="x-3")]) == ["known", "created"]

    assert [(one.decision_id, one.reward) for one in scanned(database)] == [("x-1", 0.5), ("x-2", 0.5), ("x-3", None)]


def test_an_imported_decision_of_somebody_erased_is_left_out(database: Database) -> None:
    store = hashing(database.of("default"), b"k" * 32)
    store.contacts.put([ContactRow("a")], recorded_at=1)
    store.privacy.erase("a", at=2)

    words = store.experiments.decisions.add_imported([ROW, ROW._replace(contact_id="b", decision_id="d-2")])

    assert words == ["erased", "created"]
    assert [one.contact_id for one in scanned(database)] == ["b"]


def test_decisions_of_a_merged_contact_come_to_the_one_that_stays(database: Database) -> None:
    store = hashing(database.of("default"), b"k" * 32)
    store.contacts.put([ContactRow("a"), ContactRow("b")], recorded_at=1)
    rows = [ROW._replace(campaign_id="may"), ROW._replace(decision_id="d-2", contact_id="b", campaign_id="may")]
    store.experiments.decisions.decide(["a", "b"], choosing(*rows), outcome="clicked", campaign_id="may", since=0)

    store.contacts.merge("a", "b", at=9)

    assert [(one.decision_id, one.contact_id) for one in scanned(database)] == [("d-1", "b"), ("d-2", "b")]
    held = store.experiments.decisions.held(["b"], outcome="clicked", campaign_id="may")
    assert [(slot, one.decision_id) for slot, one in held.items()] == [(("b", ""), "d-1")]


def test_an_erased_contact_takes_its_decisions_along(database: Database) -> None:
    store = hashing(database.of("default"), b"k" * 32)
    rows = [ROW, ROW._replace(decision_id="d-2", contact_id="b")]
    store.experiments.decisions.decide(["a", "b"], choosing(*rows), outcome="clicked", since=0)

    assert store.privacy.erase("a", at=2)

    assert [one.contact_id for one in scanned(database)] == ["b"]


def test_old_decisions_go_a_batch_at_a_time_and_lists_with_the_last_of_their_month(database: Database) -> None:
    from shared.store.decisions import MessageCandidatesTable

    decisions = database.of("default").experiments.decisions
    ages = {"d-1": 400, "d-2": 399, "d-3": 300, "d-4": 0}
    rows = [ROW._replace(decision_id=one, decided_at=NOVEMBER - days * DAY) for one, days in ages.items()]
    decisions.decide(["a"], choosing(*rows), outcome="clicked", since=0)
    before = NOVEMBER - 100 * DAY

    gone = [decisions.delete_before(before, imported=False, limit=2) for _ in range(3)]

    assert gone == [2, 1, 0]
    assert scanned(database) == [rows[3]]
    with decisions._scope.reading() as connection:
        kept = connection.scalars(connection.select(MessageCandidatesTable.candidates_id)).all()
    assert [one[:7] for one in kept] == ["2026-11"]


def test_imported_decisions_have_an_age_of_their_own_and_keep_their_lists(database: Database) -> None:
    decisions = database.of("default").experiments.decisions
    imported = ROW._replace(decision_id="x", arm="imported", decided_at=NOVEMBER - 400 * DAY)
    decisions.add_imported([imported])
    decisions.decide(["a"], choosing(ROW._replace(decided_at=NOVEMBER - 300 * DAY)), outcome="clicked", since=0)

    assert decisions.delete_before(NOVEMBER, imported=False) == 1
    assert scanned(database) == [imported]

    assert decisions.delete_before(NOVEMBER, imported=True) == 1
    assert scanned(database) == []


def test_many_imported_decisions_are_added_once(database: Database) -> None:
    store = hashing(database.of("default"), b"k" * 32)
    store.contacts.put([ContactRow("gone")], recorded_at=1)
    store.privacy.erase("gone", at=2)
    rows = [ROW._replace(decision_id=f"x-{number}", arm="imported") for number in range(5)]
    rows.append(ROW._replace(decision_id="x-9", contact_id="gone"))

    first, second = (store.experiments.decisions.add_imported_bulk(rows) for _ in range(2))

    assert first == AddedDecisions(5, 1, frozenset({"gone"}))
    assert second == AddedDecisions(0, 1, frozenset({"gone"}))


def test_nothing_is_decided_in_an_account_that_is_not_there(database: Database) -> None:
    with pytest.raises(NotFound, match="nobody"):
        database.of("nobody").experiments.decisions.decide(["a"], choosing(ROW), outcome="clicked", since=0)
