"""Policy (政策): the rates the books are computed with, in force from a month on.

A month is computed with the policy in force for it, also when it is recomputed later.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, model_validator

from services.ledger.domain.ftp_curve import Curves, Tenor
from shared.contracts.types import BusinessDate, Contract, Id, Rate
from shared.kernel.books import DEFAULT_PROVISION_RATES, LoanClass
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


class FtpMethod(Contract):
    """How a product's stocks are priced inside the bank: by the pool, or day by day on a curve at its tenor."""

    method: Literal["pool", "matched"]
    curve: Id | None = None
    tenor: Tenor | None = None

    @model_validator(mode="after")
    def _complete(self) -> "FtpMethod":
        said = self.curve is not None, self.tenor is not None
        if said != (self.method == "matched",) * 2:
            raise Malformed("matched needs a curve and a tenor, pool has neither")
        return self


class MatchedFtp(NamedTuple):
    """A product is priced at this point of this curve."""

    curve: str
    tenor: str


class PolicyTerms(Contract):
    """What a policy may set; what it leaves out stays as it was. Rates in percent per year."""

    deposit_rate: Percentage | None = None
    lend_out_rate: Percentage | None = None
    borrow_in_rate: Percentage | None = None
    day_basis: Annotated[int, Field(ge=360, le=366)] | None = None
    provision_rates: dict[LoanClass, Percentage] | None = None
    ftp: dict[Id, FtpMethod] | None = None

    def with_terms(self, later: "PolicyTerms") -> "PolicyTerms":
        """These terms with what later ones for the same month set, provision rate by provision rate and product by
        product."""
        said = {name: getattr(later, name) for name in PolicyTerms.model_fields}
        update = {name: value for name, value in said.items() if value is not None}
        if later.provision_rates is not None:
            update["provision_rates"] = {**(self.provision_rates or {}), **later.provision_rates}
        if later.ftp is not None:
            update["ftp"] = {**(self.ftp or {}), **later.ftp}
        return self.model_copy(update=update)


class PolicySet(PolicyTerms):
    """The policy from a month on was set."""

    effective_month: int
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return STREAM


@dataclass(frozen=True, slots=True)
class Policy:
    """All rates in force for a month. ``version`` names the month they were last changed for; ``matched`` are the
    products that are priced on a curve, all others go by the pool."""

    deposit_rate: Decimal = Decimal("1.50")
    lend_out_rate: Decimal = Decimal("2.40")
    borrow_in_rate: Decimal = Decimal("3.00")
    day_basis: int = 360
    provision_rates: Mapping[LoanClass, Decimal] = field(default_factory=lambda: DEFAULT_PROVISION_RATES)
    version: str = "default"
    matched: Mapping[str, MatchedFtp] = field(default_factory=lambda: MappingProxyType({}))

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
            _methods(self.matched, terms.ftp or {}),
        )


def _methods(before: Mapping[str, MatchedFtp], terms: Mapping[str, FtpMethod]) -> dict[str, MatchedFtp]:
    methods = {product: method for product, method in before.items() if product not in terms}
    for product, term in terms.items():
        if term.curve is not None and term.tenor is not None:
            methods[product] = MatchedFtp(term.curve, term.tenor)
    return methods


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

    def matched_products(self, first: int, last: int) -> list[str]:
        """The products that are priced on a curve in any month from ``first`` to ``last``."""
        policies = [self.in_force(month) for month in (first, *self.months) if first <= month <= last]
        return sorted({product for policy in policies for product in policy.matched})


DEFAULT = Policy()


@dataclass(frozen=True, slots=True)
class SetPolicy:
    """Command: from this month on, these terms."""

    effective_month: int
    terms: PolicyTerms


def _decide(command: SetPolicy, _: None, curves: Curves) -> Sequence[Fact]:
    month = command.effective_month
    first_day = date(month // 100, month % 100, 1)
    for method in (command.terms.ftp or {}).values():
        if method.curve is not None and method.tenor is not None:
            curves.rate_on(method.curve, method.tenor, first_day)
    return [PolicySet(**command.terms.model_dump(), effective_month=month, business_date=first_day)]


DECIDER: Decider[SetPolicy, None, Curves] = Decider(
    stream=lambda _: STREAM, initial=None, decide=_decide, evolve=lambda _, __: None
)
