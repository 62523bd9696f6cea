"""The store is composed of its subjects, and no subject can write a statement that forgets the account."""

import ast
from pathlib import Path

from shared.store import AccountStore
from shared.store.database import Experiments
from shared.store.deliveries import Deliveries
from shared.store.models import Models
from shared.store.sources import Sources
from tests.architecture.syntax import nodes

MOST_ATTRIBUTES = 25
STATEMENTS = {"select", "insert", "update", "delete", "exists", "text", "Table", "literal_column"}
UNBOUND = {
    "scope": "adds the account to every statement, and holds its row",
    "database": "what is asked over all accounts",
    "sql": "asks whether a database takes writes",
    "migration": "knows no account",
    "change_detection": "one statement made once, whose parameter is the account",
    "pasts": "numbers as columns of a union; every part of it is made for an account",
    "prediction_tables": "the length of a week and a condition, within indexes",
    "privacy": "tables as they are declared, to find everything kept of a contact",
}
"""Files of the store that may make statements of SQLAlchemy by themselves, and why."""


def subjects() -> dict[str, type]:
    """Return the classes of the attributes of an account's store that are subjects."""
    found = {
        name: made
        for one in (AccountStore, Models, Experiments, Deliveries, Sources)
        for name, made in properties(one).items()
    }
    return {name: made for name, made in found.items() if made.__module__.startswith("shared.store.")}


def properties(of: type) -> dict[str, type]:
    """Return the classes of the properties of a class."""
    return {
        name: member.fget.__annotations__["return"]
        for name, member in vars(of).items()
        if isinstance(member, property) and not name.startswith("_")
    }


def test_a_store_and_its_subjects_inherit_nothing() -> None:
    classes = [AccountStore, *subjects().values()]

    assert {one.__name__: one.__bases__ for one in classes} == {one.__name__: (object,) for one in classes}


def test_a_store_has_few_attributes() -> None:
    names = [name for name in dir(AccountStore) if not name.startswith("_")]

    assert len(names) <= MOST_ATTRIBUTES, names


def test_a_subject_shows_nothing_of_what_binds_it_to_its_account() -> None:
    shown = {
        f"{name}.{field}"
        for name, one in subjects().items()
        for field, held in vars(one).items()
        if not field.startswith("_") and not callable(held) and not isinstance(held, property)
    }

    assert shown == set()


def test_only_what_adds_the_account_makes_statements(sources: dict[Path, ast.Module]) -> None:
    made = {
        path.stem: {
            name.name
            for node in nodes(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy"
            for name in node.names
        }
        & STATEMENTS
        for path, tree in sources.items()
        if path.parent == Path("shared/store")
    }

    assert {name for name, statements in made.items() if statements} == UNBOUND.keys()
