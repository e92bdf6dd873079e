"""Policy (政策): the rates the books are computed with, in force from a month on.

A month is computed with the policy in force for it, also when it is recomputed later.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, Field

from shared.contracts.types import BusinessDate, Contract, Rate
from shared.kernel.books import LoanClass
from shared.kernel.decider import Decider
from shared.kernel.errors import Malformed
from shared.kernel.event import Fact
from shared.kernel.period import format_month

STREAM = "policy-bank"


def _percentage(rate: Decimal) -> Decimal:
    if not 0 <= rate <= 100:
        raise Malformed("must lie between 0 and 100 percent")
    return rate


Percentage = Annotated[Rate, AfterValidator(_percentage)]


class PolicyTerms(Contract):
    """What a policy may set; what it leaves out stays as it was. Rates in percent per year."""

    deposit_rate: Percentage | None = None
    lend_out_rate: Percentage | None = None
    borrow_in_rate: Percentage | None = None
    day_basis: Annotated[int, Field(ge=360, le=366)] | None = None
    provision_rates: dict[LoanClass, Percentage] | None = None

    def with_terms(self, later: "PolicyTerms") -> "PolicyTerms":
        """These terms with what later ones for the same month set, provision rate by provision rate."""
        said = {name: getattr(later, name) for name in PolicyTerms.model_fields}
        update = {name: value for name, value in said.items() if value is not None}
        if later.provision_rates is not None:
            update["provision_rates"] = {**(self.provision_rates or {}), **later.provision_rates}
        return self.model_copy(update=update)


class PolicySet(PolicyTerms):
    """The policy from a month on was set."""

    effective_month: int
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return STREAM


DEFAULT_PROVISION_RATES: Mapping[LoanClass, Decimal] = MappingProxyType(
    dict(zip(LoanClass, (Decimal(rate) for rate in (0, 0, 30, 50, 100)), strict=True))
)


@dataclass(frozen=True, slots=True)
class Policy:
    """All rates in force for a month. ``version`` names the month they were last changed for."""

    deposit_rate: Decimal = Decimal("1.50")
    lend_out_rate: Decimal = Decimal("2.40")
    borrow_in_rate: Decimal = Decimal("3.00")
    day_basis: int = 360
    provision_rates: Mapping[LoanClass, Decimal] = field(default_factory=lambda: DEFAULT_PROVISION_RATES)
    version: str = "default"

    def amended(self, terms: PolicyTerms, version: str) -> "Policy":
        """This policy with what ``terms`` set."""

        def chosen(new: Decimal | None, old: Decimal) -> Decimal:
            return old if new is None else new

        return Policy(
            chosen(terms.deposit_rate, self.deposit_rate),
            chosen(terms.lend_out_rate, self.lend_out_rate),
            chosen(terms.borrow_in_rate, self.borrow_in_rate),
            self.day_basis if terms.day_basis is None else terms.day_basis,
            {**self.provision_rates, **(terms.provision_rates or {})},
            version,
        )


@dataclass(frozen=True, slots=True)
class Policies:
    """Every policy so far, by the month from which it holds."""

    months: tuple[int, ...] = ()
    policies: tuple[Policy, ...] = ()

    @classmethod
    def of(cls, changes: Sequence[tuple[int, PolicyTerms]]) -> "Policies":
        """From what was set, in order of setting: terms of later months build on those of earlier ones."""
        by_month: dict[int, PolicyTerms] = {}
        for month, terms in changes:
            by_month[month] = by_month[month].with_terms(terms) if month in by_month else terms
        policies: list[Policy] = []
        for month in sorted(by_month):
            base = policies[-1] if policies else DEFAULT
            policies.append(base.amended(by_month[month], format_month(month)))
        return cls(tuple(sorted(by_month)), tuple(policies))

    def in_force(self, month: int) -> Policy:
        """The policy for a month ``YYYYMM``."""
        index = bisect_right(self.months, month)
        return self.policies[index - 1] if index else DEFAULT


DEFAULT = Policy()


@dataclass(frozen=True, slots=True)
class SetPolicy:
    """Command: from this month on, these terms."""

    effective_month: int
    terms: PolicyTerms


def _decide(command: SetPolicy, _: None, __: None) -> Sequence[Fact]:
    month = command.effective_month
    return [
        PolicySet(
            **command.terms.model_dump(),
            effective_month=month,
            business_date=date(month // 100, month % 100, 1),
        )
    ]


DECIDER: Decider[SetPolicy, None, None] = Decider(
    stream=lambda _: STREAM, initial=None, decide=_decide, evolve=lambda _, __: None
)
