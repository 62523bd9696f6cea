import threading

import pytest

from foretell.background.loops import Loop, LoopMetrics, Loops


def counted(metrics: LoopMetrics, name: str) -> float:
    return metrics.registry.get_sample_value(name, {"loop": "one"}) or 0.0


def test_a_turn_that_fails_is_counted_and_the_next_one_comes() -> None:
    stop, turns = threading.Event(), []

    def turn() -> None:
        turns.append(len(turns))
        if len(turns) == 1:
            raise RuntimeError("once")
        stop.set()

    loops = Loops((Loop("one", 0.0, turn),), stop)
    loops.start()
    loops.join(within_seconds=5)

    assert turns == [0, 1]
    assert counted(loops.metrics, "foretell_worker_turns_total") == 2
    assert counted(loops.metrics, "foretell_worker_failures_total") == 1
    assert counted(loops.metrics, "foretell_worker_succeeded_at_seconds") > 0


def test_a_failure_is_logged_by_event_and_without_its_message(caplog: pytest.LogCaptureFixture) -> None:
    def turn() -> None:
        raise RuntimeError("a customer's address")

    Loops((), threading.Event()).run_once(Loop("one", 1.0, turn))

    assert [record.message for record in caplog.records] == ["worker.turn_failed"]
    assert "address" not in str(caplog.records[0].__dict__)


def test_every_loop_lives_until_it_is_stopped() -> None:
    stop = threading.Event()
    loops = Loops((Loop("one", 60.0, lambda: None), Loop("two", 60.0, lambda: None)), stop)
    loops.start()

    assert loops.alive()

    stop.set()
    loops.join(within_seconds=5)
    assert not loops.alive()


def test_the_first_turn_waits_until_it_is_ready() -> None:
    stop, looks, turned_after = threading.Event(), [], []

    def ready() -> bool:
        looks.append(len(looks))
        return len(looks) == 2

    def turn() -> None:
        turned_after.append(len(looks))
        stop.set()

    loops = Loops((Loop("one", 60.0, turn, ready),), stop)
    loops.start()
    loops.join(within_seconds=5)

    assert turned_after == [2]
    assert counted(loops.metrics, "foretell_worker_failures_total") == 0


def test_a_loop_that_ends_tidies_up_in_its_own_thread() -> None:
    stop, seen = threading.Event(), []

    def turn() -> None:
        seen.append(threading.current_thread().name)
        stop.set()

    loops = Loops((Loop("one", 0.0, turn, end=lambda: seen.append(threading.current_thread().name)),), stop)
    loops.start()
    loops.join(within_seconds=5)

    assert seen == ["one", "one"]
