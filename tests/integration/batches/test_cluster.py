"""Predictions from an export on worker processes of Dask: the file of one machine, whoever dies meanwhile."""

import os
import shutil
import signal
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from distributed import LocalCluster

from foretell.batch_models import artifact_of
from foretell.bucket_predictions import BucketPredictions, predict_bucket, predicted
from shared.batches.bucket_map import mapped
from shared.batches.buckets import BucketManifest, export
from shared.errors import FileRefused, SettingsRefused
from shared.settings import Settings
from tests.integration.batches.conftest import NOW, Batching

BUCKETS = 6


@pytest.fixture
def settings(tmp_path: Path, copied_files: Path) -> Settings:
    """SQLite alone: what is tested reads an export, whatever store wrote it."""
    for file in copied_files.iterdir():
        shutil.copy(file, tmp_path)
    return Settings(home=tmp_path)


def wanted(batching: Batching, folder: Path, *, capability: str = "scoring", format: str = "parquet"):
    if not (folder.parent / "export").exists():
        export(batching.store, folder.parent / "export", BUCKETS, at=NOW)
    folder.mkdir()
    (champion,) = [one for one in batching.database.champions() if one.capability == capability]
    model = {name: getattr(champion, name) for name in ("capability", "outcome", "version", "digest")}
    manifest = BucketManifest.read(folder.parent / "export")
    named = BucketPredictions(folder.parent / "export", manifest, folder, model, NOW, NOW, 0, format)
    return named, artifact_of(batching.settings, "default", model, at=NOW)


@pytest.mark.parametrize("format", ["parquet", "ndjson", "csv"])
def test_two_workers_write_the_file_that_one_process_writes(
    batching: Batching, cluster: LocalCluster, tmp_path: Path, format: str
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"

    counts = predicted(*wanted(batching, here, format=format), here / "result", scheduler=None)
    again = predicted(*wanted(batching, there, format=format), there / "result", scheduler=cluster.scheduler_address)

    assert counts == again == {"ok": 24, "no_consent": 1, "insufficient_data": 1}
    assert (there / "result").read_bytes() == (here / "result").read_bytes()


def test_a_worker_that_is_killed_in_a_bucket_costs_that_bucket_alone(
    batching: Batching, cluster: LocalCluster, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    predicted(*wanted(batching, here), here / "result", scheduler=None)
    named, artifact = wanted(batching, there)
    work = partial(dying, tmp_path / "died", 3, partial(predict_bucket, named))
    (there / "artifact").symlink_to(artifact)

    statuses = list(mapped(work, range(BUCKETS), scheduler=cluster.scheduler_address))

    assert (tmp_path / "died").exists()
    assert sum(sum(one.values()) for one in statuses) == 26
    for bucket in range(BUCKETS):
        assert named.part(bucket).read_bytes() == (here / f"part-{bucket:05}").read_bytes()
    attempts = [int(line) for line in (tmp_path / "attempts").read_text().splitlines()]
    assert sorted({*attempts}) == list(range(BUCKETS))
    assert attempts.count(3) == 2


def dying(died: Path, at: int, work, bucket: int):
    """Do a bucket, but let the worker die of one the first time, as if its machine was lost."""
    with (died.parent / "attempts").open("a") as noted:
        noted.write(f"{bucket}\n")
    if bucket == at and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return work(bucket)


@pytest.mark.slow
def test_a_worker_that_is_killed_from_outside_changes_nothing(
    batching: Batching, cluster: LocalCluster, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    predicted(*wanted(batching, here), here / "result", scheduler=None)
    victim = next(iter(cluster.workers.values())).pid

    def kill(done: int) -> None:
        if done == 1:
            os.kill(victim, signal.SIGKILL)

    named, artifact = wanted(batching, there)
    predicted(named, artifact, there / "result", scheduler=cluster.scheduler_address, progress=kill)

    assert (there / "result").read_bytes() == (here / "result").read_bytes()


def test_what_a_bucket_is_refused_for_reaches_the_caller(
    batching: Batching, cluster: LocalCluster, tmp_path: Path
) -> None:
    named, artifact = wanted(batching, tmp_path / "there")
    elsewhere = replace(named, export=tmp_path / "not-there")

    with pytest.raises(FileRefused, match="Bucket 0 of"):
        predicted(elsewhere, artifact, tmp_path / "result", scheduler=cluster.scheduler_address)

    assert not (tmp_path / "result").exists()


def test_nobody_is_written_for_once_the_folder_of_a_run_is_gone(batching: Batching, tmp_path: Path) -> None:
    named, _ = wanted(batching, tmp_path / "there")
    (tmp_path / "there").rmdir()

    with pytest.raises(FileRefused, match="does not see"):
        predict_bucket(named, 0)

    assert not (tmp_path / "there").exists()


def test_a_scheduler_that_does_not_answer_is_named() -> None:
    with pytest.raises(SettingsRefused, match=r"no Dask scheduler answers at tcp://127.0.0.1:9"):
        list(mapped(str, [1], scheduler="tcp://127.0.0.1:9", connect_seconds=0.2))


def test_without_dask_the_setting_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(SettingsRefused, match=r"foretell\[scale\]"):
        list(mapped(str, [1], scheduler="tcp://127.0.0.1:8786"))
