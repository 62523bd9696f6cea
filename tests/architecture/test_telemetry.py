"""Every log event from INFO up and every metric is on the page that lists them, and nothing else is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.syntax import nodes

LEVELS = {"info": "INFO", "warning": "WARNING", "error": "ERROR", "exception": "ERROR", "critical": "ERROR"}
KINDS = {"Counter": "counter", "Gauge": "gauge", "Histogram": "histogram", "Summary": "summary"}


@pytest.fixture(scope="module")
def page(root: Path) -> dict[str, str]:
    """Each listed name and its level or kind."""
    text = (root / "docs" / "data.md").read_text()
    return dict(re.findall(r"^\| `([a-z_.]+)` \| (\w+) \|", text, re.MULTILINE))


def calls(sources: dict[Path, ast.Module]) -> Iterator[tuple[str, ast.expr]]:
    """Yield the last name of each function called, and its first argument."""
    for tree in sources.values():
        for node in nodes(tree):
            if isinstance(node, ast.Call) and node.args:
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                yield name, node.args[0]


def test_every_log_event_is_listed_with_its_level(sources: dict[Path, ast.Module], page: dict[str, str]) -> None:
    written = {
        (first.value, LEVELS[name])
        for name, first in calls(sources)
        if name in LEVELS and isinstance(first, ast.Constant) and "." in str(first.value)
    }

    assert written == {(event, level) for event, level in page.items() if level.isupper()}


def test_every_metric_is_listed_with_its_kind(sources: dict[Path, ast.Module], page: dict[str, str]) -> None:
    written = {
        (first.value, KINDS[name])
        for name, first in calls(sources)
        if name in KINDS and isinstance(first, ast.Constant) and str(first.value).startswith("foretell_")
    }

    assert written == {(metric, kind) for metric, kind in page.items() if kind.islower()}


def test_a_log_line_is_an_event_name_and_never_a_sentence(sources: dict[Path, ast.Module]) -> None:
    events = [
        ast.unparse(node.args[0])
        for tree in sources.values()
        for node in nodes(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) in {"log", "logger"}
        and node.func.attr in {*LEVELS, "debug"}
    ]

    assert [event for event in events if not re.fullmatch(r"'[a-z_]+(\.[a-z_]+)+'", event)] == []
