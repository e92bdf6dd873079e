"""The assignment service's log door: it follows no other service's events so far."""

from collections.abc import Mapping

from shared.infrastructure.doors import Door

DOORS: Mapping[str, Door] = {}
"""What the service does with each topic's messages."""
