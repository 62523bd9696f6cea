from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_array_equal

from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY
from shared.errors import FileRefused
from shared.features import Feature, FeatureSet, Inputs
from shared.training.frames_folder import LearnableFrames, Manifest, read_manifest, write_frames

NAN = np.nan
FEATURES = FeatureSet(
    (
        Feature("Lead Source", "categorical", "category", "s", attribute="Lead Source", categories=("Ad", "Web")),
        Feature("spend", "numeric", "as given", "spend", attribute="spend"),
    )
)
MATRIX = np.array([[0.0, 1.5], [NAN, NAN], [2.0, 3.0]])
FRAMES = LearnableFrames(
    contact=np.array([7, 7, 9], dtype=np.int32),
    cutoff=np.array([DAY, 2 * DAY, 2 * DAY]),
    label=np.array([0.0, 1.0, 0.0]),
    fold=np.array([0, 1, 1]),
    matrix=MATRIX,
    feature_set=FEATURES,
    inputs=Inputs.of(FEATURES, MATRIX, np.array([0.0, 1.0, 0.0]), np.array([7, 7, 9]), known=("spend",)),
    held_back_since=40 * DAY,
    held_back=5,
    outcome=Outcome(name="won", capability="scoring", event_types=("deal_won",), horizon_days=30),
    horizon_days=30,
    data_digest="d" * 64,
)


def test_the_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "frames"

    written = write_frames(folder, FRAMES, account="demo", capability="scoring", release="1", at=50 * DAY)

    assert read_manifest(folder) == written
    assert read_manifest(folder).digest == written.digest
    assert written.names == ["Lead_Source", "spend"]
    assert written.columns[0].categories == ("Ad", "Web")
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_the_table_holds_codes_missing_cells_and_numbers_for_contacts(tmp_path: Path) -> None:
    write_frames(tmp_path / "frames", FRAMES, account="demo", capability="scoring", release="1", at=50 * DAY)

    table = pq.read_table(tmp_path / "frames" / "frames.parquet").to_pandas().sort_values(["cutoff", "label"])

    assert sorted({*table["contact"]}) == [0, 1]
    assert table["contact"].iloc[0] == table["contact"].iloc[2] != table["contact"].iloc[1]
    assert_array_equal(table["Lead_Source"], [0.0, 2.0, NAN])
    assert_array_equal(table["spend"], [1.5, 3.0, NAN])
    assert table["fold"].tolist() == [0, 1, 1]


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="already there"):
        write_frames(tmp_path, FRAMES, account="demo", capability="scoring", release="1", at=50 * DAY)


def test_what_cannot_be_written_or_recorded_leaves_nothing_behind(tmp_path: Path) -> None:
    seen = []

    def refuse(_: Manifest) -> None:
        seen.extend(path.name for path in tmp_path.rglob("*") if path.is_file())
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        write_frames(
            tmp_path / "frames", FRAMES, account="demo", capability="scoring", release="1", at=DAY, record=refuse
        )

    assert sorted(seen) == ["frames.parquet", "manifest.json"]
    assert [*tmp_path.iterdir()] == []


def test_a_link_to_nowhere_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "frames").symlink_to(tmp_path / "nowhere")

    with pytest.raises(FileRefused, match="already there"):
        write_frames(tmp_path / "frames", FRAMES, account="demo", capability="scoring", release="1", at=DAY)


@pytest.mark.parametrize(("content", "why"), [(None, "There is no manifest.json"), ("{}", "no manifest that this")])
def test_a_folder_without_a_readable_manifest_is_refused(tmp_path: Path, content: str | None, why: str) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)

    with pytest.raises(FileRefused, match=why):
        read_manifest(tmp_path)
