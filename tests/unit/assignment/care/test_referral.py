"""A referral goes to a department, which says once what became of it."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain.care import referral as referrals
from services.assignment.domain.care.referral import (
    DECIDER,
    CloseReferral,
    Consulted,
    CustomerReferred,
    Outcome,
    ReferCustomer,
    Referral,
    ReferralClosed,
)
from shared.contracts import assignment as contract
from shared.kernel.errors import Refusal

TODAY = date(2026, 1, 15)
MANAGERS = frozenset({"m1"})


def refer(referred_on: date = TODAY, manager_id: str = "m1") -> ReferCustomer:
    particulars = contract.CustomerReferred(
        referral_id="r1",
        customer_id="c1",
        manager_id=manager_id,
        department_id="lending",
        product_code="TRM",
        referred_on=referred_on,
    )
    return ReferCustomer(particulars, "想贷款买设备", TODAY)


REFER = refer(TODAY - timedelta(days=10))
CLOSE = CloseReferral("r1", "c1", Outcome.WON, TODAY, 250_000_00, "price was right", TODAY)
CONSULTED = Consulted({REFER: "v1.bmVlZA==", CLOSE: "v1.cmVhc29u"}, MANAGERS)


def opened() -> Referral:
    [fact] = referrals.decide(REFER, Referral(), CONSULTED)
    return referrals.evolve(Referral(), fact)


def refusal(command: referrals.Command, referral: Referral, consulted: Consulted) -> tuple[str, str]:
    with pytest.raises(Refusal) as refused:
        referrals.decide(command, referral, consulted)
    return refused.value.rule, refused.value.field


def test_a_referral_says_whose_and_to_whom_with_the_need_sealed() -> None:
    [fact] = referrals.decide(REFER, Referral(), CONSULTED)
    assert fact == CustomerReferred(**REFER.particulars.model_dump(), sealed="v1.bmVlZA==")
    assert fact.business_date == REFER.particulars.referred_on
    assert DECIDER.stream(REFER) == DECIDER.stream(CLOSE) == fact.stream == "referral-c1#r1"
    assert (REFER.owner, dict(REFER.texts)) == ("customer-c1", {"need": "想贷款买设备"})
    assert REFER.need not in fact.to_json().decode() + repr(REFER)


def test_an_outcome_names_manager_and_department_of_the_referral() -> None:
    [fact] = referrals.decide(CLOSE, opened(), CONSULTED)
    assert isinstance(fact, ReferralClosed)
    assert (fact.manager_id, fact.department_id, fact.outcome, fact.amount) == (
        "m1", "lending", "won", 250_000_00
    )  # fmt: skip
    assert fact.business_date == TODAY
    assert fact == ReferralClosed.model_validate_json(fact.to_json())
    assert (CLOSE.owner, dict(CLOSE.texts)) == ("customer-c1", {"reason": "price was right"})
    assert CLOSE.reason not in fact.to_json().decode() + repr(CLOSE)


def test_an_outcome_is_said_once_and_only_of_what_was_referred() -> None:
    referral = opened()
    [fact] = referrals.decide(CLOSE, referral, CONSULTED)
    for state in (Referral(), referrals.evolve(referral, fact)):
        assert refusal(CLOSE, state, CONSULTED) == ("referral-is-open", "referral_id")


@pytest.mark.parametrize("amount", [None, 1])
def test_only_business_won_has_an_amount(amount: int | None) -> None:
    lost = replace(CLOSE, outcome=Outcome.LOST, amount=amount)
    consulted = Consulted({lost: "v1.cmVhc29u"}, MANAGERS)
    if amount is None:
        [fact] = referrals.decide(lost, opened(), consulted)
        assert isinstance(fact, ReferralClosed)
        assert (fact.outcome, fact.amount) == ("lost", None)
    else:
        assert refusal(lost, opened(), consulted) == ("amount-is-won", "amount")


@given(st.integers(-30, 30))
def test_a_referral_closes_between_its_own_day_and_today(days: int) -> None:
    command = replace(CLOSE, closed_on=TODAY + timedelta(days=days))
    consulted = Consulted({command: "v1.cmVhc29u"}, MANAGERS)
    if days > 0:
        assert refusal(command, opened(), consulted) == ("day-has-come", "closed_on")
    elif days < -10:
        assert refusal(command, opened(), consulted) == ("dates-go-forward", "closed_on")
    else:
        assert len(referrals.decide(command, opened(), consulted)) == 1


def test_a_referral_lies_not_in_the_future_and_is_made_by_somebody_on_record() -> None:
    tomorrow, unknown = refer(TODAY + timedelta(days=1)), refer(manager_id="m9")
    consulted = Consulted({tomorrow: "x", unknown: "x"}, MANAGERS)
    assert refusal(tomorrow, Referral(), consulted) == ("day-has-come", "referred_on")
    assert refusal(unknown, Referral(), consulted) == ("manager-is-known", "manager_id")


def test_nothing_is_written_about_a_customer_who_was_erased() -> None:
    erased = Consulted({}, MANAGERS)
    assert refusal(REFER, Referral(), erased) == ("personal-data-is-kept", "need")
    assert refusal(CLOSE, opened(), erased) == ("personal-data-is-kept", "reason")
