"""``python -m deploy.k8s``: every manifest of every kustomization fits the schemas of Kubernetes."""

import sys

import kubernetes_validate

from deploy.k8s.manifests import FOLDER, ManifestError, build, kustomizations, name_of

VERSIONS = ("1.30", kubernetes_validate.latest_version())
"""The oldest that we serve, and the newest that the checker knows."""


def main() -> None:
    """Exits with 1, naming the manifest and the field."""
    checked = 0
    for folder in kustomizations():
        try:
            manifests = build(folder)
        except ManifestError as error:
            sys.exit(str(error))
        for manifest in manifests:
            for version in VERSIONS:
                try:
                    kubernetes_validate.validate(manifest, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    where = ".".join(str(part) for part in error.path)
                    sys.exit(
                        f"{folder.relative_to(FOLDER)}: {name_of(manifest)}: {where}: {error.message} ({version})"
                    )
            checked += 1
    print(f"{checked} manifests fit Kubernetes {' and '.join(VERSIONS)}")


main()
