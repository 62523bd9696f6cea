"""The manifests as the cluster would get them: valid, named after the table, and restricted."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate.utils
import pytest

from shared import settings
from shared.capabilities import TABLE

ROOT = Path(__file__).parents[2]
OVERLAYS = sorted(path.parent.name for path in (ROOT / "k8s" / "overlays").glob("*/kustomization.yaml"))
SECRETS = {
    "FORETELL_STORE_URL": "store-url",
    "FORETELL_REGISTRY_URL": "registry-url",
    "FORETELL_SIGNING_KEY": "signing-key",
    "FORETELL_IDENTITY_KEY": "identity-key",
    "FORETELL_LIMITS_REDIS_URL": "limits-redis-url",
}
OF_THE_SERVER = {"FORWARDED_ALLOW_IPS"}
"""Variables that uvicorn reads itself."""
OF_THE_LIBRARIES = {"OMP_NUM_THREADS"}
"""The same of LightGBM's."""
OF_THE_OPERATOR = {"PodMonitor"}
"""Kinds that Kubernetes does not know by itself."""
CAPABILITIES = [line.name for line in TABLE]
DASK = {"dask-scheduler", "dask-worker"}
"""What the component `dask` adds, in the overlay that has it."""
SHARES_FILES = {"worker", "dask-worker"}
"""Where that component mounts the folder of exports and results."""

Manifest = dict[str, Any]

# The library reads all definitions of Kubernetes again for each manifest.
kubernetes_validate.utils.schema_contents = cache(kubernetes_validate.utils.schema_contents)


@pytest.fixture(params=OVERLAYS, scope="module")
def manifests(request: pytest.FixtureRequest, render: Callable[[str], list[Manifest]]) -> list[Manifest]:
    return render(f"overlays/{request.param}")


