"""Who is in the simulated bank: products, managers, customers, and who looks after whom.

All names are invented from syllables; none is meant for a living person or an existing company.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from deploy.local.registrations import CustomerRegistered, ManagerRegistered, ProductDefined
from deploy.local.simulation.desk import Desk
from shared.contracts.assignment import CustomerAssigned, ManagerShare

MANAGERS_PER_TEAM, TEAMS_PER_BRANCH = 4, 2
WHOLE = 10_000
"""Shares are counted in ten-thousandths."""

Shares = tuple[tuple[str, int], ...]
"""Managers of a customer with their ten-thousandths; empty for nobody."""

PRODUCTS = (
    ("DEM", "deposits", "Demand deposit"),
    ("FIX", "deposits", "Term deposit"),
    ("TRM", "lending", "Term loan"),
    ("MTG", "lending", "Mortgage loan"),
    ("AGT", "intermediary", "Agency services"),
    ("WMP", "wealth", "Wealth management"),
    ("ITS", "settlement", "International settlement"),
    ("LCR", "settlement", "Letters of credit"),
)
"""Code, department and name of every product."""

GRADES = (
    "assistant",
    "manager-4",
    "manager-4",
    "manager-3",
    "manager-3",
    "manager-2",
    "manager-1",
    "senior-2",
)
REGIONS = ("Donghu", "Xiling", "Nangang", "Beicheng", "Haitang", "Yunshan", "Jinzhu", "Qingwan")
INDUSTRIES = ("manufacturing", "construction", "wholesale", "transport", "software", "agriculture")
TIERS = (("basic", 100), ("basic", 150), ("silver", 300), ("gold", 700), ("platinum", 1800))
"""Tier and the usual size of amounts in percent, by the frequency of occurrence."""

_SURNAMES = ("An", "Bai", "Cen", "Du", "Fang", "Geng", "Ji", "Kang", "Luo", "Mu", "Ning", "Qiao", "Wen")
_GIVEN = ("chun", "dong", "fei", "heng", "jia", "lan", "ming", "ping", "rui", "shan", "tao", "xin", "yue")
_FIRMS = ("Heng", "Rui", "Xing", "Tai", "Fu", "Jin", "Lian", "Sheng", "Yuan", "Zhong", "Hua", "Kai")
_TRADES = ("Textile", "Machinery", "Logistics", "Foods", "Software", "Timber", "Ceramics", "Trading")


@dataclass(frozen=True, slots=True)
class Manager:
    """A customer manager and the place in the hierarchy."""

    id: str
    branch_id: str
    team_id: str
    region: str


@dataclass(slots=True)
class Customer:
    """A customer; ``size`` scales all amounts, in percent; not ``cared_for`` are those never assigned."""

    id: str
    kind: Literal["corporate", "individual"]
    industry: str
    tier: str
    size: int
    branch_id: str
    region: str
    cared_for: bool
    shares: Shares


def define_products(desk: Desk) -> None:
    """Register the product catalogue as of today."""
    for code, department_id, name in PRODUCTS:
        today = date.fromordinal(desk.day)
        product = ProductDefined(
            product_code=code, department_id=department_id, name=name, effective_from=today
        )
        desk.register(product)


def hire_manager(desk: Desk, index: int) -> Manager:
    """Register a manager, who has been with the bank for a year or more, confirmed and sworn."""
    team, branch = index // MANAGERS_PER_TEAM, index // (MANAGERS_PER_TEAM * TEAMS_PER_BRANCH)
    region = REGIONS[branch % len(REGIONS)]
    manager = Manager(f"m{index + 1:04d}", f"b{branch + 1:02d}", f"t{team + 1:03d}", region)
    hired_on = desk.day - desk.between(400, 5000)
    registered = ManagerRegistered(
        manager_id=manager.id,
        name=_person(desk),
        branch_id=manager.branch_id,
        team_id=manager.team_id,
        grade=desk.random.choice(GRADES),
        hired_on=date.fromordinal(hired_on),
        confirmed_on=date.fromordinal(hired_on + 180),
        confidentiality_signed_on=date.fromordinal(hired_on),
    )
    desk.register(registered)
    return manager


def welcome_customer(desk: Desk, index: int, managers: Sequence[Manager]) -> Customer:
    """Register a customer at the branch of one of the managers; three in a hundred are never assigned."""
    manager = managers[desk.random.randrange(len(managers))]
    corporate = desk.chance(25)
    tier, size = TIERS[min(desk.random.randrange(len(TIERS)), desk.random.randrange(len(TIERS)))]
    customer = Customer(
        id=f"c{index + 1:06d}",
        kind="corporate" if corporate else "individual",
        industry=desk.random.choice(INDUSTRIES) if corporate else "households",
        tier=tier,
        size=size * desk.between(60, 160) // 100,
        branch_id=manager.branch_id,
        region=manager.region,
        cared_for=not desk.chance(3),
        shares=(),
    )
    if customer.cared_for:
        customer.shares = draw_shares(desk, manager, managers)
    registered = CustomerRegistered(
        customer_id=customer.id,
        name=_company(desk) if corporate else _person(desk),
        kind=customer.kind,
        region=customer.region,
        industry=customer.industry,
        tier=customer.tier,
        branch_id=customer.branch_id,
    )
    desk.register(registered)
    return customer


def draw_shares(desk: Desk, manager: Manager, managers: Sequence[Manager]) -> Shares:
    """``manager`` alone, or in one case of ten together with one or two others of any branch."""
    count = min(desk.between(2, 3), len(managers)) if desk.chance(10) else 1
    others = [other for other in desk.random.sample(managers, count) if other is not manager][: count - 1]
    parts = _parts(desk, len(others) + 1)
    return tuple((one.id, part) for one, part in zip((manager, *others), parts, strict=True))


def _parts(desk: Desk, count: int) -> list[int]:
    """Ten-thousandths that add up to the whole: in tenths, in hundredths or in all four places."""
    step = desk.random.choice((1000, 100, 1))
    left = WHOLE // step
    parts = []
    for behind in range(count - 1, 0, -1):
        part = desk.between(1, left - behind)
        parts.append(part * step)
        left -= part
    return [*parts, left * step]


def assign(desk: Desk, customer: Customer, reason: str) -> None:
    """Hand in who looks after the customer from today on."""
    shares = tuple(ManagerShare(manager_id=id, share=_share(part)) for id, part in customer.shares)
    today = date.fromordinal(desk.day)
    desk.register(
        CustomerAssigned(customer_id=customer.id, shares=shares, effective_from=today, reason=reason)
    )


def _share(part: int) -> Decimal:
    return Decimal(1) if part == WHOLE else Decimal(f"0.{part:04d}".rstrip("0"))


def _person(desk: Desk) -> str:
    pick = desk.random.choice
    return f"{pick(_SURNAMES)} {(pick(_GIVEN) + pick(_GIVEN)).capitalize()}"


def _company(desk: Desk) -> str:
    pick = desk.random.choice
    return f"{pick(_FIRMS)}{pick(_FIRMS).lower()} {pick(_TRADES)} Co., Ltd."
