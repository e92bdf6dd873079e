"""A tender (竞标): managers commit to what customers are to bring in, sealed until the close; the highest wins.

A bid's figures are sealed with the tender's own key. The rules get to see them only once the tender is closed; what
they compare with the closing time is the recorded time, so that no bid can be recorded behind it.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

from services.assignment.domain import proposal as proposals
from services.assignment.domain.bid import Ranked, objection, ranking
from services.assignment.domain.claim import Claim, check_free
from services.assignment.domain.grade import Grade
from services.assignment.domain.policy import Policy
from services.assignment.domain.proposal import Kind, Open, Proposal, Propose
from services.assignment.domain.standing import Standing
from shared.contracts.assignment import TenderAwarded
from shared.contracts.assignment.tenders import MOST_CUSTOMERS
from shared.contracts.types import BusinessDate, CentreId, Contract, Id, Money, Text
from shared.kernel.decider import Decider
from shared.kernel.errors import Malformed, Refusal
from shared.kernel.event import Fact
from shared.kernel.money import format_money
from shared.kernel.period import FIRST_YEAR, LAST_YEAR

MONTHS = 12
"""How long a commitment lasts."""

FARTHEST_AHEAD = timedelta(days=366)
"""How far ahead an award may take effect."""


def _in_utc(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise Malformed(f"the year must lie between {FIRST_YEAR} and {LAST_YEAR}")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment with its time zone, in UTC inside."""

# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfTender:
    """What all commands to a tender say."""

    tender_id: str
    today: date

    @property
    def stream(self) -> str:
        return f"tender-{self.tender_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTender(_OfTender):
    """Put customers up for tender. Without a baseline (minor units a year) it is what they brought in last."""

    customer_ids: tuple[str, ...]
    baseline_profit: int | None
    closes_at: datetime
    lowest_grade: Grade
    effective_from: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeBid(_OfTender):
    """Commit to a profit (minor units a year), in the place of what the manager bid before."""

    manager_id: str
    committed_profit: int = field(repr=False)
    plan: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawBid(_OfTender):
    """Take the bid back."""

    manager_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeAward(_OfTender):
    """Find the winner, and propose the award to a second person."""

    proposal_id: str
    proposed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardTender(_OfTender):
    """Award it as was proposed and approved. ``later`` are the days on which timelines went on when it was proposed."""

    awarded: TenderAwarded
    later: frozenset[tuple[str, date]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseWithoutAward(_OfTender):
    """End a tender in which no bid counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTender(_OfTender):
    """End a tender before it is awarded."""

    reason: str


Command = OpenTender | MakeBid | WithdrawBid | ProposeAward | AwardTender | CloseWithoutAward | CancelTender

# --- events -------------------------------------------------------------------------------------------------


class _TenderEvent(Contract):
    """What all events of a tender carry."""

    tender_id: Id
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"tender-{self.tender_id}"


class TenderOpened(_TenderEvent):
    """Customers are up for tender; ``effective_from`` is absent for the day after the award."""

    customer_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=MOST_CUSTOMERS)]
    baseline_profit: Money
    closes_at: Moment
    lowest_grade: Grade
    effective_from: BusinessDate | None = None


class BidMade(_TenderEvent):
    """A manager committed to something; profit and plan are sealed until the close."""

    manager_id: CentreId
    sealed: str


class BidWithdrawn(_TenderEvent):
    """A manager took the bid back."""

    manager_id: CentreId


class TenderClosedWithoutAward(_TenderEvent):
    """No bid counted (流标)."""


class TenderCancelled(_TenderEvent):
    """The tender came to nothing by decision."""

    reason: Text


FACTS = (TenderOpened, BidMade, BidWithdrawn, TenderClosedWithoutAward, TenderCancelled)
"""The events that stay in this service."""

# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tender:
    """A tender as it stands: how it ended, if it did, and who has a bid, as the how many-eth of all that were made."""

    opened: TenderOpened | None = None
    ended: str = ""
    bids: Mapping[str, int] = field(default_factory=dict)
    made: int = 0


@dataclass(frozen=True, slots=True)
class Consulted:
    """What the rules look at: ``now`` is not before the recorded time of what they decide.

    ``tiers`` are those of the tender's customers on record, ``standings`` of today, ``loads`` and ``commitments``
    (minor units) by manager: none as long as the tender is not closed. ``later`` are the days beyond an award's
    first on which a customer's timeline goes on.
    """

    now: datetime
    policy: Policy = field(default_factory=Policy)
    tiers: Mapping[str, str] = field(default_factory=dict)
    brought: Mapping[str, int] = field(default_factory=dict)
    claims: Mapping[str, Claim] = field(default_factory=dict)
    sealed: str = ""
    standings: Mapping[str, Standing] = field(default_factory=dict)
    loads: Mapping[str, Decimal] = field(default_factory=dict)
    commitments: Mapping[str, int] = field(default_factory=dict)
    later: AbstractSet[tuple[str, date]] = frozenset()
    waiting: Sequence[Open] = ()


# --- decide -------------------------------------------------------------------------------------------------


def ranked(opened: TenderOpened, bids: Mapping[str, int], consulted: Consulted) -> list[Ranked]:
    """The bids of a closed tender in their places; who may no longer bid does not count, nor who is not above the
    baseline."""
    tiers = frozenset(consulted.tiers.values())
    found = []
    for manager_id, number in bids.items():
        standing = consulted.standings[manager_id]
        committed = consulted.commitments[manager_id]
        keeps_out = objection(standing, opened.lowest_grade, tiers, consulted.policy)
        rule = keeps_out[0] if keeps_out is not None else ""
        if committed <= opened.baseline_profit:
            rule = "above-baseline"
        load = consulted.loads.get(manager_id, Decimal(0))
        found.append(Ranked(manager_id, committed, standing.grade, load, number, rule))
    return ranking(found)


def decide(command: Command, tender: Tender, consulted: Consulted) -> Sequence[Fact]:
    """What is to be recorded; raises Refusal, AlreadyProposed for an award that waits for a second person."""
    if isinstance(command, OpenTender):
        return [_open(command, consulted)]
    opened = tender.opened
    assert opened is not None  # the doors look for it first
    if tender.ended:
        raise Refusal("tender-is-open", "tender_id", f"tender {command.tender_id} is {tender.ended}")
    match command:
        case MakeBid():
            return [_bid(command, opened, consulted)]
        case WithdrawBid():
            return [_withdraw(command, tender, opened, consulted)]
        case ProposeAward():
            return [_propose(command, tender, opened, consulted)]
        case AwardTender():
            return [_award(command, consulted)]
        case CloseWithoutAward():
            return [_close(command, tender, opened, consulted)]
        case _:
            return [
                TenderCancelled(
                    tender_id=command.tender_id, reason=command.reason, business_date=command.today
                )
            ]


def _open(command: OpenTender, consulted: Consulted) -> Fact:
    if command.closes_at <= consulted.now:
        raise Refusal("closes-in-future", "closes_at", "must lie in the future")
    latest = command.today + FARTHEST_AHEAD
    if command.effective_from is not None and not command.today <= command.effective_from <= latest:
        raise Refusal("award-is-near", "effective_from", f"must lie between {command.today} and {latest}")
    for index, customer_id in enumerate(command.customer_ids):
        if customer_id not in consulted.tiers:
            detail = f"there is no customer {customer_id}"
            raise Refusal("customer-is-known", f"customer_ids.{index}", detail)
    check_free(command.customer_ids, consulted.claims, "customer_ids.{}")
    baseline = command.baseline_profit
    if baseline is None:
        baseline = sum(consulted.brought.get(customer_id, 0) for customer_id in command.customer_ids)
    return TenderOpened(
        tender_id=command.tender_id,
        customer_ids=command.customer_ids,
        baseline_profit=format_money(baseline),
        closes_at=command.closes_at,
        lowest_grade=command.lowest_grade,
        effective_from=command.effective_from,
        business_date=command.today,
    )


def _bid(command: MakeBid, opened: TenderOpened, consulted: Consulted) -> Fact:
    _check_running(opened, consulted.now)
    standing = consulted.standings.get(command.manager_id)
    keeps_out = objection(
        standing, opened.lowest_grade, frozenset(consulted.tiers.values()), consulted.policy
    )
    if keeps_out is not None:
        rule, why = keeps_out
        raise Refusal(rule, "manager_id", f"{command.manager_id} {why}")
    return BidMade(
        tender_id=command.tender_id,
        manager_id=command.manager_id,
        sealed=consulted.sealed,
        business_date=command.today,
    )


def _withdraw(command: WithdrawBid, tender: Tender, opened: TenderOpened, consulted: Consulted) -> Fact:
    _check_running(opened, consulted.now)
    if command.manager_id not in tender.bids:
        raise Refusal("bid-is-there", "manager_id", f"{command.manager_id} has no bid")
    return BidWithdrawn(
        tender_id=command.tender_id, manager_id=command.manager_id, business_date=command.today
    )


def _propose(command: ProposeAward, tender: Tender, opened: TenderOpened, consulted: Consulted) -> Fact:
    _check_closed(opened, consulted.now)
    bids = ranked(opened, tender.bids, consulted)
    if not bids or bids[0].objection:
        detail = "no bid is above the baseline and from a manager who may have the customers"
        raise Refusal("a-bid-counts", "tender_id", detail)
    winner, day = bids[0], opened.effective_from
    content = {
        "tender_id": command.tender_id,
        "manager_id": winner.manager_id,
        "committed_profit": format_money(winner.committed_profit),
        "baseline_profit": format_money(opened.baseline_profit),
        "customer_ids": list(opened.customer_ids),
        "effective_from": None if day is None else day.isoformat(),
        "later": [[customer_id, one.isoformat()] for customer_id, one in sorted(consulted.later)],
        "ranking": [bid.shown() for bid in bids],
    }
    proposed = Propose(
        command.proposal_id, Kind.AWARD, command.tender_id, content, command.proposed_by, command.today
    )
    [fact] = proposals.decide(proposed, Proposal(), proposals.Consulted(frozenset(), consulted.waiting))
    return fact


def _award(command: AwardTender, consulted: Consulted) -> Fact:
    if consulted.later != command.later:
        detail = "somebody has assigned customers of the tender for later days since the award was proposed"
        raise Refusal("plan-is-current", "customer_ids", detail)
    return command.awarded


def _close(command: CloseWithoutAward, tender: Tender, opened: TenderOpened, consulted: Consulted) -> Fact:
    _check_closed(opened, consulted.now)
    if any(not bid.objection for bid in ranked(opened, tender.bids, consulted)):
        raise Refusal("no-bid-counts", "tender_id", "there is a bid to be awarded")
    return TenderClosedWithoutAward(tender_id=command.tender_id, business_date=command.today)


def _check_running(opened: TenderOpened, now: datetime) -> None:
    if now >= opened.closes_at:
        raise Refusal("bidding-is-open", "tender_id", f"bids were taken until {opened.closes_at.isoformat()}")


def _check_closed(opened: TenderOpened, now: datetime) -> None:
    if now < opened.closes_at:
        raise Refusal(
            "bidding-is-closed", "tender_id", f"bids are taken until {opened.closes_at.isoformat()}"
        )


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(tender: Tender, fact: Fact) -> Tender:
    """The tender after a fact."""
    match fact:
        case TenderOpened():
            return replace(tender, opened=fact)
        case BidMade():
            number = tender.made + 1
            return replace(tender, bids={**tender.bids, fact.manager_id: number}, made=number)
        case BidWithdrawn():
            left = {
                manager_id: one for manager_id, one in tender.bids.items() if manager_id != fact.manager_id
            }
            return replace(tender, bids=left)
        case TenderAwarded():
            return replace(tender, ended="awarded")
        case TenderClosedWithoutAward():
            return replace(tender, ended="closed without an award")
        case TenderCancelled():
            return replace(tender, ended="cancelled")
        case _:
            return tender  # the proposal of an award, which is another's stream


def stream(command: Command) -> str:
    """The tender's stream."""
    return command.stream


DECIDER: Decider[Command, Tender, Consulted] = Decider(stream, Tender(), decide, evolve)
