"""Why an award was clawed back or released: in sentences, from the award down to the message and the core event."""

from collections.abc import Mapping

from services.appraisal.domain.clawback import SOURED, rate_of
from shared.contracts.appraisal import AwardClawedBack, AwardGranted, AwardReleased
from shared.kernel.money import format_money
from shared.kernel.period import format_month, month_of


def provision(award: AwardGranted, event: AwardClawedBack | AwardReleased) -> dict[str, str | None]:
    """The provision rate of the loan's new class in percent, and by which policy: the version of the ledger's, and the
    month that it was in force for. Where the ledger stated no rate, the version is None, and the rate the award's."""
    return {
        "rate": str(rate_of(event, award)),
        "month": format_month(month_of(event.business_date)),
        "policy": event.provision_policy,
    }


def sentences(
    award: AwardGranted, event: AwardClawedBack | AwardReleased, months: Mapping[str, int]
) -> list[str]:
    """The steps in order. ``months`` is what the loan brought the manager in each month of the cycle, minor units."""
    return [
        _granted(award),
        _of_loan(event, months),
        _part(award, event),
        _target(award, event),
        _done(event),
    ]


def _granted(award: AwardGranted) -> str:
    return (
        f"Award {award.award_id} of {format_money(award.amount)} was granted to {award.manager_id} on "
        f"{award.business_date}, for an efficiency of {format_money(award.efficiency)} in {award.period}."
    )


def _of_loan(event: AwardClawedBack | AwardReleased, months: Mapping[str, int]) -> str:
    each = ", ".join(f"{month} {format_money(amount)}" for month, amount in months.items())
    return (
        f"Of that efficiency {format_money(event.loan_efficiency)} came from loan {event.loan_id}, "
        f"by the legs that were booked for {event.manager_id} ({each})."
    )


def _part(award: AwardGranted, event: AwardClawedBack | AwardReleased) -> str:
    figures = (award.amount, event.loan_efficiency, award.efficiency)
    amount, of_loan, efficiency = map(format_money, figures)
    return (
        f"The part of the award from this loan is {amount} × {of_loan} ÷ {efficiency}, rounded and at most the "
        f"award: {format_money(event.loan_part)}."
    )


def _target(award: AwardGranted, event: AwardClawedBack | AwardReleased) -> str:
    cause = event.cause
    told = (
        f"On {event.business_date} the loan became {event.loan_class}, says message {cause.message_id} "
        f"({cause.topic}/{cause.partition}/{cause.offset}) of core event {cause.core_event_id}"
    )
    rule, target = _rule(award, event), format_money(event.target)
    if event.business_date > award.clawback_until:
        return (
            f"{told}. {rule}. That is after {award.clawback_until}, until when a clawback reaches, so its target can "
            f"only fall: {target}."
        )
    return f"{told}. {rule}: {target}."


def _rule(award: AwardGranted, event: AwardClawedBack | AwardReleased) -> str:
    """What is clawed back in the loan's new class, and who says so."""
    if event.loan_class not in SOURED:
        return "In that class nothing is clawed back"
    said = provision(award, event)
    source = (
        "the rates that the award was granted with, as the message states no provision rate,"
        if event.provision_rate is None
        else f"the provision rate of that class in the ledger's policy in force for {said['month']} ({said['policy']})"
    )
    return f"By {source} {said['rate']} % of {format_money(event.loan_part)} is clawed back"


def _done(event: AwardClawedBack | AwardReleased) -> str:
    parts = ", ".join(f"{format_money(one.amount)} of the one due {one.due_on}" for one in event.instalments)
    amount, claim = format_money(event.amount), format_money(event.claim)
    from_instalments = parts or "nothing"
    if isinstance(event, AwardClawedBack):
        return (
            f"All loans together then wanted {amount} more of the award, which is never clawed back beyond itself: "
            f"of instalments not yet due {from_instalments} is cancelled, and {claim} is claimed."
        )
    return (
        f"All loans together then wanted less of the award, and {amount} is released: {claim} is not claimed any "
        f"more, and of instalments not yet due {from_instalments} is open again."
    )
