"""Grafana dashboards as code: ``python -m deploy.grafana`` writes ``dashboards/*.json`` (Grafana 11.6).

A file is a dashboard; what they have in common is in ``sources.py`` (queries), ``panels.py`` (panels) and ``board.py``
(frames, variables and links). Figures come from the reporting views and from Prometheus, and from nowhere else.
"""
