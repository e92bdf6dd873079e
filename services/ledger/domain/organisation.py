"""The organisation (机构): where managers belong, and statements added up along the two hierarchies.

Manager → team → branch → bank, and product → department → bank: every level is nothing but the sum of the profit
centres below it, so both sides end in the same bank.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from services.ledger.domain.statement import Statement, total
from shared.contracts.assignment import ManagerRegistered, ManagerTransferred
from shared.contracts.types import BusinessDate, CentreId, Contract, Id
from shared.kernel.books import Book
from shared.kernel.decider import Decider
from shared.kernel.event import Fact
from shared.kernel.period import FIRST_YEAR, Period

SINCE_EVER = date(FIRST_YEAR, 1, 1)
"""From when on a manager belongs where the registration says: before all business dates there can be."""

# --- commands ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlaceManager:
    """Take note of where a manager belongs, as the assignment service says: since ever, or from a day on."""

    word: ManagerRegistered | ManagerTransferred

    @property
    def placed(self) -> "ManagerPlaced":
        """What of the message is the ledger's affair."""
        word = self.word
        return ManagerPlaced(
            manager_id=word.manager_id,
            branch_id=word.branch_id,
            team_id=word.team_id,
            effective_from=word.effective_from if isinstance(word, ManagerTransferred) else SINCE_EVER,
            business_date=word.business_date,
        )


# --- events -----------------------------------------------------------------------------------------------------


class ManagerPlaced(Contract):
    """A manager belongs to a branch (支行) and maybe to a team (团队), from ``effective_from`` on until the next
    effective date of the manager. A later word for the same date replaces the earlier one; old ones name no date.
    """

    manager_id: CentreId
    branch_id: Id
    team_id: Id | None = None
    effective_from: BusinessDate = SINCE_EVER
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"manager-{self.manager_id}#place"


# --- decide -----------------------------------------------------------------------------------------------------


def decide(command: PlaceManager, _: None, __: None) -> Sequence[Fact]:
    """The fact; kept also where it says nothing new, so that the same message is the same event for ever."""
    return [command.placed]


def same(command: PlaceManager, stored: str) -> bool:
    """Whether a message that came again says what was stored for the first of its id."""
    return ManagerPlaced.model_validate_json(stored) == command.placed


DECIDER: Decider[PlaceManager, None, None] = Decider(
    stream=lambda command: command.placed.stream,
    initial=None,
    decide=decide,
    evolve=lambda _, __: None,
)

# --- the hierarchies --------------------------------------------------------------------------------------------

NONE = "(none)"
"""How a caller asks for what belongs to no branch, team or product; no id can be written so."""

Path = tuple[str | None, ...]
"""Where something stands: the ids from the bank downwards, None where it belongs to nothing on that level."""


class Place(NamedTuple):
    """The branch and the team of a manager."""

    branch_id: str | None
    team_id: str | None


NOWHERE = Place(None, None)
"""The place of managers whom the ledger does not know, and of ``unassigned`` and ``unallocated``."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """The levels of a book from the bank downwards; those of ``centres`` are the book's profit centres."""

    book: Book
    levels: tuple[str, ...]
    centres: str


MANAGERS = Hierarchy(Book.MANAGER, ("branch", "team", "manager"), "manager")
DEPARTMENTS = Hierarchy(Book.DEPARTMENT, ("department", "product"), "department")


@dataclass(frozen=True, slots=True)
class Unit:
    """A place in a hierarchy and the sum of the statements below it (minor units)."""

    path: Path
    figures: Statement


def lies_in(path: Path, wanted: Sequence[str | None]) -> bool:
    """Whether a path begins with the wanted ids: NONE asks for no id on a level, None for any."""
    return all(
        one is None or one == (NONE if part is None else part)
        for one, part in zip(wanted, path, strict=False)
    )


def add_up(book: Book, period: Period, stated: Iterable[tuple[Path, Statement]], depth: int) -> list[Unit]:
    """The units ``depth`` levels below the bank, in order of their ids, those without an id last."""
    by_path: dict[Path, list[Statement]] = {}
    for path, statement in stated:
        by_path.setdefault(path[:depth], []).append(statement)
    return [Unit(path, total(book, period, by_path[path])) for path in sorted(by_path, key=_order)]


def _order(path: Path) -> list[tuple[bool, str]]:
    return [(part is None, part or "") for part in path]
