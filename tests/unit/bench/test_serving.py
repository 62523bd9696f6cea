"""The pure parts of bench/serving: reading wrk, ratios, goals, void runs, layers."""

from collections import Counter

import pytest

from bench.serving.arithmetic import Bound, Load, NothingAnswered, Spread, Void, load_of, ratios, shown
from bench.serving.cells import named
from bench.serving.goals import Part, fastest, judged, rate
from bench.serving.layers import counted, layer_of, shared_out
from bench.serving.rounds import Cell, Measured

WRK = """Running 2s test @ http://127.0.0.1:18000
  1 threads and 8 connections

{"requests": 500, "duration": 2000000, "p50": 15000.0, "p99": 42500.0, "errors": \
{"connect": 0, "read": 0, "write": 0, "status": %d, "timeout": 0}}
"""


def load(requests: int, *, seconds: float = 1.0, p99_ms: float = 1.0) -> Load:
    return Load(requests, seconds, 1.0, p99_ms, 0)


def test_the_figures_of_wrk_are_read_in_seconds_and_milliseconds() -> None:
    found = load_of(WRK % 0)

    assert found == Load(requests=500, seconds=2.0, p50_ms=15.0, p99_ms=42.5, errors=0)
    assert found.rate == 250.0


def test_a_run_with_one_error_answer_is_void() -> None:
    with pytest.raises(Void, match="1 of 500 answers were errors"):
        load_of(WRK % 1)


def test_a_run_without_answers_is_void_and_named() -> None:
    nothing = (WRK % 0).replace('"requests": 500', '"requests": 0')

    with pytest.raises(NothingAnswered):
        load_of(nothing)


@pytest.mark.parametrize("output", ["", "unable to connect to 127.0.0.1:1"])
def test_output_without_figures_is_void(output: str) -> None:
    with pytest.raises(Void, match="wrk gave no figures"):
        load_of(output)


def test_processor_time_is_shared_among_the_requests() -> None:
    assert Load(requests=200, seconds=1.0, p50_ms=1.0, p99_ms=1.0, errors=0, cpu_seconds=0.5).cpu_ms == 2.5


def test_ratios_are_taken_round_by_round() -> None:
    # The ratio of the medians would be 1.0.
    assert ratios([100.0, 300.0, 200.0], [100.0, 200.0, 400.0]) == Spread(1.0, 0.5, 1.5)
    assert ratios([100.0, 300.0, 50.0], [50.0, 100.0, 100.0]) == Spread(2.0, 0.5, 3.0)


@pytest.mark.parametrize(
    ("value", "limit", "at_least", "text"),
    [
        (0.9999, 1.0, True, "0.99"),
        (1.0, 1.0, True, "1.00"),
        (1.2, 1.0, True, "1.20"),
        (0.4001, 0.4, False, "0.41"),
        (0.4, 0.4, False, "0.40"),
        (-0.001, 0.4, False, "0.00"),
    ],
)
def test_rounding_never_carries_a_figure_over_its_goal(value: float, limit: float, at_least: bool, text: str) -> None:
    assert shown(value, Bound(limit, at_least=at_least)) == text


def test_a_goal_is_met_only_when_every_part_is() -> None:
    fast = Part("requests/s", Bound(1.0, at_least=True), lambda: Spread(1.5, 1.2, 1.9))
    late = Part("p99", Bound(1.0, at_least=False), lambda: Spread(1.001, 0.9, 1.1))

    assert judged(1, "as fast", [fast]).met == "yes"
    found = judged(1, "as fast", [fast, late])
    assert found.met == "no"
    assert found.measured == "requests/s 1.50 (1.20 to 1.90); p99 1.01 (0.90 to 1.10)"


def test_a_goal_whose_figure_is_void_is_neither_met_nor_missed() -> None:
    def gone() -> Spread:
        raise Void("3 of 9 answers were errors")

    found = judged(4, "in time", [Part("p50", Bound(100.0, at_least=False), gone)])

    assert found.met == "void (p50: 3 of 9 answers were errors)"


