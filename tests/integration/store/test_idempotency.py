import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor

from shared.contracts.rows import ContactRow
from shared.settings import Settings
from shared.store import Database, IdempotencyRow, open_database


def first(claim: str = "mine", at: int = 100, fingerprint: str = "print") -> IdempotencyRow:
    return IdempotencyRow("key", "POST /contacts", fingerprint, claim, at)


def begin(database: Database, row: IdempotencyRow, *, stuck_before: int = 0, expired_before: int = 0) -> IdempotencyRow:
    store = database.of("default")
    return store.idempotency.begin(row, stuck_before=stuck_before, expired_before=expired_before)


def test_of_many_claims_at_once_one_is_given(database: Database) -> None:
    with ThreadPoolExecutor(8) as threads:
        rows = list(threads.map(lambda number: begin(database, first(f"c{number}")), range(20)))

    assert len({row.claim for row in rows}) == 1


def test_a_claim_that_died_is_taken_over_by_the_same_request_only(database: Database) -> None:
    begin(database, first("died"))

    other = begin(database, first("other", 200, "another print"), stuck_before=150)
    same = begin(database, first("same", 200), stuck_before=150)

    assert (other.claim, same) == ("died", first("same", 200))
    assert database.of("default").idempotency.find("key") == first("same", 200)


def test_a_living_claim_is_not_taken_over(database: Database) -> None:
    begin(database, first("living"))

    assert begin(database, first("same", 200), stuck_before=99).claim == "living"


def test_an_expired_answer_gives_its_key_back_to_any_request(database: Database) -> None:
    store = database.of("default")
    begin(database, first("old"))
    store.idempotency.keep("key", "old", status=200, answer="sealed", contact_ids='["a"]')

    row = begin(database, first("new", 500, "another print"), expired_before=100)

    assert row == first("new", 500, "another print")
    assert store.idempotency.find("key") == row


def test_whoever_lost_the_claim_keeps_and_releases_nothing(database: Database) -> None:
    store = database.of("default")
    begin(database, first("died"))
    begin(database, first("same", 200), stuck_before=150)

    store.idempotency.keep("key", "died", status=200, answer="sealed", contact_ids=None)
    store.idempotency.release("key", "died")

    assert not store.idempotency.hold("key", "died")
    assert store.idempotency.hold("key", "same")
    assert store.idempotency.find("key") == first("same", 200)


def test_a_released_key_is_free(database: Database) -> None:
    begin(database, first("failed"))

    database.of("default").idempotency.release("key", "failed")

    assert begin(database, first("again")).claim == "again"


def test_an_answer_is_deleted_after_its_time(database: Database) -> None:
    begin(database, first(at=100))

    database.of("default").idempotency.delete_before(100)
    assert database.of("default").idempotency.find("key") is not None

    database.of("default").idempotency.delete_before(101)
    assert database.of("default").idempotency.find("key") is None


def test_what_a_transaction_reads_is_what_it_wrote(database: Database) -> None:
    store = database.of("default")

    with store.transaction() as together:
        together.contacts.put([ContactRow("a", timezone="Europe/Paris")], recorded_at=1)
        seen = together.contacts.find("a")
        unseen = store.contacts.find("a")

    assert (seen is not None, unseen) == (True, None)


def _die_between_effect_and_commit(settings: Settings) -> None:
    store = open_database(settings).of("default")
    store.idempotency.begin(first("died"), stuck_before=0, expired_before=0)
    with store.transaction() as together:
        together.idempotency.hold("key", "died")
        together.contacts.put([ContactRow("a")], recorded_at=1)
        together.idempotency.keep("key", "died", status=200, answer="sealed", contact_ids=None)
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_killed_before_it_commits_has_done_nothing_and_its_key_can_be_taken_over(
    database: Database, settings: Settings
) -> None:
    dying = multiprocessing.get_context("spawn").Process(target=_die_between_effect_and_commit, args=(settings,))
    dying.start()
    dying.join(60)

    assert dying.exitcode == -signal.SIGKILL
    assert database.of("default").contacts.find("a") is None
    assert database.of("default").idempotency.find("key") == first("died")
    assert begin(database, first("same", 200), stuck_before=150).claim == "same"
