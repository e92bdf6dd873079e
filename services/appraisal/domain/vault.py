"""Vaults (绩效薪酬金库): what a manager was awarded, and what of it is deferred, paid, clawed back. One a manager.

Every fen is conserved: an award is its immediate part and its instalments; of each instalment paid + cancelled + open
is its amount. What is taken of an award comes to min(award, Σ targets of its loans), or to more, up to the award, only
where something taken earlier cannot be released any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from services.appraisal.domain.clawback import part_of_loan, rate_of, target_of
from services.appraisal.domain.vault_event import (
    ClaimSettled,
    ClawbackTargetSet,
    Command,
    Reassess,
    SettleClaim,
)
from shared.contracts import ledger
from shared.contracts.appraisal import (
    AwardClawedBack,
    AwardGranted,
    AwardReleased,
    ClawbackCause,
    Instalment,
    InstalmentPaid,
)
from shared.kernel.decider import Decider
from shared.kernel.errors import Refusal
from shared.kernel.event import Fact
from shared.kernel.money import format_money

# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """An instalment as it stands, in minor units."""

    amount: int
    paid: int = 0
    cancelled: int = 0

    @property
    def open(self) -> int:
        """What is neither paid nor cancelled."""
        return self.amount - self.paid - self.cancelled


@dataclass(frozen=True, slots=True)
class Award:
    """An award as it stands. ``claimed`` is what is or was to be paid back beyond what was cancelled, ``settled`` what
    of it was; ``targets`` are by loan what is to be clawed back, and the position of the entry that says so."""

    granted: AwardGranted
    parts: Mapping[date, Part]
    claimed: int = 0
    settled: int = 0
    targets: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def taken(self) -> int:
        """What is clawed back at present: cancelled or claimed."""
        return sum(part.cancelled for part in self.parts.values()) + self.claimed

    @property
    def wanted(self) -> int:
        """What is to be clawed back for all loans together, at most the award."""
        return min(self.granted.amount, sum(target for _, target in self.targets.values()))


@dataclass(frozen=True, slots=True)
class Vault:
    """A manager's awards by id, in the order in which they were granted."""

    awards: Mapping[str, Award] = field(default_factory=dict)


# --- decide -------------------------------------------------------------------------------------------------


def decide(command: Command, vault: Vault, _: None) -> Sequence[Fact]:
    """What happens to the vault; raises Refusal where more is settled than is claimed."""
    if isinstance(command, Reassess):
        return _reassessed(command, vault.awards.get(command.award_id))
    if isinstance(command, SettleClaim):
        return [_settled(command, vault.awards.get(command.award_id))]
    return [
        _paid(award.granted, due_on, part.open, command.day)
        for award in vault.awards.values()
        for due_on, part in sorted(award.parts.items())
        if due_on <= command.day and part.open
    ]


def _paid(granted: AwardGranted, due_on: date, amount: int, day: date) -> Fact:
    return InstalmentPaid.model_construct(
        award_id=granted.award_id,
        cycle_id=granted.cycle_id,
        manager_id=granted.manager_id,
        business_date=day,
        due_on=due_on,
        amount=amount,
    )


def _settled(command: SettleClaim, award: Award | None) -> Fact:
    open_claim = award.claimed - award.settled if award is not None else 0
    if command.amount > open_claim:
        detail = f"{format_money(open_claim)} of award {command.award_id} is claimed and not settled"
        raise Refusal("settled-within-claim", "amount", detail)
    return ClaimSettled.model_construct(
        award_id=command.award_id,
        manager_id=command.manager_id,
        business_date=command.today,
        amount=command.amount,
        reference=command.reference,
    )


def _reassessed(command: Reassess, award: Award | None) -> Sequence[Fact]:
    """The loan's new target, and what is taken or released by it. After the last day of the clawback a target can only
    fall. Nothing where the entry was followed up before, or a later one was."""
    if award is None:
        return []
    granted, change = award.granted, command.change
    position, before = award.targets.get(change.loan_id, (0, 0))
    part = part_of_loan(granted.amount, granted.efficiency, command.loan_efficiency)
    target = target_of(part, change.loan_class, rate_of(change, granted))
    if change.business_date > granted.clawback_until:
        target = min(before, target)
    if change.position <= position or target == before:
        return []
    said = ClawbackTargetSet.model_construct(
        award_id=granted.award_id,
        manager_id=granted.manager_id,
        business_date=change.business_date,
        loan_id=change.loan_id,
        loan_class=change.loan_class,
        position=change.position,
        target=target,
    )
    after = _with(award, said)
    effect = _clawed_back(after, command, part, target) or _released(after, command, part, target)
    return [said] if effect is None else [said, effect]


