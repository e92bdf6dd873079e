"""The product catalogue (产品目录): which department a product belongs to, effective-dated.

A change concerns later dates only: what is booked stays with the department it was booked for.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from shared.contracts.types import BusinessDate, CentreId, Contract, Id, Text
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact
from shared.kernel.period import FIRST_YEAR

EVER = date(FIRST_YEAR, 1, 1)
"""A product's first department counts from here on unless it says otherwise."""


class ProductDefined(Contract):
    """A product belongs to a department from a date on."""

    product_code: Id
    department_id: CentreId
    name: Text
    effective_from: BusinessDate

    @property
    def stream(self) -> str:
        return f"product-{self.product_code}"

    @property
    def business_date(self) -> date:
        return self.effective_from


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Departments by product, each from a date on."""

    products: Mapping[str, tuple[tuple[date, ...], tuple[str, ...]]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Sequence[tuple[str, date, str]]) -> "Catalogue":
        """From (product code, effective from, department id)."""
        products: dict[str, dict[date, str]] = {}
        for code, effective_from, department in rows:
            products.setdefault(code, {})[effective_from] = department
        return cls(
            {
                code: (tuple(sorted(entries)), tuple(entries[day] for day in sorted(entries)))
                for code, entries in products.items()
            }
        )

    def department_of(self, product_code: str, day: date) -> str:
        """The department of a product on a business date; raises Refusal when the catalogue has none."""
        dates, departments = self.products.get(product_code, ((), ()))
        index = bisect_right(dates, day)
        if not index:
            raise Refusal("product-is-in-catalogue", "product_code", f"{product_code} is no product on {day}")
        return departments[index - 1]


@dataclass(frozen=True, slots=True)
class DefineProduct:
    """Command: the product belongs to this department, from ``effective_from`` or, for a new one, since ever."""

    product_code: str
    department_id: str
    name: str
    effective_from: date | None
    today: date


def _decide(command: DefineProduct, exists: bool, _: None) -> Sequence[Fact]:
    default = command.today if exists else EVER
    return [
        ProductDefined(
            product_code=command.product_code,
            department_id=command.department_id,
            name=command.name,
            effective_from=command.effective_from or default,
        )
    ]


DECIDER: Decider[DefineProduct, bool, None] = Decider(
    stream=lambda command: f"product-{command.product_code}",
    initial=False,
    decide=_decide,
    evolve=lambda _, __: True,
)
