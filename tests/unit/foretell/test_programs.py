from pathlib import Path

from foretell.programs import Program, environment, programs
from shared.capabilities import TABLE

EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound


def test_every_capability_has_a_process_and_a_port_of_its_own() -> None:
    listed = programs("127.0.0.1", 8000)

    assert [program.name for program in listed] == [*(line.name for line in TABLE), "worker", "gateway"]
    assert len({program.port for program in listed}) == len(listed)
    assert listed[-1].port == 8000


def test_only_the_gateway_leaves_loopback() -> None:
    listed = programs(EVERYWHERE, 8000)

    assert {program.name for program in listed if program.host != "127.0.0.1"} == {"gateway"}


def test_health_is_asked_on_loopback_when_the_gateway_listens_everywhere() -> None:
    assert programs(EVERYWHERE, 8000)[-1].health_url == "http://127.0.0.1:8000/healthz"
    assert Program("gateway", (), "::1", 80).health_url == "http://[::1]:80/healthz"


def test_a_secret_that_was_given_wins_over_ours() -> None:
    seen = environment(
        {"FORETELL_SIGNING_KEY": "given"}, Path("var"), 9000, {"signing_key": "ours", "identity_key": "ours"}
    )

    assert seen["FORETELL_SIGNING_KEY"] == "given"
    assert seen["FORETELL_IDENTITY_KEY"] == "ours"


def test_children_see_an_absolute_home_and_no_telemetry() -> None:
    seen = environment({}, Path("var"), 9000, {})

    assert seen["FORETELL_HOME"] == str(Path.cwd() / "var")
    assert seen["FORETELL_PORT"] == "9000"
    assert seen["MLFLOW_DISABLE_TELEMETRY"] == "true"
