"""What follows from the capability table is on disk as the one command writes it."""

from pathlib import Path

import pytest

from foretell.derived import COMMAND, manifests, sections, with_section


@pytest.mark.parametrize("path", manifests(), ids=str)
def test_each_capability_s_manifest_is_as_the_command_writes_it(root: Path, path: Path) -> None:
    assert (root / path).read_text() == manifests()[path], f"write it: {COMMAND}"


@pytest.mark.parametrize(("path", "name"), sections(), ids=str)
def test_each_marked_section_is_as_the_command_writes_it(root: Path, path: Path, name: str) -> None:
    text = (root / path).read_text()

    assert with_section(text, name, sections()[path, name]) == text, f"write it: {COMMAND}"
