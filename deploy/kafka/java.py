"""The command lines that run Kafka's classes, and the archive that makes loading them quick."""

import os
import shutil
import uuid
from pathlib import Path
from typing import Final

LOG_CONFIGURATION: Final = Path(__file__).with_name("log4j2.yaml")

# For a start in seconds on a small machine: little memory, the quick compiler only, a simple collector.
OPTIONS: Final = ("-Xms128m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

_INSTALL_HINTS: Final = {
    "java": "a Java runtime, 17 or newer (Debian: apt-get install openjdk-17-jre-headless)",
    "mvn": "Apache Maven, 3.8 or newer (Debian: apt-get install maven)",
}


class BrokerError(Exception):
    """The broker could not be installed, started or stopped; the message says what to do about it."""


def require(program: str) -> str:
    """The path of a program that has to be on this machine already."""
    path = shutil.which(program)
    if path is None:
        raise BrokerError(f"`{program}` was not found: install {_INSTALL_HINTS[program]}")
    return path


class ClassArchive:
    """Kafka's classes as the JVM wants them in memory (class data sharing), kept beside the jars.

    The first broker that ends in good order writes it, which takes some seconds and halves every later start.
    Its name has the age of the `java` program, because another Java could not read it.
    """

    def __init__(self, jars: Path) -> None:
        written_by = Path(require("java")).stat().st_mtime_ns
        self._file = jars.parent / f"{jars.name}-java-{written_by:x}.jsa"
        self._unfinished = self._file.with_name(f"unfinished-{uuid.uuid4().hex}.jsa")

    def reading(self) -> list[str]:
        return [f"-XX:SharedArchiveFile={self._file}"] if self._file.exists() else []

    def reading_or_writing(self) -> list[str]:
        return self.reading() or [f"-XX:ArchiveClassesAtExit={self._unfinished}", "-Xlog:cds*=error"]

    def keep(self) -> None:
        """Put into place what a process that ended in good order has written."""
        if self._unfinished.exists():
            self._unfinished.rename(self._file)

    def discard(self) -> None:
        """Drop what a process that was killed may have left half written."""
        self._unfinished.unlink(missing_ok=True)


def java_command(jars: Path, archive_options: list[str], main_class: str, *arguments: str) -> list[str]:
    """The jars in a fixed order: a class archive serves only the class path it was written with."""
    class_path = os.pathsep.join(os.fspath(jar) for jar in sorted(jars.glob("*.jar")))
    logging = f"-Dlog4j2.configurationFile={LOG_CONFIGURATION}"
    return [require("java"), *archive_options, *OPTIONS, logging, "-cp", class_path, main_class, *arguments]
