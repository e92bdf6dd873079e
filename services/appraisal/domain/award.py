"""Awards (绩效薪酬发放) of a cycle: proposed as one sheet, granted by another person, once for ever.

The aggregate is the cycle's sheet. What is approved is what was proposed: it is computed once more at the approval,
under the rules of that moment, and refused where anything of it has changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from services.appraisal.domain.cycle import Status, check_sides
from services.appraisal.domain.incentive import (
    DEFAULT,
    Achieved,
    Bonus,
    IncentivePolicy,
    bonuses,
    funds,
    instalments,
    years_later,
)
from shared.contracts.appraisal import AwardGranted, DepartmentFundGranted, Instalment, Rating
from shared.contracts.types import BusinessDate, CentreId, Contract, Id, Money, Rate
from shared.kernel.books import DEFAULT_PROVISION_RATES, Book
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact


class Mode(StrEnum):
    """By rate 按比例计提, or as shares of a pool 总额分配."""

    RATE = "rate"
    POOL = "pool"


# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OfAwards:
    """What all commands to a sheet say. ``actor`` is who gives it."""

    cycle_id: str
    actor: str
    today: date

    @property
    def stream(self) -> str:
        return f"awards-{self.cycle_id}"


@dataclass(frozen=True, slots=True)
class ProposeAwards(OfAwards):
    """Compute the awards of a cycle for another person to agree to; a later proposal replaces the earlier."""

    mode: Mode = Mode.RATE
    pool: int | None = None


@dataclass(frozen=True, slots=True)
class ApproveAwards(OfAwards):
    """Grant what was proposed."""


Command = ProposeAwards | ApproveAwards

# --- events -------------------------------------------------------------------------------------------------


class ProposedAward(Contract):
    """What a manager is to get, and how it comes about; ``amount`` = ``immediate`` + ``deferred``."""

    manager_id: CentreId
    grade: Id | None = None
    rating: Rating
    efficiency: Money
    rate: Rate
    coefficient: Rate
    amount: Money
    immediate: Money
    deferred: Money


class ProposedFund(Contract):
    """What a department is to get."""

    department_id: CentreId
    efficiency: Money
    rate: Rate
    amount: Money


class AwardsProposed(Contract):
    """Somebody wants these awards granted. ``efficiency`` is the proof: Σ Y of both sides, equal to the ledger's."""

    cycle_id: Id
    period: str
    mode: Mode
    pool: Money | None = None
    policy: str
    awards: tuple[ProposedAward, ...]
    funds: tuple[ProposedFund, ...]
    efficiency: dict[Book, Money]
    ledger_efficiency: Money
    proposed_by: str
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"awards-{self.cycle_id}"

    def comes_to(self) -> dict[str, object]:
        """What is granted, whoever proposed it and when."""
        return {name: getattr(self, name) for name in AwardsProposed.model_fields if name not in _SAID_BY}


_SAID_BY = ("proposed_by", "business_date")


class AwardsApproved(Contract):
    """Another person agreed: the awards are granted, each in its manager's vault."""

    cycle_id: Id
    approved_by: str
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"awards-{self.cycle_id}"


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sheet:
    """A cycle's awards: what is proposed, and whether it was granted."""

    proposed: AwardsProposed | None = None
    granted: bool = False


@dataclass(frozen=True, slots=True)
class Basis:
    """What the awards of a cycle are computed from. ``policy`` is that of the last day of its period."""

    status: Status | None = None
    period: str = ""
    waiting: Sequence[str] = ()
    """Centres whose appeals wait for a decision."""
    paid: Sequence[str] = ()
    """Other cycles whose awards were granted for some of the same months."""
    ledger_efficiency: int = 0
    achieved: Sequence[Achieved] = ()
    policy: IncentivePolicy = DEFAULT


@dataclass(frozen=True, slots=True)
class Consulted:
    """By cycle, what its awards are computed from."""

    cycles: Mapping[str, Basis] = field(default_factory=dict)


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: Command, sheet: Sheet, consulted: Consulted) -> Sequence[Fact]:
    """The proposal, or all that is granted; raises Refusal naming field and rule."""
    basis = consulted.cycles.get(command.cycle_id, Basis())
    if basis.status is None:
        raise Refusal("cycle-is-known", "cycle_id", f"there is no cycle {command.cycle_id}")
    if sheet.granted:
        raise Refusal("awards-are-granted-once", "cycle_id", "the awards of this cycle were granted")
    if basis.status not in (Status.PUBLISHED, Status.CLOSED):
        raise Refusal("cycle-is-published", "cycle_id", f"the cycle is {basis.status}, not published")
    if basis.waiting:
        raise Refusal(
            "appeals-are-decided", "cycle_id", f"appeals wait for a decision: {', '.join(basis.waiting)}"
        )
    if basis.paid:
        detail = f"months of {basis.period} were paid for by the awards of {', '.join(basis.paid)}"
        raise Refusal("results-are-paid-once", "cycle_id", detail)
    if isinstance(command, ProposeAwards):
        return [computed(command, basis)]
    return _granted(command, sheet, basis)


