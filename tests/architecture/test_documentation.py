"""What the documentation promises about the repository is so."""

import re
import tomllib
from pathlib import Path

import pytest

from shared import settings
from shared.capabilities import TABLE

ROOT = Path(__file__).parents[2]
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "services").rglob("*.md")})
DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
SECTIONS = ["Context", "Decision", "Consequences", "Alternatives", "Enforced by"]
KINDS = [kind for kind in vars(settings).values() if isinstance(kind, type) and issubclass(kind, settings.Settings)]
TO_BE_MADE = "services/toy/"
"""What the page about a new capability makes."""
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Name the headings of a page as GitHub links to them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def paths_in(text: str) -> list[str]:
    """Return the paths of this repository that a text names between backticks, in order."""
    top = "|".join(re.escape(path.name) for path in ROOT.iterdir() if path.is_dir())
    return re.findall(rf"`((?:{top})/[\w./<>*-]*)`", FENCE.sub("", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text()))

    for target in (target for target in targets if "://" not in target and not target.startswith("mailto:")):
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page

        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_every_decision_has_its_sections_in_order(decision: Path) -> None:
    assert re.findall(r"^## (.+)$", decision.read_text(), re.MULTILINE) == SECTIONS


def test_every_decision_is_in_the_index_once_and_numbered_once() -> None:
    index = (ROOT / "docs" / "adr" / "README.md").read_text()
    numbers = [decision.name[:4] for decision in DECISIONS]

    assert sorted(re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", index)) == [decision.name for decision in DECISIONS]
    assert len(set(numbers)) == len(numbers)


def test_every_setting_is_in_the_table_of_operations_and_no_other() -> None:
    table = re.findall(r"^\| `(FORETELL_[A-Z_]+)`", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    fields = {f"FORETELL_{name.upper()}" for kind in KINDS for name in kind.model_fields}

    assert sorted(table) == sorted(fields)


def test_every_default_in_the_table_is_the_one_in_the_code() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    rows = dict(re.findall(r"^\| `FORETELL_([A-Z_]+)` \| `?([^|`]*?)`? \|", text, re.MULTILINE))

    for kind in KINDS:
        for name, field in kind.model_fields.items():
            written = rows[name.upper()].replace("_", "").replace(",", "")
            if field.is_required():
                assert written == "required", name
            elif field.default is not None:
                assert written == str(field.default).replace("_", ""), name


def test_every_folder_is_on_the_picture() -> None:
    picture = (ROOT / "docs" / "architecture.md").read_text()
    folders = [
        *("foretell", "services", "gateway", "shared", "k8s", "tests", "docs", ".ci"),
        *(folder.name for folder in (ROOT / "shared").iterdir() if (folder / "__init__.py").exists()),
        *(path.name for path in (ROOT / "shared").glob("*.py") if path.name != "__init__.py"),
    ]

    assert [name for name in folders if not re.search(rf"\b{re.escape(name.lstrip('.'))}\b", picture)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = [path for path in paths_in(page.read_text()) if not path.startswith(TO_BE_MADE)]

    assert [path for path in named if not any(ROOT.glob(re.sub(r"<\w+>", "*", path)))] == []


def test_paths_are_found_in_a_text() -> None:
    text = (
        "`shared/ties.py` and `services/<name>/schemas.py`, `tests/unit/`, `Table`, `/score`, `foretell/cli` and `make`"
    )

    assert paths_in(text) == ["shared/ties.py", "services/<name>/schemas.py", "tests/unit/", "foretell/cli"]


def test_the_levels_of_the_map_are_those_that_import_linter_keeps() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    packages, inside = (
        next(one["layers"] for one in contracts if one["type"] == "layers" and one.get("containers") == container)
        for container in (None, ["shared"])
    )
    layers = [*packages[:-1], *(" | ".join(f"shared/{name}" for name in one.split(" | ")) for one in inside)]
    page = (ROOT / "docs" / "architecture.md").read_text()

    rows = re.findall(r"^\| (\d+) \| `([\w/]+?)(?:/|\.py)` \|", page, re.MULTILINE)

    assert {name: int(level) for level, name in rows} == {
        name: level for level, layer in enumerate(layers, start=1) for name in layer.split(" | ")
    }


@pytest.mark.parametrize("line", TABLE, ids=lambda line: line.name)
def test_the_readme_lists_every_capability_with_its_path(line: object) -> None:
    readme = (ROOT / "README.md").read_text()

    assert f"`POST {line.path}`" in readme  # type: ignore[attr-defined]


def test_a_release_is_written_down_before_it_is_made() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text()

    assert re.findall(r"^## \[(.+?)\]", changes, re.MULTILINE)[0] == "Unreleased"
