"""What import-linter does not hold: imports by name, circles of files, packages of shared with one user alone."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.architecture.syntax import nodes

OWNERS = {"mlflow": "shared.registry", "sqlalchemy": "shared.store", "alembic": "shared.store"}
IMPORTERS = {
    "import_module",
    "__import__",
    "resolve_name",
    "find_spec",
    "spec_from_file_location",
    "run_module",
    "run_path",
}
# Where a module is imported by a name that is not written out: what starts and what finds the lines of the table.
COMPOSED = {"foretell.child", "foretell.preloaded", "services.specs"}


def module_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def dynamic_imports(tree: ast.Module) -> Iterator[tuple[int, str | None]]:
    """Yield the line and, where it is written out, the name of every import made by a function."""
    for node in nodes(tree):
        if isinstance(node, ast.Call) and called(node) in IMPORTERS:
            first = node.args[0] if node.args else None
            yield node.lineno, first.value if isinstance(first, ast.Constant) else None


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield every module, and every name that may be one, that a file imports."""
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize(("library", "owner"), OWNERS.items())
def test_a_library_with_one_owner_is_not_imported_round_it(
    sources: dict[Path, ast.Module], library: str, owner: str
) -> None:
    offenders = [
        f"{path}:{line}"
        for path, tree in sources.items()
        if not module_of(path).startswith(owner)
        for line, name in dynamic_imports(tree)
        if name and name.split(".")[0] == library
    ]

    assert offenders == []


def test_a_module_is_imported_by_a_computed_name_only_where_it_is_written_down(
    sources: dict[Path, ast.Module],
) -> None:
    found = {
        module_of(path)
        for path, tree in sources.items()
        for _, name in dynamic_imports(tree)
        if name is None and not module_of(path).startswith(tuple(OWNERS.values()))
    }

    assert found <= COMPOSED


def test_no_file_imports_relatively(sources: dict[Path, ast.Module]) -> None:
    offenders = [
        f"{path}:{node.lineno}"
        for path, tree in sources.items()
        for node in nodes(tree)
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]

    assert offenders == []


def test_no_files_import_each_other(sources: dict[Path, ast.Module]) -> None:
    """Imports in a function, for the type check alone, and by a name that is written out count as any other."""
    modules = {module_of(path) for path in sources}

    graph = {
        module_of(path): {
            *imported_of(modules, tree),
            *(name for _, name in dynamic_imports(tree) if name in modules),
        }
        for path, tree in sources.items()
    }

    assert " -> ".join(circle(graph)) == ""


def imported_of(modules: set[str], tree: ast.Module) -> Iterator[str]:
    """Yield which of our modules a file imports; of a package and a module within it, the module."""
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            whole = (f"{node.module}.{name.name}" for name in node.names)
            yield from (name if name in modules else node.module for name in whole)


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return modules of which each imports the next, the last of them the first again; empty: there is no such circle.

    >>> circle({"a": {"b", "c"}, "b": {"c"}, "c": set()})
    []
    >>> circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    ['a', 'b', 'c', 'a']
    """
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found[::-1]  # it comes with each before what imports it
    return []


def test_annotations_are_real_at_run_time(sources: dict[Path, ast.Module]) -> None:
    assert [str(path) for path, tree in sources.items() if "__future__.annotations" in set(imported(tree))] == []


def test_a_package_of_shared_serves_two_users_at_least(sources: dict[Path, ast.Module]) -> None:
    """A package that one user alone imports belongs to that user; users are processes and other packages."""
    names = {module_of(path): set(imported(tree)) for path, tree in sources.items()}
    packages = {".".join(module.split(".")[:2]) for module in names if module.startswith("shared.")}

    users = {
        package: {
            user
            for module, uses in names.items()
            if (user := user_of(module)) != package
            and any(use == package or use.startswith(f"{package}.") for use in uses)
        }
        for package in packages
    }

    assert {package: sorted(by) for package, by in users.items() if len(by) < 2} == {}


def user_of(module: str) -> str:
    """Name the process or the package that a module belongs to."""
    parts = module.split(".")
    if parts[0] == "foretell" or parts[0] == "gateway":
        return parts[0]
    if parts[0] == "services":
        return ".".join(parts[:1] + parts[2:3])
    return ".".join(parts[:2])
