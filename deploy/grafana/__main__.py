"""``python -m deploy.grafana``: write the dashboards; ``--check`` compares only, and exits with 1 where one drifted."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana import assignments, bank_result, department, incentive, manager, operations

FOLDER = Path(__file__).parent / "dashboards"
BOARDS = (bank_result, manager, department, incentive, assignments, operations)


def dashboards() -> dict[str, str]:
    """The files by name, byte for byte the same at every call."""
    return {
        f"{board.uid.removeprefix('dualbook-')}.json": json.dumps(
            board.build(), cls=JSONEncoder, indent=2, ensure_ascii=False
        )
        + "\n"
        for board in (module.board() for module in BOARDS)
    }


def drifted(folder: Path = FOLDER) -> list[str]:
    """Files that are not what the code says."""
    present = {path.name: path.read_text() for path in folder.glob("*.json")}
    wanted = dashboards()
    return [name for name in sorted({*present, *wanted}) if present.get(name) != wanted.get(name)]


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """The command; 0 when all is well, 1 where a file drifted."""
    parser = argparse.ArgumentParser("deploy.grafana", description="Write the Grafana dashboards.")
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    options = parser.parse_args(arguments)
    names = drifted(folder)
    if options.check:
        for name in names:
            print(f"drifted: {name} (make dashboards writes it anew)", file=sys.stderr)
        return 1 if names else 0
    wanted = dashboards()
    for name in names:
        if name in wanted:
            (folder / name).write_text(wanted[name])
        else:
            (folder / name).unlink()
    print(f"{len(wanted)} dashboards, {len(names)} changed, in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
