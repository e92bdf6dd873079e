"""Kubernetes manifests (kustomize), and ``python -m deploy.k8s``, which checks them without a cluster."""
