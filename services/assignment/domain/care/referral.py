"""Referrals (转介绍、交叉销售): a customer's need, sent to the product department that can meet it."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from services.assignment.domain.record import (
    check_follows,
    check_has_come,
    check_manager,
    customer_stream,
    sealed_text,
)
from shared.contracts.assignment import care as contract
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact


class Outcome(StrEnum):
    """What became of a referral: won 成交, lost 未成交."""

    WON = "won"
    LOST = "lost"


def stream_of(customer_id: str, referral_id: str) -> str:
    """The stream of a referral."""
    return f"referral-{customer_id}#{referral_id}"


# --- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReferCustomer:
    """Send a customer to a department. The need is personal data and never leaves the service."""

    particulars: contract.CustomerReferred
    need: str = field(repr=False)
    today: date

    @property
    def stream(self) -> str:
        return self.particulars.stream

    @property
    def owner(self) -> str:
        return customer_stream(self.particulars.customer_id)

    @property
    def texts(self) -> Mapping[str, str]:
        return {"need": self.need}


@dataclass(frozen=True, slots=True)
class CloseReferral:
    """Say what became of a referral. The reason is personal data; the amount is in minor units."""

    referral_id: str
    customer_id: str
    outcome: Outcome
    closed_on: date
    amount: int | None
    reason: str = field(repr=False)
    today: date

    @property
    def stream(self) -> str:
        return stream_of(self.customer_id, self.referral_id)

    @property
    def owner(self) -> str:
        return customer_stream(self.customer_id)

    @property
    def texts(self) -> Mapping[str, str]:
        return {"reason": self.reason}


Command = ReferCustomer | CloseReferral

# --- events -------------------------------------------------------------------------------------------------


class CustomerReferred(contract.CustomerReferred):
    """The contract's event with the need beside it: sealed, and left out of what is published."""

    sealed: str


class ReferralClosed(contract.ReferralClosed):
    """The contract's event with the reason beside it: sealed, and left out of what is published."""

    sealed: str


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Referral:
    """A referral as it stands; without ``referred`` there is none."""

    referred: CustomerReferred | None = None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Consulted:
    """The texts, sealed with the customers' keys, and the managers on record."""

    sealed: Mapping[Command, str] = field(default_factory=dict)
    managers: AbstractSet[str] = frozenset()


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: Command, referral: Referral, consulted: Consulted) -> Sequence[Fact]:
    """The referral, or its outcome; raises Refusal naming field and rule."""
    if isinstance(command, CloseReferral):
        return [_close(command, referral, consulted)]
    particulars = command.particulars
    check_has_come(particulars.referred_on, command.today, "referred_on")
    check_manager(particulars.manager_id, consulted.managers)
    sealed = sealed_text(consulted.sealed, command, "need")
    return [CustomerReferred(**particulars.model_dump(exclude={"sealed"}), sealed=sealed)]


def _close(command: CloseReferral, referral: Referral, consulted: Consulted) -> Fact:
    referred = referral.referred
    if referred is None or referral.closed:
        raise Refusal("referral-is-open", "referral_id", f"referral {command.referral_id} is not open")
    check_has_come(command.closed_on, command.today, "closed_on")
    check_follows(command.closed_on, referred.referred_on, "closed_on")
    if command.amount is not None and command.outcome is Outcome.LOST:
        raise Refusal("amount-is-won", "amount", "business that was lost has no amount")
    return ReferralClosed.model_construct(  # validation would read the amount as text of the wire
        referral_id=command.referral_id,
        customer_id=command.customer_id,
        manager_id=referred.manager_id,
        department_id=referred.department_id,
        outcome=command.outcome.value,
        closed_on=command.closed_on,
        amount=command.amount,
        sealed=sealed_text(consulted.sealed, command, "reason"),
    )


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(referral: Referral, fact: Fact) -> Referral:
    """The referral after a fact."""
    if isinstance(fact, CustomerReferred):
        return Referral(fact)
    return Referral(referral.referred, closed=True)


def stream(command: Command) -> str:
    """The referral's stream."""
    return command.stream


DECIDER: Decider[Command, Referral, Consulted] = Decider(stream, Referral(), decide, evolve)
