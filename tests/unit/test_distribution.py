"""Files of a test run are given out so that one worker waits and the others compute."""

from types import SimpleNamespace
from typing import Any

from tests.distribution import OneWaits


class Worker:
    """Runs what it is given, test by test; a test has the name of its file."""

    gateway = SimpleNamespace(id="gw")
    shutting_down = False

    def __init__(self) -> None:
        self.given: list[int] = []
        self.files: list[str] = []

    def send_runtest_some(self, tests: list[int]) -> None:
        self.given += tests

    def shutdown(self) -> None:
        self.shutting_down = True


def given_out(files: list[str], workers: int, **together: str) -> list[list[str]]:
    """Let the workers run files of four tests each, in turns; list the files of each in the order they were begun."""
    tests = [f"{file}::test_{number}" for file in files for number in range(4)]
    option = SimpleNamespace(loadscopereorder=False)
    config: Any = SimpleNamespace(getvalue=lambda _: [f"{workers}*popen"], option=option)
    scheduler, nodes = OneWaits(config, None, ("e2e/",), together), [Worker() for _ in range(workers)]
    for node in nodes:
        scheduler.add_node(node)
        scheduler.add_node_collection(node, tests)
    scheduler.schedule()
    while any(node.given for node in nodes):
        for node in nodes:
            if node.given:
                test = node.given.pop(0)
                node.files += [] if (file := tests[test].split("::")[0]) in node.files else [file]
                scheduler.mark_test_complete(node, test)
    return [node.files for node in nodes]


def test_one_worker_takes_what_waits_and_the_others_what_computes() -> None:
    files = ["e2e/a", "e2e/b", "unit/c", "unit/d", "unit/e", "unit/f"]

    assert given_out(files, 3) == [["e2e/a", "e2e/b"], ["unit/c", "unit/e"], ["unit/d", "unit/f"]]


def test_nobody_is_idle_while_files_of_any_kind_are_left() -> None:
    assert given_out(["e2e/a", "e2e/b", "e2e/c", "unit/d"], 2) == [["e2e/a", "e2e/b"], ["unit/d", "e2e/c"]]
    assert given_out(["e2e/a", "unit/b", "unit/c", "unit/d"], 2) == [["e2e/a", "unit/c"], ["unit/b", "unit/d"]]


def test_files_that_share_something_go_to_one_worker() -> None:
    assert given_out(["a", "b", "c"], 2, b="a") == [["a", "b"], ["c"]]
