import os
import subprocess
import sys

import pytest

from shared.learners.trees import fits_at_once

LOOK = """
import {package}
import numpy, os
from threadpoolctl import threadpool_info
print({{found["num_threads"] for found in threadpool_info()}}, os.environ["OMP_WAIT_POLICY"])
"""


def threads_with(package: str, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENBLAS_", "OMP_"))}
    command = [sys.executable, "-c", LOOK.format(package=package)]
    return subprocess.run(command, env=kept | environment, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("package", ["foretell", "services"])
def test_a_process_of_ours_computes_with_one_thread_that_never_spins(package: str) -> None:
    assert threads_with(package) == "{1} PASSIVE"


def test_whoever_runs_a_process_may_say_how_many_threads_it_has() -> None:
    assert threads_with("services", OPENBLAS_NUM_THREADS="2", OMP_WAIT_POLICY="ACTIVE") == "{2} ACTIVE"


@pytest.mark.parametrize(
    ("limit", "rows", "at_once"),
    [(None, 8_800, 2), ("1", 8_800, 1), ("8", 8_800, 2), (None, 200_000, 1), ("1", 200_000, 1), ("", 8_800, 2)],
)
def test_fits_go_side_by_side_as_far_as_threads_are_granted(
    monkeypatch: pytest.MonkeyPatch, limit: str | None, rows: int, at_once: int
) -> None:
    monkeypatch.delenv("OMP_THREAD_LIMIT", raising=False)
    if limit is not None:
        monkeypatch.setenv("OMP_THREAD_LIMIT", limit)

    assert fits_at_once(rows) == at_once
