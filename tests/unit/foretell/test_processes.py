from pathlib import Path

from foretell.processes import cut_log, last_line


def test_the_last_line_that_says_something_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("first\nlast\n\n  \n")

    assert last_line(tmp_path / "a.log") == "last"


def test_a_missing_or_empty_log_has_no_last_line(tmp_path: Path) -> None:
    (tmp_path / "empty.log").write_text("")

    assert last_line(tmp_path / "empty.log") == ""
    assert last_line(tmp_path / "missing.log") == ""


def test_a_long_log_is_moved_aside_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("ab") as writer:
        writer.write(b"x" * 11)
        writer.flush()

        cut_log(log, max_bytes=10)
        writer.write(b"new")

    assert log.read_bytes() == b"new"
    assert (tmp_path / "a.log.1").read_bytes() == b"x" * 11


def test_a_short_log_stays(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"x" * 10)

    cut_log(tmp_path / "a.log", max_bytes=10)

    assert not (tmp_path / "a.log.1").exists()
