from pathlib import Path

from shared.registry.artifact import digest_of


def written(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def test_the_same_files_have_the_same_digest_wherever_they_lie(tmp_path: Path) -> None:
    assert digest_of(written(tmp_path / "a", x="1", y="2")) == digest_of(written(tmp_path / "b", y="2", x="1"))


def test_a_changed_byte_a_changed_name_and_a_moved_border_change_it(tmp_path: Path) -> None:
    folders = [
        written(tmp_path / "a", x="12", y="3"),
        written(tmp_path / "b", x="1", y="23"),
        written(tmp_path / "c", x="12", z="3"),
        written(tmp_path / "d", x="12", y="4"),
    ]

    assert len({digest_of(folder) for folder in folders}) == 4


def test_a_folder_without_files_has_a_digest_of_64_digits(tmp_path: Path) -> None:
    assert len(digest_of(tmp_path)) == 64