def of_kind(manifests: list[Manifest], *kinds: str) -> dict[str, Manifest]:
    return {manifest["metadata"]["name"]: manifest for manifest in manifests if manifest["kind"] in kinds}


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Pods by the name of what runs in them; that of a Job ends with the release."""
    return {
        name.rpartition("-")[0] if made["kind"] == "Job" else name: made["spec"]["template"]["spec"]
        for name, made in of_kind(manifests, "Deployment", "Job").items()
    }


def container(pod: Manifest) -> Manifest:
    (only,) = pod["containers"]
    return only


def test_every_manifest_is_valid_for_kubernetes(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        if manifest["kind"] in OF_THE_OPERATOR:
            continue
        kubernetes_validate.validate(manifest, "1.32", strict=True)


def dask_of(manifests: list[Manifest]) -> set[str]:
    """Name the deployments of Dask; none in an overlay without the component."""
    return DASK if DASK & set(of_kind(manifests, "Deployment")) else set()


def test_the_deployments_are_the_table_the_gateway_and_the_worker(manifests: list[Manifest]) -> None:
    dask = dask_of(manifests)

    assert set(of_kind(manifests, "Deployment")) == {*CAPABILITIES, "gateway", "worker", *dask}
    assert set(of_kind(manifests, "Service")) == {*CAPABILITIES, "gateway", *(dask - {"dask-worker"})}
    assert set(of_kind(manifests, "PodDisruptionBudget")) == {*CAPABILITIES, "gateway"}
    assert set(pods(manifests)) - set(of_kind(manifests, "Deployment")) == {"migrate"}


def test_every_placeholder_was_filled(manifests: list[Manifest]) -> None:
    assert "SERVICE" not in str(manifests)
    assert not set(CAPABILITIES) & set(of_kind(manifests, "ConfigMap"))


@pytest.mark.parametrize("name", CAPABILITIES)
def test_a_service_runs_its_capability_where_the_gateway_looks_for_it(manifests: list[Manifest], name: str) -> None:
    command = container(pods(manifests)[name])["command"]
    service = of_kind(manifests, "Service")[name]["spec"]
    gateway = {entry["name"]: entry.get("value") for entry in container(pods(manifests)["gateway"])["env"]}

    assert command == ["python", "-m", "services", name, "--host", "0.0.0.0", "--port", "8000"]  # noqa: S104
    assert service["selector"] == {"app.kubernetes.io/name": name}
    assert gateway["FORETELL_UPSTREAM"].format(name=name) == f"http://{name}:{service['ports'][0]['port']}"


def test_every_selector_finds_its_own_pods_and_no_others(manifests: list[Manifest]) -> None:
    for name, deployment in of_kind(manifests, "Deployment").items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]

        assert deployment["spec"]["selector"]["matchLabels"] == {"app.kubernetes.io/name": name}
        assert labels["app.kubernetes.io/name"] == name


def test_every_pod_keeps_to_the_restricted_profile(manifests: list[Manifest]) -> None:
    for pod in pods(manifests).values():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert "hostNetwork" not in pod
        assert container(pod)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert (
        of_kind(manifests, "Namespace")["foretell"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        == "restricted"
    )


def test_nothing_but_memory_backed_or_passing_folders_is_writable(manifests: list[Manifest]) -> None:
    with_files = SHARES_FILES if dask_of(manifests) else set()
    for name, pod in pods(manifests).items():
        mounts = {mount["mountPath"] for mount in container(pod)["volumeMounts"]}
        files = {"name": "files", "persistentVolumeClaim": {"claimName": "foretell-files"}}
        passing = [volume for volume in pod["volumes"] if volume != files]

        assert (files in pod["volumes"]) == (name in with_files)
        assert mounts - {"/var/lib/foretell-files"} == {"/var/lib/foretell", "/tmp"}  # noqa: S108
        assert ("/var/lib/foretell-files" in mounts) == (name in with_files)
        assert all(set(volume) == {"name", "emptyDir"} for volume in passing)
        assert all("sizeLimit" in volume["emptyDir"] for volume in passing)


def test_every_secret_comes_by_reference(manifests: list[Manifest]) -> None:
    assert of_kind(manifests, "Secret") == {}
    for pod in pods(manifests).values():
        for entry in container(pod)["env"]:
            if entry["name"] in SECRETS:
                reference = entry["valueFrom"]["secretKeyRef"]

                assert reference == {"name": "foretell-secrets", "key": SECRETS[entry["name"]]}


def test_every_process_gets_the_secrets_it_needs_and_no_other(manifests: list[Manifest]) -> None:
    secrets = {
        name: {entry["name"] for entry in container(pod)["env"]} & set(SECRETS) for name, pod in pods(manifests).items()
    }
    store, registry, signing, identity, redis = SECRETS

    assert secrets == {
        **{name: {store, registry, signing} for name in CAPABILITIES},
        "gateway": {store, signing, identity, redis},
        "worker": {store, registry, signing, identity},
        "migrate": {store},
        **{name: set() for name in dask_of(manifests)},
    }


def test_every_variable_is_a_setting_that_is_read(manifests: list[Manifest]) -> None:
    kinds = [kind for kind in vars(settings).values() if isinstance(kind, type) and issubclass(kind, settings.Settings)]
    known = {f"FORETELL_{name.upper()}" for kind in kinds for name in kind.model_fields}

    given = {entry["name"] for pod in pods(manifests).values() for entry in container(pod)["env"]}

    assert given - OF_THE_SERVER - OF_THE_LIBRARIES <= known


def test_every_process_is_probed_and_bounded(manifests: list[Manifest]) -> None:
    for name, pod in pods(manifests).items():
        one = container(pod)

        assert {"cpu", "memory"} <= set(one["resources"]["requests"])
        assert "memory" in one["resources"]["limits"]
        if name in dask_of(manifests):
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                assert one[probe]["httpGet"] == {"path": "/health", "port": "http"}
        elif name != "migrate":
            assert one["startupProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
            assert one["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
        if name in {*CAPABILITIES, "gateway", "worker"}:
            assert one["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_every_image_is_pinned(manifests: list[Manifest]) -> None:
    for pod in pods(manifests).values():
        image, _, tag = container(pod)["image"].rpartition(":")

        assert image
        assert tag not in {"", "latest"}


def test_everything_is_denied_that_is_not_allowed(manifests: list[Manifest]) -> None:
    policies = of_kind(manifests, "NetworkPolicy")

    assert policies["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name in pods(manifests):
        assert policies[name]["spec"]["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": name}}


def test_services_answer_the_gateway_and_the_worker_alone(manifests: list[Manifest]) -> None:
    policies = of_kind(manifests, "NetworkPolicy")

    for name in CAPABILITIES:
        assert policies[name]["spec"]["ingress"] == [
            {
                "from": [
                    {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "gateway"}}},
                    {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "worker"}}},
                ],
                "ports": [{"port": 8000}],
            }
        ]
    assert "ingress" not in policies["worker"]["spec"]
    assert "ingress" not in policies["migrate"]["spec"]


def test_only_the_pod_of_commands_reaches_the_scheduler_and_dask_reaches_nothing_else(
    render: Callable[[str], list[Manifest]],
) -> None:
    """Whoever reaches a Dask scheduler can run code on its workers."""
    policies = of_kind(render("overlays/scaled"), "NetworkPolicy")
    names = {
        name: {
            (way, next(iter(peer["podSelector"]["matchLabels"].values())))
            for way, key in (("ingress", "from"), ("egress", "to"))
            for rule in policies[name]["spec"][way]
            for peer in rule[key]
        }
        for name in DASK
    }

    assert names == {
        "dask-scheduler": {("ingress", "worker"), ("ingress", "dask-worker"), ("egress", "dask-worker")},
        "dask-worker": {("ingress", "dask"), ("egress", "dask-scheduler"), ("egress", "dask-worker")},
    }
    assert {"port": 8786} in policies["worker"]["spec"]["egress"][-1]["ports"]


def test_the_worker_of_an_overlay_with_dask_knows_where_its_scheduler_is(
    render: Callable[[str], list[Manifest]],
) -> None:
    made = render("overlays/scaled")
    given = {entry["name"]: entry.get("value") for entry in container(pods(made)["worker"])["env"]}
    (port,) = of_kind(made, "Service")["dask-scheduler"]["spec"]["ports"]

    assert given["FORETELL_DASK_SCHEDULER"] == f"tcp://dask-scheduler:{port['port']}"
    assert "tcp://dask-scheduler:8786" in container(pods(made)["dask-worker"])["command"]
