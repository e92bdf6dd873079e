"""The Kubernetes manifests: they fit the schema, every pod may do next to nothing, and no secret is in them."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.k8s.manifests import FOLDER, ManifestError, build, containers, kustomizations, pods

PRODUCTION = FOLDER / "overlays" / "production"
SERVICES = ("assignment", "ledger", "appraisal")


@pytest.fixture(scope="module", params=kustomizations(), ids=lambda folder: folder.name)
def built(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return build(request.param)


def test_every_manifest_fits_the_schemas() -> None:
    done = subprocess.run([sys.executable, "-m", "deploy.k8s"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "manifests fit Kubernetes 1.30 and " in done.stdout


def test_no_pod_has_more_power_than_it_needs(built: list[dict[str, Any]]) -> None:
    assert len(pods(built)) == len(SERVICES) + 1
    for pod in pods(built):
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(built):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]


def test_secrets_are_referred_to_and_never_written_down(built: list[dict[str, Any]]) -> None:
    assert "Secret" not in {one["kind"] for one in built}
    for container in containers(built):
        values = {one["name"]: one for one in container["env"]}
        assert "secretKeyRef" in values["DUALBOOK_DATABASE_URL"]["valueFrom"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_probed_kept_up_and_fenced(built: list[dict[str, Any]], service: str) -> None:
    own = {one["kind"]: one for one in built if one["metadata"]["name"] == service}
    assert {"ServiceAccount", "Service", "Deployment", "PodDisruptionBudget"} <= own.keys()
    [container] = own["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["exec"]["command"] == [
        *("python", "-m", "deploy.local.healthy", service, "readyz"),
    ]
    assert {"startupProbe", "livenessProbe"} <= container.keys()
    policies = {one["metadata"]["name"] for one in built if one["kind"] == "NetworkPolicy"}
    assert "default-deny" in policies


def test_there_are_never_more_ledgers_than_partitions_to_share(built: list[dict[str, Any]]) -> None:
    [scaler] = [one for one in built if one["kind"] == "HorizontalPodAutoscaler"]
    [ledger] = [one for one in built if (one["kind"], one["metadata"]["name"]) == ("Deployment", "ledger")]
    assert scaler["spec"]["maxReplicas"] == 8
    assert "replicas" not in ledger["spec"], "or every apply would undo what the autoscaler did"


def test_an_overlay_changes_what_it_names_and_nothing_else() -> None:
    base, production = build(FOLDER / "base"), build(PRODUCTION)
    assert [one["kind"] for one in base] == [one["kind"] for one in production]
    assert {one["image"] for one in containers(production)} == {"registry.bank.example/dualbook:0.1.0"}
    before = {one["name"]: one for one in containers(base)}
    after = {one["name"]: one for one in containers(production)}
    assert after["ledger"]["resources"] != before["ledger"]["resources"]
    assert after["ledger"]["livenessProbe"] == before["ledger"]["livenessProbe"]
    assert after["appraisal"]["resources"] == before["appraisal"]["resources"]


def test_a_file_that_nobody_lists_and_a_patch_of_nothing_are_found(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(FOLDER / "base", tmp_path / "base"))
    (copy / "stray.yaml").write_text("kind: ConfigMap\n")
    with pytest.raises(ManifestError, match=r"stray\.yaml: is in no list"):
        build(copy)
    (copy / "stray.yaml").unlink()
    (copy / "network.yaml").unlink()
    with pytest.raises(ManifestError, match=r"network\.yaml: is listed, but not there"):
        build(copy)
    overlay = Path(shutil.copytree(PRODUCTION, tmp_path / "overlays" / "production"))
    (overlay / "ledger.yaml").write_text("kind: Deployment\nmetadata: {name: leger}\n")
    shutil.copy(FOLDER / "base" / "network.yaml", copy)
    with pytest.raises(ManifestError, match=r"ledger\.yaml: there is no Deployment leger to patch"):
        build(overlay)