def test_the_fastest_that_counts_is_compared_with() -> None:
    found = Measured(
        loads={"slow": [load(10)], "fast": [load(30)], "void": [load(90)]},
        voids={"void": "1 of 90 answers were errors"},
    )

    assert fastest(found, ["slow", "fast", "void"]) == "fast"


def test_nothing_is_compared_with_what_could_not_be_started() -> None:
    found = Measured()
    found.leave_out(named("Ray Serve", "1 row"), "it could not be installed")

    with pytest.raises(Void, match="Ray Serve: 1 row: it could not be installed"):
        fastest(found, [named("Ray Serve", "1 row")])


def test_every_round_runs_each_load_once_and_in_turn() -> None:
    seen: list[str] = []

    def cell(name: str, requests: int) -> Cell:
        def run(_: float) -> Load:
            seen.append(name)
            return load(requests)

        return Cell(name, run)

    found = Measured()
    found.run([cell("a", 10), cell("b", 20)], rounds=2, seconds=1.0)

    # The first turn warms up and is not counted.
    assert seen == ["a", "b", "a", "b", "a", "b"]
    assert found.ratio("a", "b", rate) == Spread(0.5, 0.5, 0.5)
    assert len(found.of("a")) == 2


def test_a_load_with_an_error_counts_in_no_round() -> None:
    answers = iter([load(10), load(10), None, load(10)])

    def run(_: float) -> Load:
        answer = next(answers)
        if answer is None:
            raise Void("1 of 10 answers were errors")
        return answer

    found = Measured()
    found.run([Cell("a", run)], rounds=3, seconds=1.0)

    with pytest.raises(Void, match="1 of 10 answers were errors"):
        found.of("a")


@pytest.mark.parametrize(
    ("frames", "layer"),
    [
        ("run (uvicorn/server.py:60)", "http"),
        ("run (uvicorn/server.py:60);pasts (shared/store/contacts.py:200);read (shared/store/sql.py:9)", "read"),
        ("PredictionLog._run (shared/serving/answering.py:90);Predictions.log (shared/store/predictions.py:80)", "log"),
        ("__call__ (fastapi/telemetry/_asgi.py:40);_send (shared/http/exchange.py:230)", "http"),
        ("__call__ (fastapi/telemetry/_asgi.py:40);record (shared/http/exchange.py:330)", "log"),
        ("predict (services/scoring/model.py:120);matrix (shared/features/engine.py:30)", "features"),
        ("predict (services/scoring/model.py:120);margins (shared/learners/trees.py:130)", "predict"),
        ("contributions (services/scoring/model.py:150);contributions (shared/learners/trees.py:139)", "reasons"),
        ("somewhere (elsewhere.py:1)", "other"),
    ],
)
def test_a_stack_belongs_to_what_its_frames_are_for(frames: str, layer: str) -> None:
    assert layer_of(frames.split(";")) == layer


def test_a_thread_that_waits_is_at_no_layer() -> None:
    folded = (
        "thread (5): small_0;run (threading.py:982);_worker (concurrent/futures/thread.py:81) 9\n"
        "thread (6): log;PredictionLog._run (shared/serving/answering.py:90);Condition.wait (threading.py:331) 4\n"
        "thread (6): log;PredictionLog._run (shared/serving/answering.py:90) 1\n"
    )

    assert counted(folded) == {6: {"log": 1}}


def test_samples_are_counted_by_thread_and_layer() -> None:
    folded = (
        "thread (5): MainThread;run (uvicorn/server.py:60) 2\n"
        "thread (6): small_0;run (threading.py:982);pasts (shared/store/contacts.py:2) 5\n"
    )

    assert counted(folded) == {5: {"http": 2}, 6: {"read": 5}}


def test_a_thread_seen_often_costs_no_more_than_it_computed() -> None:
    seen = {5: Counter(http=900), 6: Counter(read=3, log=1)}

    assert shared_out({5: 0.5, 6: 2.0, 7: 0.25}, seen) == {"http": 0.5, "read": 1.5, "log": 0.5, "other": 0.25}