def computed(command: ProposeAwards, basis: Basis) -> AwardsProposed:
    """The sheet; raises Refusal unless both sides and the ledger come to the same efficiency."""
    sums = {book: sum(one.efficiency for one in basis.achieved if one.side is book) for book in Book}
    check_sides(sums, basis.ledger_efficiency)
    return AwardsProposed.model_construct(
        cycle_id=command.cycle_id,
        period=basis.period,
        mode=command.mode,
        pool=command.pool,
        policy=basis.policy.version,
        awards=tuple(
            _award(one, basis.policy) for one in bonuses(basis.achieved, basis.policy, command.pool)
        ),
        funds=tuple(
            ProposedFund.model_construct(
                department_id=one.achieved.centre_id,
                efficiency=one.achieved.efficiency,
                rate=one.rate,
                amount=one.amount,
            )
            for one in funds(basis.achieved, basis.policy)
        ),
        efficiency=sums,
        ledger_efficiency=basis.ledger_efficiency,
        proposed_by=command.actor,
        business_date=command.today,
    )


def _award(bonus: Bonus, policy: IncentivePolicy) -> ProposedAward:
    own = bonus.achieved
    assert own.rating is not None  # nobody without a rating has a bonus
    deferred = policy.deferred(bonus.amount, own.group)
    return ProposedAward.model_construct(
        manager_id=own.centre_id,
        grade=own.group,
        rating=own.rating,
        efficiency=own.efficiency,
        rate=bonus.rate,
        coefficient=bonus.coefficient,
        amount=bonus.amount,
        immediate=bonus.amount - deferred,
        deferred=deferred,
    )


def _granted(command: ApproveAwards, sheet: Sheet, basis: Basis) -> Sequence[Fact]:
    proposed = sheet.proposed
    if proposed is None:
        raise Refusal("awards-are-proposed", "cycle_id", "no awards of this cycle are proposed")
    if proposed.proposed_by == command.actor:
        raise Refusal("four-eyes", "cycle_id", "nobody approves what they proposed")
    if command.actor in {one.manager_id for one in proposed.awards}:
        raise Refusal("four-eyes", "cycle_id", "nobody approves an award of their own")
    again = ProposeAwards(command.cycle_id, command.actor, command.today, proposed.mode, proposed.pool)
    if computed(again, basis).comes_to() != proposed.comes_to():
        detail = "figures, ratings or the policy are not those of the proposal any more: propose again"
        raise Refusal("awards-are-as-proposed", "cycle_id", detail)
    approved = AwardsApproved(
        cycle_id=command.cycle_id, approved_by=command.actor, business_date=command.today
    )
    awards = [_grant(one, proposed, basis.policy, command.today) for one in proposed.awards if one.amount]
    given = [_fund(one, proposed, command.today) for one in proposed.funds if one.amount]
    return [approved, *awards, *given]


def _grant(one: ProposedAward, sheet: AwardsProposed, policy: IncentivePolicy, today: date) -> AwardGranted:
    parts = instalments(one.deferred, policy.instalments, today)
    return AwardGranted.model_construct(
        award_id=f"{sheet.cycle_id}:{one.manager_id}",
        cycle_id=sheet.cycle_id,
        manager_id=one.manager_id,
        business_date=today,
        period=sheet.period,
        amount=one.amount,
        immediate=one.immediate,
        instalments=tuple(
            Instalment.model_construct(due_on=due_on, amount=amount) for due_on, amount in parts
        ),
        efficiency=one.efficiency,
        rate=one.rate,
        coefficient=one.coefficient,
        rating=one.rating,
        grade=one.grade,
        policy=sheet.policy,
        clawback_until=years_later(today, policy.clawback_years),
        clawback_rates=dict(DEFAULT_PROVISION_RATES),
    )


def _fund(one: ProposedFund, sheet: AwardsProposed, today: date) -> DepartmentFundGranted:
    return DepartmentFundGranted.model_construct(
        cycle_id=sheet.cycle_id,
        department_id=one.department_id,
        period=sheet.period,
        amount=one.amount,
        efficiency=one.efficiency,
        rate=one.rate,
        policy=sheet.policy,
        business_date=today,
    )


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(sheet: Sheet, fact: Fact) -> Sheet:
    """The sheet after a fact; what is granted lies in other streams."""
    match fact:
        case AwardsProposed():
            return Sheet(fact)
        case AwardsApproved():
            return Sheet(sheet.proposed, granted=True)
        case _:
            return sheet


DECIDER: Decider[Command, Sheet, Consulted] = Decider(
    stream=lambda command: command.stream, initial=Sheet(), decide=decide, evolve=evolve
)