def _clawed_back(award: Award, command: Reassess, part: int, target: int) -> Fact | None:
    """Taken first from instalments not yet due, the earliest due first, then claimed."""
    rest = missing = award.wanted - award.taken
    if missing <= 0:
        return None
    cancelled: list[tuple[date, int]] = []
    for due_on, one in sorted(award.parts.items()):
        if due_on > command.change.business_date and (taken := min(rest, one.open)):
            cancelled.append((due_on, taken))
            rest -= taken
    return AwardClawedBack.model_construct(
        **_said(award, command, part, target), **_amounts(missing, cancelled, rest)
    )


def _released(award: Award, command: Reassess, part: int, target: int) -> Fact | None:
    """What was taken beyond what is wanted: first claims not yet settled shrink, then cancelled instalments that are
    not yet due come back, the latest due first. What was settled, and what fell due meanwhile, stays taken."""
    excess = award.taken - award.wanted
    claim = max(0, min(excess, award.claimed - award.settled))
    rest = excess - claim
    reopened: list[tuple[date, int]] = []
    for due_on, one in sorted(award.parts.items(), reverse=True):
        if due_on > command.change.business_date and (back := min(rest, one.cancelled)) > 0:
            reopened.append((due_on, back))
            rest -= back
    amount = claim + sum(back for _, back in reopened)
    if amount == 0:
        return None
    return AwardReleased.model_construct(
        **_said(award, command, part, target), **_amounts(amount, reopened, claim)
    )


def _amounts(amount: int, parts: Sequence[tuple[date, int]], claim: int) -> dict[str, Any]:
    return {
        "amount": amount,
        "from_instalments": amount - claim,
        "instalments": tuple(
            Instalment.model_construct(due_on=due_on, amount=part) for due_on, part in parts
        ),
        "claim": claim,
    }


def _said(award: Award, command: Reassess, part: int, target: int) -> dict[str, Any]:
    """What a clawback and a release both tell; the same entry gives them the same id."""
    granted, change = award.granted, command.change
    place = f"{granted.award_id}/{command.ledger_shard}-{change.position}"
    return {
        "clawback_id": str(uuid5(NAMESPACE_URL, f"urn:dualbook:clawback:{place}")),
        "award_id": granted.award_id,
        "cycle_id": granted.cycle_id,
        "manager_id": granted.manager_id,
        "business_date": change.business_date,
        "loan_id": change.loan_id,
        "loan_class": change.loan_class,
        "loan_efficiency": command.loan_efficiency,
        "loan_part": part,
        "target": target,
        "cause": ClawbackCause(
            topic=ledger.TOPIC,
            partition=command.ledger_shard,
            offset=change.log_offset,
            message_id=change.entry_id,
            core_event_id=change.cause_id,
        ),
        "provision_rate": change.provision_rate,
        "provision_policy": change.provision_policy,
    }


# --- evolve -------------------------------------------------------------------------------------------------


def evolve(vault: Vault, fact: Fact) -> Vault:
    """The vault after a fact."""
    if isinstance(fact, AwardGranted):
        parts = {one.due_on: Part(one.amount) for one in fact.instalments}
        return Vault({**vault.awards, fact.award_id: Award(fact, parts)})
    assert isinstance(
        fact, InstalmentPaid | AwardClawedBack | AwardReleased | ClawbackTargetSet | ClaimSettled
    )  # a vault has no others
    return Vault({**vault.awards, fact.award_id: _with(vault.awards[fact.award_id], fact)})


def _with(
    award: Award, fact: InstalmentPaid | AwardClawedBack | AwardReleased | ClawbackTargetSet | ClaimSettled
) -> Award:
    if isinstance(fact, InstalmentPaid):
        part = award.parts[fact.due_on]
        paid = replace(part, paid=part.paid + fact.amount)
        return replace(award, parts={**award.parts, fact.due_on: paid})
    if isinstance(fact, ClawbackTargetSet):
        return replace(award, targets={**award.targets, fact.loan_id: (fact.position, fact.target)})
    if isinstance(fact, ClaimSettled):
        return replace(award, settled=award.settled + fact.amount)
    sign = 1 if isinstance(fact, AwardClawedBack) else -1
    parts = dict(award.parts)
    for one in fact.instalments:
        part = parts[one.due_on]
        parts[one.due_on] = replace(part, cancelled=part.cancelled + sign * one.amount)
    return replace(award, parts=parts, claimed=award.claimed + sign * fact.claim)


DECIDER: Decider[Command, Vault, None] = Decider(
    stream=lambda command: command.stream, initial=Vault(), decide=decide, evolve=evolve
)
