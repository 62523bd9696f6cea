"""What import-linter cannot see: imports by name, circles of files and folders, shared packages with one user alone."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
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


@pytest.fixture(scope="module")
def arrows(sources: dict[Path, ast.Module]) -> dict[str, set[str]]:
    """Say of each module which ones it imports: in a function, for the type check alone, by a name written out, too."""
    modules = {module_of(path) for path in sources}
    return {
        module_of(path): {
            *imported_of(modules, tree),
            *(name for _, name in dynamic_imports(tree) if name in modules),
        }
        for path, tree in sources.items()
    }


def test_no_files_import_each_other(arrows: dict[str, set[str]]) -> None:
    assert " -> ".join(circle(arrows)) == ""


def test_no_folders_of_a_package_import_each_other(arrows: dict[str, set[str]]) -> None:
    """Of a package, the folders and the files beside them: what is above takes from what is below."""
    between: dict[str, set[str]] = defaultdict(set)
    why: dict[tuple[str, str], set[str]] = defaultdict(set)
    for module, imports in arrows.items():
        for one in imports:
            above, below = folder_of(module), folder_of(one)
            if above != below and above.split(".")[0] == below.split(".")[0]:
                between[above].add(below)
                why[above, below].add(f"{module} imports {one}")

    found = circle(between)

    assert [sorted(why[pair]) for pair in pairwise(found)] == []


def folder_of(module: str) -> str:
    """Name the folder of its package in which a module lies, or the module itself where it lies beside the folders."""
    return ".".join(module.split(".")[:2])


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
