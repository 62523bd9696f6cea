from pathlib import Path
from typing import Any

import pytest

from shared.registry.artifact import digest_of
from shared.serving.artifacts import RegistryChild, RememberedRows


async def test_an_artifact_in_the_cache_needs_no_registry(settings: Any, row: Any) -> None:
    folder = settings.cache_folder / "new"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    digest = digest_of(folder)
    folder.rename(settings.cache_folder / digest)

    found = await RegistryChild(settings)(row(), "7", digest)

    assert found == settings.cache_folder / digest


def test_rows_are_remembered(tmp_path: Path, row: Any) -> None:
    remembered = RememberedRows(tmp_path / "cache", "scoring")

    remembered.keep([row()])

    assert RememberedRows(tmp_path / "cache", "scoring").recall() == [row()]


@pytest.mark.parametrize("content", [b"", b"{", b'[{"odd": 1}]'])
def test_a_damaged_memory_is_no_memory(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "champions.scoring.json").write_bytes(content)

    assert RememberedRows(tmp_path, "scoring").recall() == []
