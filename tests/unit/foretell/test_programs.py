from pathlib import Path

from foretell.programs import Program, environment, programs
from shared.capabilities import TABLE
from shared.environment import secret_settings

EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound


def test_every_capability_has_a_process_and_a_port_of_its_own() -> None:
    listed = programs("127.0.0.1", 8000)

    assert [program.name for program in listed] == [*(line.name for line in TABLE), "worker", "gateway"]
    assert len({program.port for program in listed}) == len(listed)
    assert listed[-1].port == 8000


def test_only_the_gateway_leaves_loopback() -> None:
    listed = programs(EVERYWHERE, 8000)

    assert {program.name for program in listed if program.host != "127.0.0.1"} == {"gateway"}


def test_health_is_checked_on_loopback_when_the_gateway_listens_everywhere() -> None:
    assert programs(EVERYWHERE, 8000)[-1].health_url == "http://127.0.0.1:8000/healthz"
    assert Program("gateway", (), "::1", 80).health_url == "http://[::1]:80/healthz"


def test_a_secret_that_was_given_wins_over_ours() -> None:
    seen = environment(
        {"FORETELL_SIGNING_KEY": "given"}, Path("var"), 9000, {"signing_key": "ours", "identity_key": "ours"}
    )

    assert seen["FORETELL_SIGNING_KEY"] == "given"
    assert seen["FORETELL_IDENTITY_KEY"] == "ours"


def test_metrics_have_ports_of_their_own_when_there_is_one() -> None:
    numbers = [program.metrics_port for program in programs("127.0.0.1", 8000, 9100)]

    services_and_worker = [9101 + place for place in range(len(TABLE) + 1)]
    assert numbers == [*services_and_worker, 9100]
    assert {program.metrics_port for program in programs("127.0.0.1", 8000)} == {None}


def test_each_program_sees_its_own_metrics_port_and_no_other() -> None:
    with_metrics, without = programs("127.0.0.1", 8000, 9100)[0], programs("127.0.0.1", 8000)[0]

    assert with_metrics.environment({"FORETELL_METRICS_PORT": "9100"})["FORETELL_METRICS_PORT"] == "9101"
    assert "FORETELL_METRICS_PORT" not in without.environment({"FORETELL_METRICS_PORT": "9100"})


EVERY_SECRET = {f"FORETELL_{name.upper()}": "x" for name in secret_settings()} | {"MLFLOW_TRACKING_PASSWORD": "x"}


def test_each_program_sees_the_secrets_that_it_needs_and_no_other() -> None:
    seen = {
        program.name: {name for name in program.environment({**EVERY_SECRET, "PATH": "/bin"}) if name in EVERY_SECRET}
        for program in programs("127.0.0.1", 8000)
    }

    store = {"FORETELL_STORE_URL", "FORETELL_PREDICTIONS_URL", "FORETELL_SIGNING_KEY"}
    service = store | {"FORETELL_REGISTRY_URL", "MLFLOW_TRACKING_PASSWORD"}
    assert seen == {
        **{line.name: service for line in TABLE},
        "worker": service | {"FORETELL_IDENTITY_KEY"},
        "gateway": store | {"FORETELL_IDENTITY_KEY", "FORETELL_LIMITS_REDIS_URL"},
    }


def test_what_is_no_secret_is_passed_on() -> None:
    program = programs("127.0.0.1", 8000)[0]

    assert program.environment({"PATH": "/bin", "FORETELL_LOG_LEVEL": "DEBUG"}) == {
        "PATH": "/bin",
        "FORETELL_LOG_LEVEL": "DEBUG",
    }


def test_children_see_an_absolute_home_and_no_telemetry() -> None:
    seen = environment({}, Path("var"), 9000, {})

    assert seen["FORETELL_HOME"] == str(Path.cwd() / "var")
    assert seen["FORETELL_PORT"] == "9000"
    assert seen["MLFLOW_DISABLE_TELEMETRY"] == "true"
