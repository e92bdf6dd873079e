"""The services of an installation, by name. Their code is loaded when one is defined: most commands need none of it."""

from functools import partial
from importlib import import_module

from shared.infrastructure.runtime import ServiceDefinition
from shared.infrastructure.service_command import Define
from shared.infrastructure.settings import SERVICES, Settings


def _define(name: str, settings: Settings) -> ServiceDefinition:
    definition: ServiceDefinition = import_module(f"services.{name}.main").define(settings)
    return definition


DEFINITIONS: dict[str, Define] = {name: partial(_define, name) for name in SERVICES}
