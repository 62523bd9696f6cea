"""Fail when a test was skipped that is not on the written list: skips.py REPORT.xml ALLOWED.txt."""

import sys
from pathlib import Path
from xml.etree import ElementTree


def skipped(report: Path) -> list[str]:
    """Name the tests that a JUnit report shows as skipped, as `module::test: reason`."""
    root = ElementTree.parse(report).getroot()  # noqa: S314 - written by our own test run a moment ago
    return [
        f"{case.get('classname')}::{case.get('name')}: {mark.get('message')}"
        for case in root.iter("testcase")
        for mark in case.findall("skipped")
        if mark.get("type") != "pytest.xfail"
    ]


def allowed(listed: Path) -> list[str]:
    """Read the prefixes of the tests that may be skipped; `#` starts a comment."""
    lines = (line.split("#")[0].strip() for line in listed.read_text().splitlines())
    return [line for line in lines if line]


def main(report: str, listed: str) -> int:
    """Print every skip that nobody announced; 1 when there is one, or no test at all."""
    if not list(ElementTree.parse(report).getroot().iter("testcase")):  # noqa: S314 - as above
        sys.stderr.write(f"{report} holds no test at all\n")
        return 1
    prefixes = allowed(Path(listed))
    unannounced = [name for name in skipped(Path(report)) if not any(map(name.startswith, prefixes))]
    for name in unannounced:
        sys.stderr.write(f"skipped, and not on {listed}: {name}\n")
    return int(bool(unannounced))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
