"""The environment the appraisal needs: what every service needs, and nothing more so far."""

from shared.infrastructure.settings import Settings

__all__ = ["Settings"]
