"""A test that is skipped and not on the written list makes CI fail."""

import subprocess
import sys
from pathlib import Path

import pytest

REPORT = """<testsuites><testsuite>
<testcase classname="tests.unit.test_a" name="test_runs" />
<testcase classname="tests.unit.test_b" name="test_waits"><skipped type="pytest.skip" message="no clock" /></testcase>
<testcase classname="tests.unit.test_c" name="test_will"><skipped type="pytest.xfail" message="later" /></testcase>
</testsuite></testsuites>"""


def judged(root: Path, folder: Path, *, report: str, listed: str) -> subprocess.CompletedProcess[str]:
    (folder / "report.xml").write_text(report)
    (folder / "allowed.txt").write_text(listed)
    command = [sys.executable, str(root / ".ci" / "skips.py"), "report.xml", "allowed.txt"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_skip_that_nobody_announced_fails_and_is_named(root: Path, tmp_path: Path) -> None:
    done = judged(root, tmp_path, report=REPORT, listed="# nothing\n")

    assert done.returncode == 1
    assert "tests.unit.test_b::test_waits: no clock" in done.stderr
    assert "test_c" not in done.stderr


def test_a_skip_on_the_list_passes(root: Path, tmp_path: Path) -> None:
    done = judged(root, tmp_path, report=REPORT, listed="tests.unit.test_b::test_waits  # why\n")

    assert done.returncode == 0


@pytest.mark.parametrize("report", ["<testsuites />", "<testsuites><testsuite /></testsuites>"])
def test_a_run_without_any_test_fails(root: Path, tmp_path: Path, report: str) -> None:
    done = judged(root, tmp_path, report=report, listed="")

    assert done.returncode == 1
