"""Names speak the field's language: the words of an earlier private dialect do not come back."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.architecture.syntax import nodes

ROOT = Path(__file__).parents[2]
RETIRED_PARTS = {
    **dict.fromkeys(("ask", "asked", "asking", "asks"), "request, requested"),
    **dict.fromkeys(("said", "say", "saying", "says"), "state, stated, reasons"),
    **dict.fromkeys(("tell", "tellable", "telling", "tells", "told"), "return, describe, report, reported"),
    **dict.fromkeys(("door", "doors"), "entry point: api, cli, training"),
    **dict.fromkeys(("room", "rooms"), "module, package"),
    **dict.fromkeys(("judging", "verdict", "verdicts"), "eligibility, assessment, decision"),
    **dict.fromkeys(("sighting", "sightings"), "message event"),
    **dict.fromkeys(("standing", "standings"), "last known state, change detection"),
    **dict.fromkeys(("wish", "wishes", "wishing"), "query, subscription schema, request mapping"),
    **dict.fromkeys(("visit", "visits"), "authenticated request"),
    "courier": "dispatcher",
    "crossing": "cors",
    "formers": "merged ids",
    "lanes": "thread pools",
    "lean": "process tuning",
    "noticing": "detect changes",
    "reception": "receiver",
    "sourcebook": "source cache",
    "tally": "counts",
    "trial": "test send",
    "uniting": "merge inline",
}
"""Words that no name of ours holds, and what the field says instead."""

RETIRED_NAMES = {
    "alone": "in-memory limiter",
    "answers": "idempotency, predictions",
    "beside": "extra route",
    "checking": "signatures",
    "conduct_tables": "compliance tables",
    "counting": "rate limits",
    "ending": "signals",
    "following": "rescore changed",
    "inside": "micro segments",
    "item": "normalized change",
    "keeping": "before respond",
    "learning": "train",
    "making": "sources",
    "opening": "context",
    "pace": "concurrency",
    "people": "identity resolution",
    "preparing": "normalize",
    "question": "capability spec",
    "reading": "payload",
    "receipts": "idempotency",
    "receiving": "receiver",
    "showing": "output",
    "subscribing": "subscriptions",
    "today": "snapshot",
    "traits": "attributes",
    "usual": "fallback hour",
}
"""Words that are too common to keep out of every name; no module and no class is called just so."""

EXCEPTIONS = {
    "ExportedStanding": "the name of a schema in the published OpenAPI document",
    "TrialRequest": "the name of a schema in the published OpenAPI document",
    "TrialResponse": "the name of a schema in the published OpenAPI document",
    "0004_open_the_door": "a migration that was released keeps its name",
    "0007_tell_events_apart": "a migration that was released keeps its name",
    "ask_again": "typer makes the option `--ask-again` of it",
    "asked_at": "a column, and a field of the wire",
    "standings": "a field of the wire",
    "verdict": "a field of the wire",
}
"""Names that keep a retired word, and why."""


class Name(NamedTuple):
    """A name that our code defines."""

    text: str
    kind: str
    """`module`, `class`, `function`, `parameter`, `variable` or `attribute`; a field is a variable of its class."""
    path: Path
    """Of its file, relative to the root."""


def names_in(path: Path, tree: ast.Module) -> Iterator[Name]:
    """Find the names that a file defines; inside a migration that was released nothing is renamed any more."""
    yield Name(path.parent.name if path.stem == "__init__" else path.stem, "module", path)
    for node in nodes(tree) if "migrations" not in path.parts else ():
        if isinstance(node, ast.ClassDef):
            yield Name(node.name, "class", path)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield Name(node.name, "function", path)
        elif isinstance(node, ast.arg):
            yield Name(node.arg, "parameter", path)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield Name(node.id, "variable", path)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield Name(node.attr, "attribute", path)


def words_of(name: str) -> list[str]:
    """Split a name of either spelling into its words, in small letters."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def retired_in(name: Name) -> str | None:
    """Return what the field says instead of a retired word in a name; None where the name is fine."""
    words = words_of(name.text)
    if name.kind in ("module", "class") and "_".join(words) in RETIRED_NAMES:
        return RETIRED_NAMES["_".join(words)]
    return next((RETIRED_PARTS[word] for word in words if word in RETIRED_PARTS), None)


@pytest.fixture(scope="module")
def retired(sources: dict[Path, ast.Module]) -> dict[Name, str]:
    """Every name of ours with a retired word in it, and what the field says instead."""
    names = {name for path, tree in sources.items() for name in names_in(path, tree)}
    return {name: instead for name in names if (instead := retired_in(name)) is not None}


def test_no_name_has_a_retired_word_in_it(retired: dict[Name, str]) -> None:
    offenders = {
        f"{name.path}: {name.kind} {name.text}": f"rather {instead}"
        for name, instead in retired.items()
        if name.text not in EXCEPTIONS
    }

    assert offenders == {}


def test_no_test_is_named_with_a_retired_verb() -> None:
    names = [
        f"{path.name}: {name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for name in re.findall(r"^ *(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
        if not {"asked", "said", "tally", "tells", "told"}.isdisjoint(words_of(name))
    ]

    assert names == []


def test_every_exception_is_a_name_that_exists_and_has_a_retired_word(retired: dict[Name, str]) -> None:
    assert {name.text for name in retired} >= set(EXCEPTIONS)


def test_names_are_found_wherever_they_are_defined() -> None:
    text = """
class Row:
    field: int

    def method(self, parameter, *more, option=1, **rest):
        self.attribute = parameter
        for one, (two, *others) in more:
            [item for item in others if (found := item)]
"""

    names = {(name.kind, name.text) for name in names_in(Path("shared/file.py"), ast.parse(text))}

    assert names == {
        *(("parameter", one) for one in ("self", "parameter", "more", "option", "rest")),
        *(("variable", one) for one in ("field", "one", "two", "others", "item", "found")),
        *(("module", "file"), ("class", "Row"), ("function", "method"), ("attribute", "attribute")),
    }


def test_words_are_found_in_names_of_either_spelling() -> None:
    found = {
        text: retired_in(Name(text, "class", Path())) for text in ("_ToldOnce", "outcome_asked", "Item", "Taskmaster")
    }

    assert found == {
        "_ToldOnce": "return, describe, report, reported",
        "outcome_asked": "request, requested",
        "Item": "normalized change",
        "Taskmaster": None,
    }


def test_no_docstring_begins_with_tell(sources: dict[Path, ast.Module]) -> None:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = [
        (str(path), ast.get_docstring(node) or "")
        for path, tree in sources.items()
        for node in nodes(tree)
        if isinstance(node, kinds)
    ]

    assert [(path, text) for path, text in docstrings if re.match(r"Tells?\b", text)] == []
