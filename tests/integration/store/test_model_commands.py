"""Commands about models: asked for once, worked on by one, ended by who holds the lease."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any

import pytest

from shared.contracts.outcome import ModelName
from shared.contracts.rows import SECOND
from shared.errors import Conflict, NotFound
from shared.store import AccountStore, CommandLease, Database, ModelCommandRow, ModelCommands
from shared.store.model_commands import PROMOTIONS, TRAININGS

CUSTOMER = ModelName("scoring", "customer")
AT = 1_700_000_000 * SECOND
HELD = 30 * SECOND


def command(name: str, kind: Any = "train", *, at: int = AT, by: str = "key1", **more: Any) -> ModelCommandRow:
    return ModelCommandRow(name, kind, *more.pop("model", CUSTOMER), at, by, "because", more.pop("payload", {}), **more)


def taken(store: AccountStore, name: str, *, at: int = AT, claim: str = "me") -> ModelCommandRow | None:
    return store.models.commands.take(CommandLease(name, claim), at=at, until=at + HELD)


def test_a_second_training_of_a_model_that_waits_or_runs_is_the_first_one(database: Database) -> None:
    commands = database.of("default").models.commands

    first = commands.request(command("a"))
    again = commands.request(command("b", at=AT + 1))
    assert taken(database.of("default"), "a") is not None
    while_it_runs, is_new = commands.request(command("c", at=AT + 2))
    other = commands.request(command("d", model=ModelName("churn", "customer")))

    assert first == (command("a"), True)
    assert again == (command("a"), False)
    assert (while_it_runs.command_id, while_it_runs.state, is_new) == ("a", "running", False)
    assert other[1]


def test_while_a_model_is_trained_nobody_else_trains_it(database: Database) -> None:
    store = database.of("default")
    store.models.commands.begin(command("hand", by="command line"), CommandLease("hand", "shell"), until=AT + HELD)
    with pytest.raises(Conflict, match=r"scoring\.customer runs already, asked for by command line"):
        store.models.commands.begin(command("other", at=AT + 1), CommandLease("other", "x"), until=AT + HELD)
    store.models.commands.request(command("queued", model=ModelName("scoring", "redeem")))

    assert database.waiting_model_commands(AT, TRAININGS) == [("default", "queued")]
    assert store.models.commands.complete(CommandLease("hand", "shell"), {}, at=AT + 5)
    assert store.models.commands.request(command("next", at=AT + 6))[1]


def test_a_command_that_waits_is_passed_by_while_its_model_is_trained(database: Database) -> None:
    store = database.of("default")
    store.models.commands.request(command("queued"))
    store.models.commands.begin(command("hand", by="command line"), CommandLease("hand", "shell"), until=AT + HELD)

    assert database.waiting_model_commands(AT, TRAININGS) == []
    assert taken(store, "queued") is None
    store.models.commands.complete(CommandLease("hand", "shell"), {}, at=AT + 5)
    assert database.waiting_model_commands(AT + 5, TRAININGS) == [("default", "queued")]


def test_a_rollback_waits_for_no_training_but_for_a_promotion(database: Database) -> None:
    store = database.of("default")
    for name, kind in (("t", "train"), ("p", "promote"), ("r", "rollback")):
        store.models.commands.request(command(name, kind))
    assert taken(store, "t") is not None

    assert database.waiting_model_commands(AT, PROMOTIONS) == [("default", "p"), ("default", "r")]
    assert taken(store, "p") is not None
    assert database.waiting_model_commands(AT, PROMOTIONS) == []
    assert taken(store, "r") is None


def test_a_lease_that_ran_out_is_taken_over_and_the_first_holder_can_write_no_more(database: Database) -> None:
    store, dead = database.of("default"), CommandLease("a", "dead")
    store.models.commands.request(command("a"))
    store.models.commands.take(dead, at=AT, until=AT + HELD)
    assert store.models.commands.advance(dead, 0.5, "fitting")

    early, late = taken(store, "a", at=AT + HELD - 1), taken(store, "a", at=AT + HELD)

    assert early is None
    assert late is not None
    assert (late.attempts, late.progress, late.started_at) == (2, 0.0, AT)
    assert not store.models.commands.renew(dead, until=AT + 9 * HELD)
    assert not store.models.commands.advance(dead, 0.9, "fitting")
    assert not store.models.commands.complete(dead, {}, at=AT)
    assert not store.models.commands.fail(dead, {"code": "x", "detail": "y"}, at=AT)
    assert not store.models.commands.release(dead, at=AT, began=True)


def test_who_slept_past_its_lease_does_not_go_on_once_another_one_of_the_model_began(database: Database) -> None:
    commands, asleep = database.of("default").models.commands, CommandLease("a", "asleep")
    commands.request(command("a"))
    commands.take(asleep, at=AT, until=AT + HELD)
    assert commands.renew(asleep, until=AT + HELD)

    commands.begin(command("hand", at=AT + HELD, by="command line"), CommandLease("hand", "x"), until=AT + 9 * HELD)

    assert not commands.renew(asleep, until=AT + 9 * HELD)
    assert not commands.complete(asleep, {}, at=AT + HELD)


Change = Callable[[ModelCommands], object]


@pytest.mark.parametrize(
    ("by_its_holder", "by_another", "state"),
    [
        (
            lambda commands: commands.advance(CommandLease("a", "holder"), 0.92, "registering"),
            lambda commands: commands.cancel("a", at=AT + 1),
            "running",
        ),
        (
            lambda commands: commands.renew(CommandLease("a", "holder"), until=AT + 9 * HELD),
            lambda commands: commands.close_interrupted("a", {"code": "x", "detail": "y"}, at=AT + HELD),
            "running",
        ),
        (
            lambda commands: commands.complete(CommandLease("a", "holder"), {}, at=AT + 2),
            lambda commands: commands.take(CommandLease("a", "new"), at=AT + HELD, until=AT + 9 * HELD),
            "completed",
        ),
    ],
    ids=["cancel", "close", "take"],
)
def test_who_comes_while_the_holder_writes_waits_and_sees_what_it_wrote(
    database: Database, by_its_holder: Change, by_another: Change, state: str
) -> None:
    store = database.of("default")
    store.models.commands.begin(command("a", by="command line"), CommandLease("a", "holder"), until=AT + HELD)

    def come() -> None:
        with suppress(Conflict):
            by_another(store.models.commands)

    with ThreadPoolExecutor(1) as pool:
        with store.transaction() as together:
            assert by_its_holder(together.models.commands)
            later = pool.submit(come)
            wait([later], timeout=0.2)  # it is held up; one that comes later is too late all the same
        later.result()

    found = store.models.commands.find("a")
    assert found is not None
    assert found.state == state


def test_a_command_given_back_waits_until_its_instant_and_forgets_an_attempt_that_was_stopped(
    database: Database,
) -> None:
    store, lease = database.of("default"), CommandLease("a", "me")
    store.models.commands.request(command("a"))

    taken(store, "a")
    store.models.commands.release(lease, at=AT + HELD, began=True)
    assert database.waiting_model_commands(AT + HELD - 1, TRAININGS) == []
    taken(store, "a", at=AT + HELD)
    store.models.commands.release(lease, at=AT + HELD, began=False)

    found = store.models.commands.find("a")
    assert found is not None
    assert (found.state, found.attempts) == ("queued", 1)


def test_what_failed_is_in_the_row_and_in_the_audit_log(database: Database) -> None:
    store, lease = database.of("default").acting("key1", at=AT), CommandLease("a", "me")
    store.models.commands.request(command("a"))
    taken(store, "a")

    store.models.commands.fail(lease, {"code": "insufficient-data", "detail": "12 contacts."}, at=AT + 5)

    found, (entry,) = store.models.commands.find("a"), store.audit.page(9, model="scoring.customer")
    assert found is not None
    assert (found.state, found.error, found.finished_at) == (
        "failed", {"code": "insufficient-data", "detail": "12 contacts."}, AT + 5,
    )  # fmt: skip
    assert (entry.action, entry.actor, entry.at) == ("model.training_failed", "key1", AT + 5)
    assert entry.detail == {"command": "a", "code": "insufficient-data", "reason": "12 contacts.", "asked": "because"}


def test_only_a_dead_command_line_is_closed(database: Database) -> None:
    store, error = database.of("default"), {"code": "interrupted", "detail": "x"}
    store.models.commands.begin(command("hand", by="command line"), CommandLease("hand", "shell"), until=AT + HELD)

    assert not store.models.commands.close_interrupted("hand", error, at=AT + HELD - 1)
    assert store.models.commands.close_interrupted("hand", error, at=AT + HELD)
    assert not store.models.commands.close_interrupted("hand", error, at=AT + HELD)
    store.models.commands.request(command("b"))
    assert not store.models.commands.close_interrupted("b", error, at=AT + HELD)


def test_a_training_can_be_cancelled_until_its_version_is_registered(database: Database) -> None:
    store = database.of("default")
    for name, share in (("a", 0.5), ("b", 0.92)):
        store.models.commands.request(command(name))
        taken(store, name)
        store.models.commands.advance(CommandLease(name, "me"), share, "step")
        if name == "a":
            assert store.models.commands.cancel("a", at=AT + 1).state == "cancelled"
            assert not store.models.commands.advance(CommandLease("a", "me"), 0.6, "step")

    assert store.models.commands.cancel("a", at=AT + 2).finished_at == AT + 1
    with pytest.raises(Conflict):
        store.models.commands.cancel("b", at=AT + 2)
    store.models.commands.complete(CommandLease("b", "me"), {}, at=AT + 3)
    with pytest.raises(Conflict, match="it is completed"):
        store.models.commands.cancel("b", at=AT + 4)
    with pytest.raises(NotFound):
        store.models.commands.cancel("nothing", at=AT)


def test_so_many_promotions_may_wait_and_no_more(database: Database) -> None:
    store = database.of("default")
    for number in range(20):
        store.models.commands.request(command(f"p{number:02}", "promote"))

    with pytest.raises(Conflict, match="20 promotions and rollbacks"):
        store.models.commands.request(command("one more", "rollback"))


def test_the_choices_of_the_last_training_by_hand_are_found(database: Database) -> None:
    store = database.of("default")
    assert store.models.commands.last_choices(CUSTOMER) == {}
    for at, by, choices in (
        (1, "command line", {"order_by": "x"}),
        (2, "command line", {"order_by": "y"}),
        (3, "k", {}),
    ):
        row = command(f"c{at}", at=at, by=by, payload={"choices": choices})
        store.models.commands.begin(row, CommandLease(f"c{at}", "me"), until=AT)
        store.models.commands.complete(CommandLease(f"c{at}", "me"), {"version": "1"}, at=at)

    assert store.models.commands.last_choices(CUSTOMER) == {"order_by": "y"}
    assert store.models.commands.last_training_at(CUSTOMER) == 3
    assert store.models.commands.last_training_at(ModelName("sendtime")) is None


def test_models_taken_in_from_elsewhere_do_not_hide_what_was_chosen(database: Database) -> None:
    store = database.of("default")
    for at in range(25):
        payload = {"promote": True} if at else {"choices": {"order_by": "y"}}
        ended(store, command(f"c{at}", at=at, by="command line", payload=payload))

    assert store.models.commands.last_choices(CUSTOMER) == {"order_by": "y"}


def test_what_the_next_training_rests_on_is_kept_however_old_it_is(database: Database) -> None:
    store = database.of("default")
    ended(store, command("older", at=1, by="command line", payload={"choices": {"order_by": "x"}}))
    ended(store, command("chosen", at=2, by="command line", payload={"choices": {"order_by": "y"}}))
    ended(store, command("by itself", at=3, by="schedule"))
    ended(store, command("last", at=4, by="schedule"))
    ended(store, command("promotion", "promote", at=5))

    assert store.models.commands.delete_before(AT) == 3
    assert store.models.commands.last_choices(CUSTOMER) == {"order_by": "y"}
    assert store.models.commands.last_training_at(CUSTOMER) == 4
    assert store.models.commands.delete_before(AT) == 0


def ended(store: AccountStore, row: ModelCommandRow) -> None:
    lease = CommandLease(row.command_id, "me")
    store.models.commands.begin(row, lease, until=AT)
    store.models.commands.complete(lease, {}, at=row.created_at)


def test_trainings_are_listed_newest_first_page_by_page_and_old_ones_are_deleted(database: Database) -> None:
    store = database.of("default")
    for number in (1, 2, 3):
        store.models.commands.begin(command(f"c{number}", at=number), CommandLease(f"c{number}", "me"), until=AT)
        store.models.commands.complete(CommandLease(f"c{number}", "me"), {}, at=number)

    first = store.models.commands.page(CUSTOMER, "train", 2)
    rest = store.models.commands.page(CUSTOMER, "train", 2, (first[-1].created_at, first[-1].command_id))

    assert [row.command_id for row in (*first, *rest)] == ["c3", "c2", "c1"]
    assert store.models.commands.page(CUSTOMER, "promote", 9) == []
    assert (store.models.commands.delete_before(3), store.models.commands.delete_before(3)) == (2, 0)


def test_the_history_of_a_model_says_who_when_why_and_by_which_figures(database: Database) -> None:
    store = database.of("default").acting("key1", at=1)
    figures = {"challenger_loss": 0.3, "champion_loss": 0.31}
    store.models.note("trained", CUSTOMER, at=1, version="1")
    store.models.promote(*CUSTOMER, "1", "d1", at=2, reason="first")
    store.models.note("refused", CUSTOMER, at=3, version="2", reason="worse", figures=figures)
    store.models.promote(*CUSTOMER, "3", "d3", at=4, reason="better", figures=figures)
    store.models.rollback(*CUSTOMER, at=5, reason="complaints")
    store.models.promote("churn", "customer", "1", "d", at=6, reason="another model")

    found = store.audit.page(9, model="scoring.customer")

    assert [(row.action, row.at, row.actor) for row in found] == [
        ("model.rolled_back", 5, "key1"),
        ("model.promoted", 4, "key1"),
        ("model.refused", 3, "key1"),
        ("model.promoted", 2, "key1"),
        ("model.trained", 1, "key1"),
    ]
    assert found[0].detail == {"version": "1", "replaced_version": "3", "reason": "complaints"}
    assert found[1].detail == {"version": "3", "replaced_version": "1", "reason": "better", "figures": figures}


def test_a_champion_that_changed_since_a_training_began_is_not_replaced_by_it(database: Database) -> None:
    store = database.of("default")
    store.models.promote(*CUSTOMER, "1", "d1", at=5, reason="by hand")

    with pytest.raises(Conflict, match="Version 1 was promoted meanwhile"):
        store.models.promote(*CUSTOMER, "2", "d2", at=6, reason="better", unless_since=4)
    store.models.promote(*CUSTOMER, "2", "d2", at=6, reason="better", unless_since=5)

    champion = store.models.champion(*CUSTOMER)
    assert champion is not None
    assert champion.version == "2"
