"""Where the broker's jars come from: Maven resolves pom.xml once, and a folder in the cache keeps them."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import structlog

from deploy.kafka.java import BrokerError, require

POM: Final = Path(__file__).with_name("pom.xml")

log = structlog.get_logger(__name__)


def kafka_version() -> str:
    """The version that pom.xml pins, so that it is written down in one place only."""
    project = ElementTree.parse(POM).getroot()  # noqa: S314 - a file of ours, nobody else writes it
    version = project.findtext("properties/kafka.version")
    if version is None:
        raise BrokerError(f"{POM} names no kafka.version")
    return version


def install(cache: Path) -> Path:
    """Return the folder of the broker's jars below `cache`, filling it the first time.

    The folder appears whole or not at all, so that an interrupted run can simply be run again. Its name has
    the checksum of the pom beside the version: a changed pom is resolved anew.
    """
    checksum = hashlib.sha256(POM.read_bytes()).hexdigest()[:8]
    home = cache.resolve() / "kafka"
    jars = home / f"lib-{kafka_version()}-{checksum}"
    if jars.is_dir():
        return jars
    maven = require("mvn")
    require("java")
    home.mkdir(parents=True, exist_ok=True)
    with _only_one(home / "install.lock"):
        if not jars.is_dir():
            log.info("fetching the jars of Apache Kafka, once", version=kafka_version(), folder=str(jars))
            unfinished = home / "unfinished-lib"
            shutil.rmtree(unfinished, ignore_errors=True)
            _copy_dependencies(maven, unfinished)
            unfinished.rename(jars)
    return jars


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Hold a file lock; the operating system gives it back even when this process is killed."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _copy_dependencies(maven: str, target: Path) -> None:
    command = [maven, "-q", "-B", "--strict-checksums", "-Dstyle.color=never", "-f", os.fspath(POM)]
    command += ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not any(target.glob("kafka_*.jar")):
        output = (done.stdout + done.stderr).strip()[-3000:]
        raise BrokerError(f"Maven could not fetch Apache Kafka (exit code {done.returncode}):\n{output}")
