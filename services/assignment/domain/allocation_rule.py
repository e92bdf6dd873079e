"""Allocation rules (客户分配规则): which managers take which customers.

The five models of organisation in one form: by region 按区域, by industry 按行业, by volume (the tier) 按规模,
by product 按产品, and mixed 混合. A list is in force as a whole from its day on, until the next one's.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from services.assignment.domain.placing import Choice
from shared.contracts.types import BusinessDate, CentreId, Contract, Id, Text
from shared.kernel.decider import Decider
from shared.kernel.errors import Malformed, Refusal
from shared.kernel.event import Fact

STREAM = "allocation-bank#rules"
MOST_RULES, MOST_VALUES = 500, 1000
OWN_BRANCH = "*"

Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$"),
]
"""What a rule is called: 1 to 100 characters on one line."""

Ids = Annotated[tuple[Id, ...], Field(min_length=1, max_length=MOST_VALUES)]
Texts = Annotated[tuple[Text, ...], Field(min_length=1, max_length=MOST_VALUES)]


class Match(Contract, extra="forbid"):
    """Which customers a rule is for: all that is said must fit; what is left out fits every customer.

    ``products``: the customer uses at least one of them.
    """

    regions: Texts | None = None
    industries: Texts | None = None
    tiers: Ids | None = None
    kinds: Ids | None = None
    branches: Ids | None = None
    products: Ids | None = None


class Pool(Contract, extra="forbid"):
    """Whom a rule chooses from: managers by name, a team's, or a branch's; ``*`` is the customer's own branch."""

    managers: Annotated[tuple[CentreId, ...], Field(min_length=1, max_length=MOST_VALUES)] | None = None
    team_id: Id | None = None
    branch_id: Annotated[str, StringConstraints(pattern=r"^(\*|[\w.:@+-]{1,64})$")] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "Pool":
        if [self.managers, self.team_id, self.branch_id].count(None) != 2:
            raise Malformed("must name exactly one of managers, team_id and branch_id")
        return self


class AllocationRule(Contract, extra="forbid"):
    """One rule of a list."""

    name: Name
    match: Match = Match()
    pool: Pool
    choice: Choice = Choice.LEAST_LOADED

    @model_validator(mode="after")
    def _names_one(self) -> "AllocationRule":
        if self.choice is Choice.NAMED and len(self.pool.managers or ()) != 1:
            raise Malformed("choice named wants exactly one manager in pool.managers")
        return self


class AllocationRules(Contract, extra="forbid"):
    """A whole list: the first rule that fits a customer, and whose pool has somebody free, decides."""

    rules: Annotated[tuple[AllocationRule, ...], Field(max_length=MOST_RULES)]

    @model_validator(mode="after")
    def _names_differ(self) -> "AllocationRules":
        if len({rule.name for rule in self.rules}) != len(self.rules):
            raise Malformed("two rules have the same name")
        return self


# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetAllocationRules:
    """From this day on, this list; a later word for the same day replaces the earlier."""

    effective_from: date
    rules: AllocationRules
    today: date


# --- events -------------------------------------------------------------------------------------------------


class AllocationRulesSet(AllocationRules, extra="ignore"):
    """A list is in force from a day on."""

    effective_from: BusinessDate
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return STREAM


# --- decide -------------------------------------------------------------------------------------------------


def managers_of(command: SetAllocationRules) -> set[str]:
    """All managers whom a list names."""
    return {one for rule in command.rules.rules for one in rule.pool.managers or ()}


def decide(command: SetAllocationRules, _: None, managers: AbstractSet[str]) -> Sequence[Fact]:
    """The list; ``managers`` are those on record. Raises Refusal for one who is not."""
    for index, rule in enumerate(command.rules.rules):
        for manager_id in rule.pool.managers or ():
            if manager_id not in managers:
                detail = f"there is no manager {manager_id}"
                raise Refusal("manager-is-known", f"rules.{index}.pool.managers", detail)
    return [
        AllocationRulesSet(
            rules=command.rules.rules, effective_from=command.effective_from, business_date=command.today
        )
    ]


DECIDER: Decider[SetAllocationRules, None, AbstractSet[str]] = Decider(
    stream=lambda _: STREAM, initial=None, decide=decide, evolve=lambda _, __: None
)

# --- matching -----------------------------------------------------------------------------------------------


class Matcher:
    """Which rules of a list fit a customer, as bits: rule 0 is the lowest. One look-up a field, however many rules."""

    def __init__(self, rules: Sequence[AllocationRule]) -> None:
        matches = [rule.match for rule in rules]
        self._regions = _masks([one.regions for one in matches])
        self._industries = _masks([one.industries for one in matches])
        self._tiers = _masks([one.tiers for one in matches])
        self._kinds = _masks([one.kinds for one in matches])
        self._branches = _masks([one.branches for one in matches])
        self._products, self._no_product = _masks([one.products for one in matches])

    def fitting(
        self, kind: str, region: str, industry: str, tier: str, branch_id: str, products: Iterable[str]
    ) -> int:
        """The rules that fit a customer with these values."""
        fit = self._no_product
        for product in products:
            fit |= self._products.get(product, 0)
        for (known, others), value in (
            (self._regions, region),
            (self._industries, industry),
            (self._tiers, tier),
            (self._kinds, kind),
            (self._branches, branch_id),
        ):
            fit &= known.get(value, others)
        return fit


def _masks(wanted: Sequence[Sequence[str] | None]) -> tuple[dict[str, int], int]:
    """By value of a field: the rules that it fits; and those that fit any other value."""
    others = sum(1 << index for index, values in enumerate(wanted) if values is None)
    known: dict[str, int] = {}
    for index, values in enumerate(wanted):
        for value in values or ():
            known[value] = known.get(value, others) | 1 << index
    return known, others


def shown(rules: AllocationRules) -> list[dict[str, Any]]:
    """The rules as callers see them: what was left out is left out."""
    return [rule.model_dump(mode="json", exclude_none=True) for rule in rules.rules]
