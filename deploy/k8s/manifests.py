"""The manifests as kustomize would give them, as far as ours use it: resources, patches by merge, images, namespace.

Raises ManifestError for what kustomize would refuse, and for a file that no kustomization lists.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
KUSTOMIZATION = "kustomization.yaml"
_KNOWN = {"apiVersion", "kind", "namespace", "labels", "resources", "images", "patches"}

Manifest = dict[str, Any]


class ManifestError(Exception):
    """The message names the file and what is wrong with it."""


def kustomizations() -> list[Path]:
    """All folders with a kustomization, bases before overlays."""
    return sorted(path.parent for path in FOLDER.rglob(KUSTOMIZATION))


def build(folder: Path) -> list[Manifest]:
    """Every manifest of a kustomization."""
    told = _only(folder / KUSTOMIZATION)
    if unknown := told.keys() - _KNOWN:
        raise ManifestError(f"{folder / KUSTOMIZATION}: {', '.join(sorted(unknown))}: is not checked here")
    listed = {*told.get("resources", ()), *(patch["path"] for patch in told.get("patches", ()))}
    here = {path.name for path in folder.glob("*.yaml")} - {KUSTOMIZATION}
    if lost := here - listed:
        raise ManifestError(f"{folder / min(lost)}: is in no list of {KUSTOMIZATION}")
    found: list[Manifest] = []
    for name in told.get("resources", ()):
        path = (folder / name).resolve()
        found += build(path) if path.is_dir() else _read(path)
    for patch in told.get("patches", ()):
        _apply(found, folder / patch["path"])
    for manifest in found:
        if manifest["kind"] != "Namespace" and "namespace" in told:
            manifest["metadata"]["namespace"] = told["namespace"]
    for image in told.get("images", ()):
        for container in containers(found):
            if container["image"] == image["name"]:
                container["image"] = f"{image['newName']}:{image['newTag']}"
    return found


def _read(path: Path) -> list[Manifest]:
    if not path.is_file():
        raise ManifestError(f"{path}: is listed, but not there")
    return [document for document in yaml.safe_load_all(path.read_text()) if document is not None]


def _only(path: Path) -> Manifest:
    [document] = _read(path)
    return document


def _apply(manifests: Sequence[Manifest], path: Path) -> None:
    for patch in _read(path):
        kind, name = patch["kind"], patch["metadata"]["name"]
        found = [one for one in manifests if (one["kind"], one["metadata"]["name"]) == (kind, name)]
        if len(found) != 1:
            raise ManifestError(f"{path}: there is no {kind} {name} to patch")
        found[0].update(_merged(found[0], patch))


def _merged(base: Any, patch: Any) -> Any:
    """Mappings key by key, lists of named things by their names, everything else replaced."""
    if isinstance(base, dict) and isinstance(patch, dict):
        return {**base, **{key: _merged(base.get(key), value) for key, value in patch.items()}}
    if _are_named(base) and _are_named(patch):
        by_name = {one["name"]: one for one in base}
        for one in patch:
            by_name[one["name"]] = _merged(by_name.get(one["name"]), one)
        return list(by_name.values())
    return patch


def _are_named(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) and "name" in one for one in value)


def pods(manifests: Sequence[Manifest]) -> list[Manifest]:
    """The pod templates of all Deployments and Jobs."""
    return [one["spec"]["template"] for one in manifests if one["kind"] in ("Deployment", "Job")]


def containers(manifests: Sequence[Manifest]) -> list[Manifest]:
    """All containers of all pods."""
    return [container for pod in pods(manifests) for container in pod["spec"]["containers"]]


def name_of(manifest: Mapping[str, Any]) -> str:
    """For a message."""
    return f"{manifest['kind']} {manifest['metadata']['name']}"
