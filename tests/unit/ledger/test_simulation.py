"""What-if: the worked example under other policies, by hand; that nothing proposed is nothing; and the balance."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.domain.closing import (
    ALLOCATED_COST,
    DEPOSIT_COST,
    DEPOSITS,
    FTP_COST,
    FTP_INCOME,
    LOANS,
    Cell,
    Figures,
    ProductWeights,
    StockHistory,
    StockMonth,
)
from services.ledger.domain.entry import EntryBooked, Unbalanced
from services.ledger.domain.ftp_curve import Curves
from services.ledger.domain.loan import RISK_CHARGE
from services.ledger.domain.matched_pricing import DailyStocks, PricedStock
from services.ledger.domain.policy import DEFAULT, Policies, PolicyTerms
from services.ledger.domain.simulation import (
    DepartmentProduct,
    Differences,
    MonthFacts,
    Proposal,
    department_moves,
    month_differences,
)
from services.ledger.domain.simulation_of_loans import Charge, LoanStep, charge_differences, charges
from services.ledger.domain.timeline import Timeline
from shared.contracts.ledger import CostPoolDeclared, Driver
from shared.kernel.books import Line, LoanClass
from shared.kernel.period import Period
from tests.support.reference import WORKED_EXAMPLE
from tests.unit.ledger.desk import Desk, a_bank, a_pool, cells, some_balances, some_policies

JULY = 202607
M1, M2 = ("m1", "deposits"), ("m2", "deposits")
L1, L2 = ("m1", "lending"), ("m2", "lending")
THIS_MONTH = Period.parse("2026-07")


def terms(**said: Any) -> PolicyTerms:
    return PolicyTerms.model_validate(said)


def deposits(manager: str, department: str = "deposits") -> PricedStock:
    return PricedStock(DEPOSITS, manager, department, "DEM")


def worked_example(*pools: CostPoolDeclared) -> MonthFacts:
    """July of the worked example."""
    month = {
        (DEPOSITS, M1): StockMonth(96000001, 96000001, 96000001),
        (DEPOSITS, M2): StockMonth(4000000, 4000000, 4000000),
        (LOANS, L1): StockMonth(36000000, 30000000, 30000000),
        (LOANS, L2): StockMonth(24000000, 20000000, 20000000),
    }
    posted = {
        deposits("m1"): {date(2026, 7, 1): 90000000, date(2026, 7, 5): 6000001},
        deposits("m2"): {date(2026, 7, 5): 4000000},
    }
    figures = Figures(
        JULY, JULY, StockHistory({}, {JULY: month}), {}, Policies(), pools, daily=DailyStocks({}, posted)
    )
    revenue = {(L1, "TRM"): 150000, (L2, "TRM"): 100000, (("m1", "intermediary"), "AGT"): 80000}
    activity = {(M1, "DEM"): 16000, (M2, "DEM"): 4000, (L1, "TRM"): 18000, (L2, "TRM"): 12000}
    return MonthFacts(figures, revenue, {**activity, (("m1", "intermediary"), "AGT"): 10000})


# --- the worked example ---


def test_a_higher_deposit_rate_costs_the_difference_on_the_averages() -> None:
    # 960000.01 and 40000.00 × 31 / 360 at 1.8 % are 1488.00 and 62.00, at 1.5 % 1240.00 and 51.67
    assert month_differences(worked_example(), Proposal(terms(deposit_rate="1.80"))) == {
        (DEPOSIT_COST, M1): -24800,
        (DEPOSIT_COST, M2): -1033,
    }


def test_lending_out_and_borrowing_have_rates_of_their_own() -> None:
    # 640000.01 × 3 % × 31 / 360 = 1653.33; 173333.33 × 2.4 % × 31 / 360 = 358.22
    proposal = Proposal(terms(lend_out_rate="3", borrow_in_rate="2.4"))
    assert month_differences(worked_example(), proposal) == {
        (FTP_INCOME, M1): 165333 - 132267,
        (FTP_COST, L2): -35822 + 44778,
    }


def test_another_driver_spreads_a_pool_over_other_cells_and_leaves_the_other_pools() -> None:
    facts = worked_example(a_pool(JULY, 1000, Driver.REVENUE), a_pool(JULY, 777, name="it"))
    assert month_differences(facts, Proposal(drivers={"rent": Driver.ENTRIES})) == {
        # 10.00 by entries: 2.67 (of 2.666), 0.66, 3.00, 2.00, 1.67; by revenue 4.55 (of 4.545), 3.03, 2.42
        (ALLOCATED_COST, M1): -267,
        (ALLOCATED_COST, M2): -66,
        (ALLOCATED_COST, L1): -300 + 455,
        (ALLOCATED_COST, L2): -200 + 303,
        (ALLOCATED_COST, ("m1", "intermediary")): -167 + 242,
    }


def test_a_product_takes_its_stocks_its_weights_and_what_they_bring_along() -> None:
    facts = worked_example(a_pool(JULY, 1000, Driver.ENTRIES))
    moved = month_differences(facts, Proposal(products={"DEM": "retail"}))
    there = {key: amount for key, amount in moved.items() if key[1][1] == "retail"}
    assert there == {
        (DEPOSIT_COST, ("m1", "retail")): -124000,
        (DEPOSIT_COST, ("m2", "retail")): -5167,
        (FTP_INCOME, ("m1", "retail")): 132267,
        (ALLOCATED_COST, ("m1", "retail")): -267,
        (ALLOCATED_COST, ("m2", "retail")): -66,
    }
    back = {(line, (manager, "deposits")): -amount for (line, (manager, _)), amount in there.items()}
    assert moved == {**there, **back}
    result = Differences.of([moved]).shown()
    assert result["manager"] == []
    assert result["department"][1]["measures"]["virtual_profit"] == "31.00"


def test_stocks_of_a_product_in_two_departments_become_one() -> None:
    daily = DailyStocks(
        {deposits("m1"): 36000, deposits("m1", "retail"): 72000},
        {deposits("m1"): {date(2026, 7, 11): 36000}, deposits("m1", "retail"): {date(2026, 7, 11): -36000}},
    )
    added = {
        (DEPOSITS, M1): StockMonth(0, 36000, 36000),
        (DEPOSITS, ("m1", "retail")): StockMonth(0, -36000, -36000),
    }
    stocks = StockHistory({(DEPOSITS, M1): 36000, (DEPOSITS, ("m1", "retail")): 72000}, {JULY: added})
    curves = Curves.of([("cny", date(2026, 1, 1), {"1Y": Decimal("3.60")})])
    facts = MonthFacts(Figures(JULY, JULY, stocks, {}, Policies(), daily=daily, curves=curves), {}, {})
    ftp = {"DEM": {"method": "matched", "curve": "cny", "tenor": "1Y"}}
    moved = month_differences(facts, Proposal(terms(ftp=ftp), products={"DEM": "retail"}))
    # 1080.00 all month at 3.6 % is 3.35 (335 and a fraction of 0.2 fen a day); it was in the pool at 2.4 %
    assert moved[FTP_INCOME, ("m1", "retail")] + moved[FTP_INCOME, M1] == 335 - 223
    assert moved[DEPOSIT_COST, ("m1", "retail")] == -moved[DEPOSIT_COST, M1] < 0


def test_what_the_department_book_alone_has_of_a_product_moves_with_it() -> None:
    booked = [
        DepartmentProduct("deposits", "DEM", Line.DEPOSIT_BALANCE, 100, 700),
        DepartmentProduct("deposits", "DEM", Line.FEE_INCOME, 30, 30),
        DepartmentProduct("retail", "DEM", Line.FEE_INCOME, 5, 5),
    ]
    lines, stocks = department_moves(booked, {"DEM": "retail"})
    result = Differences.of([{}], (lines, stocks)).shown()
    assert result["manager"] == []
    nothing = dict.fromkeys(("net_interest_income", "virtual_profit", "efficiency"), "0.00")
    assert result["department"] == [
        {
            "centre_id": "deposits",
            "lines": {"deposit_balance": "-1.00", "fee_income": "-0.30"},
            "stocks": {"deposit_balance": "-7.00"},
            "measures": {**nothing, "virtual_profit": "-0.30", "efficiency": "-0.30"},
        },
        {
            "centre_id": "retail",
            "lines": {"deposit_balance": "1.00", "fee_income": "0.30"},
            "stocks": {"deposit_balance": "7.00"},
            "measures": {**nothing, "virtual_profit": "0.30", "efficiency": "0.30"},
        },
    ]
    assert result["total"] == {"lines": {}, "stocks": {}, "measures": nothing}


def test_a_product_that_stays_where_it_is_changes_no_centre() -> None:
    booked = [DepartmentProduct("deposits", "DEM", Line.DEPOSIT_BALANCE, 100, 700)]
    assert Differences.of([], department_moves(booked, {"DEM": "deposits"})).shown()["department"] == []


def test_a_centre_whose_stock_alone_differs_is_listed() -> None:
    result = Differences.of([], ({}, {("retail", Line.LOAN_BALANCE): 5})).shown()
    assert [one["centre_id"] for one in result["department"]] == ["retail"]


def test_books_that_would_not_change_alike_are_a_defect() -> None:
    with pytest.raises(Unbalanced, match="fee_income"):
        Differences.of([], ({("retail", Line.FEE_INCOME): 1}, {}))


# --- loans ---


def steps_of(entries: Iterable[EntryBooked]) -> list[LoanStep]:
    """The loan events among booked entries."""
    classes: dict[str, LoanClass] = {}
    steps = []
    for entry in entries:
        if entry.loan is None:
            continue
        assert entry.customer_id is not None
        assert entry.product_code is not None
        assert entry.department_id is not None
        loan = entry.loan
        steps.append(
            LoanStep(
                entry.cause_type,
                entry.business_date,
                entry.period,
                entry.customer_id,
                loan.loan_id,
                entry.product_code,
                entry.department_id,
                entry.lines,
                loan.outstanding,
                loan.held,
                loan.loan_class,
                classes.get(loan.loan_id),
            )
        )
        classes[loan.loan_id] = loan.loan_class
    return steps


def rates(**percent: str) -> PolicyTerms:
    return terms(provision_rates=percent)


TIMELINES = {"c2": Timeline((date(2026, 7, 1),), ({"m1": 6000, "m2": 4000},))}


def charged(steps: Iterable[LoanStep], proposal: Proposal, period: Period = THIS_MONTH) -> list[Charge]:
    return list(charges(steps, period, Policies(), proposal))


def changes_of(found: Iterable[Charge]) -> list[int]:
    return [one.proposed - one.booked for one in found]


def test_the_worked_example_at_40_percent_for_substandard(desk: Desk) -> None:
    for event in WORKED_EXAMPLE:
        desk.book(event)
    proposal = Proposal(rates(substandard="40"))
    found = charged(steps_of(desk.entries.values()), proposal)
    assert [(one.booked, one.proposed) for one in found] == [(-15000000, -20000000)]
    assert charge_differences(found, TIMELINES, proposal) == {
        (RISK_CHARGE, L1): -3000000,
        (RISK_CHARGE, L2): -2000000,
    }
    retail = replace(proposal, products={"TRM": "retail"})
    assert charge_differences(found, {}, retail) == {(RISK_CHARGE, ("unassigned", "retail")): -5000000}


def test_each_part_of_a_charge_is_split_as_booking_would(desk: Desk) -> None:
    step = LoanStep("LoanReclassified", date(2026, 7, 2), JULY, "c2", "l1", "TRM", "lending", {RISK_CHARGE: -1},
                    2, 1, LoanClass.SUBSTANDARD, LoanClass.NORMAL)  # fmt: skip
    # 1 fen goes to m1; of 2, m1 has 1.2 and m2 0.8
    assert charge_differences([Charge(step, -1, -2)], TIMELINES, Proposal()) == {(RISK_CHARGE, L2): -1}


LIFE: list[tuple[str, dict[str, str]]] = [
    ("LoanReclassified", {"to_class": "substandard"}),
    ("LoanReclassified", {"to_class": "substandard"}),
    ("LoanRepaid", {"principal": "0", "interest": "1.00"}),
    ("LoanRepaid", {"principal": "200.00", "interest": "0"}),
    ("LoanRecovered", {"amount": "5.00"}),
    ("LoanWrittenOff", {}),
    ("LoanRecovered", {"amount": "5.00"}),
]


def test_a_loan_is_followed_from_its_class_to_its_write_off(desk: Desk, lent: Any) -> None:
    for kind, data in LIFE:
        lent(kind, **data)
    steps = steps_of(desk.entries.values())
    found = charged(steps, Proposal(rates(substandard="40", normal="1")))
    # at the disbursement 10 are held, then 400 instead of 300, 320 instead of 240, and 80 less is lacking in the end
    assert changes_of(found) == [-1000, -9000, 2000, 8000]
    assert [one.step.kind for one in found] == [
        "LoanDisbursed",
        "LoanReclassified",
        "LoanRepaid",
        "LoanWrittenOff",
    ]


def test_a_loan_that_came_into_the_period_starts_from_what_was_booked(desk: Desk, lent: Any) -> None:
    for kind, data in LIFE:
        lent(kind, **data)
    later = steps_of(desk.entries.values())[2:]
    proposal = Proposal(rates(substandard="40"))
    # the same class again requires nothing anew; 800.00 at 40 % less the 300.00 that were held
    assert changes_of(charged(later, proposal)) == [-8000, 8000]
    assert changes_of(charged(later[4:], proposal)) == []


def test_other_months_follow_the_real_policy_and_count_elsewhere(desk: Desk, lent: Any) -> None:
    lent("LoanReclassified", "2026-07-09", to_class="substandard")
    lent("LoanReclassified", "2026-08-09", to_class="doubtful")
    lent("LoanRepaid", "2026-07-10", principal="500.00", interest="0")
    steps = steps_of(desk.entries.values())
    proposal = Proposal(rates(substandard="40", doubtful="60"))
    assert changes_of(charged(steps, proposal)) == [-10000, -5000]
    quarter = charged(steps, proposal, Period.parse("2026-Q3"))
    # held 400 instead of 300, then 600 instead of 500, then 300 instead of 250
    assert changes_of(quarter) == [-10000, 5000]


# --- what holds always ---

some_weights = st.dictionaries(
    st.tuples(cells, st.sampled_from(["DEM", "TRM"])), st.integers(0, 10**9), max_size=6
)
some_pools = st.sets(st.sampled_from(Driver)).map(
    lambda drivers: [a_pool(JULY, 10**6 + 1, driver, f"pool-{driver}") for driver in sorted(drivers)]
)


@st.composite
def some_facts(draw: st.DrawFn) -> MonthFacts:
    """A month in which each cell has one product, of which some postings are known day by day."""
    balances = draw(some_balances)
    month: dict[tuple[str, Cell], StockMonth] = {}
    posted: dict[PricedStock, Mapping[date, int]] = {}
    for (line, (manager, department)), (on_10, on_20, on_last) in balances.items():
        stock = PricedStock(line, manager, department, draw(st.sampled_from(["DEM", "TRM"])))
        month[line, (manager, department)] = StockMonth(on_10, on_20, on_last)
        days = date(2026, 7, 3), date(2026, 7, 13), date(2026, 7, 31)
        posted[stock] = dict(zip(days, (on_10, on_20 - on_10, on_last - on_20), strict=True))
    curves = Curves.of([("cny", date(2026, 1, 1), {"1Y": Decimal("3.15")})])
    weights: tuple[ProductWeights, ProductWeights] = draw(some_weights), draw(some_weights)
    figures = Figures(
        JULY,
        JULY,
        StockHistory({}, {JULY: month}),
        {},
        draw(some_policies),
        draw(some_pools),
        daily=DailyStocks({}, posted),
        curves=curves,
    )
    return MonthFacts(figures, *weights)


@given(some_facts())
def test_what_is_in_force_anyhow_makes_no_difference(facts: MonthFacts) -> None:
    policy = facts.figures.policies.in_force(JULY)
    unchanged = Proposal(
        PolicyTerms(
            deposit_rate=policy.deposit_rate,
            lend_out_rate=policy.lend_out_rate,
            borrow_in_rate=policy.borrow_in_rate,
            day_basis=policy.day_basis,
            provision_rates=dict(policy.provision_rates),
        ),
        {pool.pool: pool.driver for pool in facts.figures.pools},
    )
    assert month_differences(facts, unchanged) == {}


some_proposals = st.builds(
    Proposal,
    st.fixed_dictionaries(
        {},
        optional={
            "deposit_rate": st.decimals(0, 100, places=2).map(str),
            "borrow_in_rate": st.decimals(0, 100, places=2).map(str),
            "ftp": st.dictionaries(
                st.sampled_from(["DEM", "TRM"]), st.just({"method": "matched", "curve": "cny", "tenor": "1Y"})
            ),
        },
    ).map(PolicyTerms.model_validate),
    st.dictionaries(st.sampled_from([f"pool-{driver}" for driver in Driver]), st.sampled_from(Driver)),
    st.dictionaries(st.sampled_from(["DEM", "TRM"]), st.sampled_from(["retail", "lending", "new"])),
)


@given(some_facts(), some_proposals)
def test_both_books_change_by_the_same_on_every_line(facts: MonthFacts, proposal: Proposal) -> None:
    differences = month_differences(facts, proposal)
    found = Differences.of([differences, differences])
    assert 0 not in differences.values()
    for line in Line:
        sums = [
            sum(amount for (_, of), amount in side.items() if of is line)
            for side in (found.manager, found.department)
        ]
        assert sums[0] == sums[1]
    pools = sum(amount for (line, _), amount in differences.items() if line == ALLOCATED_COST)
    assert pools == 0


@given(
    st.lists(st.sampled_from([*LIFE[:4], ("LoanDisbursed", {"amount": "33.33"})]), max_size=8),
    st.dictionaries(st.sampled_from(LoanClass), st.decimals(0, 100, places=1).map(str)),
)
def test_a_written_off_loan_costs_the_same_at_any_rates(
    life: list[tuple[str, dict[str, str]]], proposed: dict[LoanClass, str]
) -> None:
    own = Desk(a_bank())
    events = [("LoanDisbursed", {"amount": "1000.00"}), *life, ("LoanWrittenOff", {})]
    for number, (kind, data) in enumerate(events):
        own.book(_loan_event(number, kind, data))
    steps = steps_of(own.entries.values())
    assert sum(changes_of(charged(steps, Proposal(terms(provision_rates=proposed))))) == 0
    in_force = {name.value: str(rate) for name, rate in DEFAULT.provision_rates.items()}
    assert charged(steps, Proposal(terms(provision_rates=in_force))) == []


def _loan_event(number: int, kind: str, data: Mapping[str, str]) -> dict[str, Any]:
    about = {
        "business_date": "2026-07-09",
        "customer_id": "c2",
        "loan_id": "l1",
        "product_code": "TRM",
        **data,
    }
    if "principal" in about and about["principal"] != "0":
        about["principal"] = "0.02"
    head = {
        "specversion": "1.0",
        "source": "core-banking",
        "time": "2026-07-09T09:30:00+08:00",
        "subject": "c2",
    }
    return {**head, "id": f"x{number}", "type": kind, "data": about}
