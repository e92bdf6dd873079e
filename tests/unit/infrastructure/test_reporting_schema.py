"""Every change of a reporting view comes with a migration, or databases that are there would not get it."""

import re
from pathlib import Path

import pytest

from shared.infrastructure.migrate import STORE_MIGRATIONS
from shared.infrastructure.reporting_schema import digest, files_of
from shared.infrastructure.settings import SERVICES

LOCATIONS = [
    STORE_MIGRATIONS,
    *(Path(__file__).parents[3] / "services" / name / "migrations" for name in SERVICES),
]


@pytest.mark.parametrize("location", LOCATIONS, ids=lambda path: path.parent.name)
def test_the_newest_migration_of_views_names_what_they_are_now(location: Path) -> None:
    named = [
        found[1]
        for file in sorted(location.glob("2*.py"))
        if (found := re.search(r'^VIEWS = "(\w+)"$', file.read_text(), re.MULTILINE))
    ]
    assert files_of(location)
    assert named[-1] == digest(location), "add a migration that names this digest"
