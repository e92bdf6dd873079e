"""What-if: the worked example under other policies, and that a bank that really had them says the same."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from services.ledger.main import define
from services.ledger.views import simulation
from tests.integration.ledger.bank import Bank, opened
from tests.support.reference import WORKED_EXAMPLE, core_event
from tests.support.services import running_service

PATH = "/v1/simulations"


@pytest.fixture(scope="module")
async def closed(postgres_url: str) -> AsyncIterator[Bank]:
    """The bank of the worked example with a cost pool, July closed."""
    async with opened(postgres_url) as bank:
        await bank.book(*WORKED_EXAMPLE)
        await bank.declare("2026-07", "it", "1000.00", "revenue")
        await bank.close("2026-07")
        yield bank


async def outlasting(bank: Bank, link: str, status: str = "running") -> dict[str, Any]:
    """The simulation as soon as its status is another one."""
    deadline = time.monotonic() + 30
    while True:
        found: dict[str, Any] = await bank.get(link)
        if found["status"] != status:
            return found
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)


async def simulated(bank: Bank, period: str, **proposal: Any) -> dict[str, Any]:
    """The simulation when it has come to its end."""
    answer = await bank.accountant.post(PATH, json={"period": period, **proposal})
    assert answer.status_code == 202, answer.text
    link = answer.headers["Location"]
    assert answer.json() == {
        "simulation_id": link.rsplit("/", 1)[1],
        "status": "running",
        "links": {"self": link},
    }
    return await outlasting(bank, link)


async def result_of(bank: Bank, period: str, **proposal: Any) -> dict[str, Any]:
    """What a simulation that went well found."""
    found = await simulated(bank, period, **proposal)
    assert (found["status"], found["error"]) == ("done", None), found
    result: dict[str, Any] = found["result"]
    return result


def lines_of(result: Mapping[str, Any], book: str) -> dict[str, dict[str, str]]:
    return {one["centre_id"]: one["lines"] for one in result[book]}


# --- the worked example ---


async def test_a_dearer_deposit_costs_every_manager_and_the_department_by_a_fifth(closed: Bank) -> None:
    found = await simulated(closed, "2026-07", policy={"deposit_rate": "1.80"})
    # 960000.01 × 0.3 % × 31 / 360 = 248.00; 40000.00 at 1.8 %: 62.00 − 51.67
    assert found["result"] == {
        "manager": [centre("m1", "-248.00"), centre("m2", "-10.33")],
        "department": [centre("deposits", "-258.33")],
        "total": {key: value for key, value in centre("", "-258.33").items() if key != "centre_id"},
    }
    assert (found["period"], found["asked_by"]) == ("2026-07", "anna")
    assert found["proposal"] == {"policy": {"deposit_rate": "1.80"}}
    assert found["progress"] == {"done": 2, "of": 2, "doing": ""}


def centre(centre_id: str, cost: str) -> dict[str, Any]:
    """A centre whose deposits cost more, and which has no other difference."""
    measures = dict.fromkeys(("net_interest_income", "virtual_profit", "efficiency"), cost)
    return {"centre_id": centre_id, "lines": {"deposit_cost": cost}, "stocks": {}, "measures": measures}


async def test_a_simulation_asked_for_again_under_its_key_is_the_same_one(closed: Bank) -> None:
    body, key = {"period": "2026-07", "policy": {"deposit_rate": "1.80"}}, {"Idempotency-Key": "once"}
    first = await closed.accountant.post(PATH, json=body, headers=key)
    again = await closed.accountant.post(PATH, json=body, headers=key)
    assert (first.status_code, again.status_code, again.json()) == (202, 202, first.json())
    assert again.headers["location"] == first.headers["location"]
    other = await closed.accountant.post(PATH, json={**body, "policy": {"day_basis": 365}}, headers=key)
    assert (other.status_code, other.json()["rule"]) == (409, "idempotency-key-names-one-request")
    await outlasting(closed, first.headers["location"])


async def test_a_higher_provision_rate_charges_by_the_shares(closed: Bank) -> None:
    result = await result_of(closed, "2026-07", policy={"provision_rates": {"substandard": "40"}})
    assert lines_of(result, "manager") == {
        "m1": {"risk_charge": "-30000.00"},
        "m2": {"risk_charge": "-20000.00"},
    }
    assert lines_of(result, "department") == {"lending": {"risk_charge": "-50000.00"}}
    assert result["total"]["measures"]["virtual_profit"] == "-50000.00"


async def test_another_driver_spreads_the_pool_anew(closed: Bank) -> None:
    result = await result_of(closed, "2026-07", drivers={"it": "balances"})
    # by revenue m1 −696.97 and m2 −303.03, by balances −834.78 and −165.22
    assert lines_of(result, "manager") == {
        "m1": {"allocated_cost": "-137.81"},
        "m2": {"allocated_cost": "137.81"},
    }
    assert result["total"]["lines"] == {}
    entries = await result_of(closed, "2026-07", drivers={"it": "entries"})
    assert lines_of(entries, "manager")["m1"] == {"allocated_cost": "-36.37"}


async def test_a_product_takes_its_result_and_its_stock_to_another_department(closed: Bank) -> None:
    result = await result_of(closed, "2026-07", products={"DEM": "retail"})
    assert result["manager"] == []
    retail = {"deposit_balance": "1000000.01", "deposit_cost": "-1291.67", "ftp_income": "1322.67"}
    assert lines_of(result, "department")["retail"] == retail
    by_centre = {one["centre_id"]: one for one in result["department"]}
    assert by_centre["retail"]["measures"]["virtual_profit"] == "31.00"
    assert by_centre["deposits"]["measures"]["virtual_profit"] == "-31.00"
    assert by_centre["retail"]["stocks"] == {"deposit_balance": "1000000.01"}
    assert by_centre["deposits"]["stocks"] == {"deposit_balance": "-1000000.01"}
    assert result["total"]["stocks"] == {}


async def test_what_is_in_force_anyhow_makes_no_difference(closed: Bank) -> None:
    rates = {"normal": "0", "special_mention": "0", "substandard": "30", "doubtful": "50", "loss": "100"}
    result = await result_of(
        closed, "2026-07", drivers={"it": "revenue"}, products={"DEM": "deposits", "TRM": "lending"},
        policy={"deposit_rate": "1.5", "day_basis": 360, "provision_rates": rates, "ftp": {"DEM": {"method": "pool"}}},
    )  # fmt: skip
    nothing = dict.fromkeys(("net_interest_income", "virtual_profit", "efficiency"), "0.00")
    assert result == {
        "manager": [],
        "department": [],
        "total": {"lines": {}, "stocks": {}, "measures": nothing},
    }


async def test_the_books_do_not_move(closed: Bank) -> None:
    service = closed.service
    before = await service.digests(), await service.rows("SELECT * FROM shard ORDER BY shard")
    await result_of(
        closed,
        "2026-07",
        policy={"deposit_rate": "9.99", "provision_rates": {"normal": "5"}},
        drivers={"it": "entries"},
        products={"TRM": "retail", "AGT": "retail"},
    )
    assert (await service.digests(), await service.rows("SELECT * FROM shard ORDER BY shard")) == before
    assert await service.verify() is None


# --- a bank that really had it ---

LATE = [
    core_event("q1", "DepositPosted", "2026-08-12", customer_id="c2",
               account_id="a2", product_code="DEM", amount="-70000.33"),
    core_event("q2", "LoanDisbursed", "2026-08-14", customer_id="c1",
               loan_id="l2", product_code="TRM", amount="77777.77"),
    core_event("q3", "LoanReclassified", "2026-08-20", customer_id="c1",
               loan_id="l2", product_code="TRM", to_class="doubtful"),
    core_event("q4", "LoanReclassified", "2026-08-21", customer_id="c1",
               loan_id="l2", product_code="TRM", to_class="doubtful"),
    core_event("q5", "LoanRepaid", "2026-08-25", customer_id="c2",
               loan_id="l1", product_code="TRM", principal="0", interest="10.01"),
    core_event("q6", "LoanRepaid", "2026-09-02", customer_id="c2",
               loan_id="l1", product_code="TRM", principal="33333.33", interest="1.00"),
    core_event("q7", "LoanWrittenOff", "2026-09-05", customer_id="c1", loan_id="l2", product_code="TRM"),
    core_event("q8", "LoanRecovered", "2026-09-07", customer_id="c1",
               loan_id="l2", product_code="TRM", amount="5.55"),
    core_event("q9", "CostIncurred", "2026-09-07", manager_id="m2", product_code="DEM", amount="12.34"),
]  # fmt: skip
"""What comes after July, on both of the products."""
BELATED = core_event("q0", "DepositPosted", "2026-07-12", customer_id="c2",
                     account_id="a2", product_code="DEM", amount="3000.00")  # fmt: skip
PROPOSALS: dict[str, dict[str, Any]] = {
    "rates": {"policy": {"deposit_rate": "1.83", "lend_out_rate": "2.11", "borrow_in_rate": "3.5", "day_basis": 365}},
    "provisions": {"policy": {"provision_rates": {"normal": "1.5", "substandard": "41.7", "doubtful": "66.6"}}},
    "curve": {"policy": {"ftp": {"DEM": {"method": "matched", "curve": "cny", "tenor": "1Y"}}}},
    "drivers": {"drivers": {"it": "entries", "rent": "revenue"}},
    "products": {"products": {"DEM": "retail", "TRM": "retail"}},
    "everything": {
        "policy": {
            "deposit_rate": "1.83",
            "provision_rates": {"substandard": "41.7", "doubtful": "20"},
            "ftp": {"TRM": {"method": "matched", "curve": "cny", "tenor": "1Y"}},
        },
        "drivers": {"it": "balances"},
        "products": {"DEM": "retail", "TRM": "retail"},
    },
}  # fmt: skip


@asynccontextmanager
async def third_quarter(postgres_url: str, belated: bool, proposal: Mapping[str, Any]) -> AsyncIterator[Bank]:
    """A bank that has had a proposal from the start, closed from July to September. With ``belated`` facts it has no
    cost pools: the books never spread a pool again, whatever comes late."""
    async with opened(postgres_url) as bank:
        for day, rate in (("2026-01-01", "2.60"), ("2026-08-16", "2.40")):
            points = {"effective_from": day, "rates": {"1Y": rate}}
            assert (await bank.accountant.put("/v1/ftp-curves/cny", json=points)).status_code == 200
        if "policy" in proposal:
            answer = await bank.accountant.put("/v1/policies/2026-07", json=proposal["policy"])
            assert answer.status_code == 200, answer.text
        for product, department in proposal.get("products", {}).items():
            await bank.define(product, department, effective_from="1900-01-01")
        drivers = {"it": "revenue", "rent": "balances", **proposal.get("drivers", {})}
        for month in ("2026-07", "2026-08", "2026-09"):
            for pool, driver in drivers.items() if not belated else ():
                await bank.declare(month, pool, "1000.01", driver)
        await bank.book(*WORKED_EXAMPLE)
        await bank.close("2026-07")
        await bank.book(*([BELATED] if belated else []), *LATE)
        await bank.close("2026-08")
        if belated:
            await bank.assign("c2", {"m2": "0.5", "m3": "0.5"}, "2026-07-10")
            await bank.service.caught_up()
        await bank.close("2026-09")
        yield bank


Figures = dict[tuple[str, str, str, str], Decimal]


async def stated(bank: Bank, period: str) -> Figures:
    """Every figure of both books."""
    return {
        (book, one["centre_id"], kind, name): Decimal(figure)
        for book in ("manager", "department")
        for one in (await bank.get(f"/v1/books/{book}/statements", period=period))["items"]
        for kind in ("lines", "stocks", "measures")
        for name, figure in one[kind].items()
    }


def without_zeros(figures: Figures) -> Figures:
    return {key: figure for key, figure in figures.items() if figure}


@pytest.fixture(scope="module")
async def as_it_was(postgres_url: str) -> AsyncIterator[dict[bool, Bank]]:
    """The quarter under the policy in force, with all facts in time and with some belated."""
    async with (
        third_quarter(postgres_url, False, {}) as timely,
        third_quarter(postgres_url, True, {}) as late,
    ):
        yield {False: timely, True: late}


CASES = [
    (name, belated)
    for belated in (False, True)
    for name, proposal in PROPOSALS.items()
    if not (belated and "drivers" in proposal)
]


@pytest.mark.parametrize(("name", "belated"), CASES)
async def test_a_bank_that_really_had_it_differs_by_just_what_was_simulated(
    as_it_was: dict[bool, Bank], postgres_url: str, name: str, belated: bool
) -> None:
    proposal, bank = PROPOSALS[name], as_it_was[belated]
    async with third_quarter(postgres_url, belated, proposal) as twin:
        for period in ("2026-Q3",) if belated else ("2026-07", "2026-Q3"):
            result = await result_of(bank, period, **proposal)
            expected = {
                (book, one["centre_id"], kind, line): Decimal(figure)
                for book in ("manager", "department")
                for one in result[book]
                for kind in ("lines", "stocks", "measures")
                for line, figure in one[kind].items()
            }
            before, after = await stated(bank, period), await stated(twin, period)
            really = {
                key: after.get(key, Decimal(0)) - before.get(key, Decimal(0)) for key in {*before, *after}
            }
            assert without_zeros(expected) == without_zeros(really)
            assert expected


async def test_what_comes_between_two_events_of_a_month_is_followed(
    own_bank: Bank, postgres_url: str
) -> None:
    """A loan's event of August is booked between two of July: in July it is the real policy's."""
    loan = {"customer_id": "c1", "loan_id": "l9", "product_code": "TRM"}
    events = [
        core_event("b1", "LoanDisbursed", "2026-07-02", **loan, amount="1000.00"),
        core_event("b2", "LoanReclassified", "2026-07-03", **loan, to_class="substandard"),
        core_event("b3", "LoanReclassified", "2026-08-03", **loan, to_class="doubtful"),
        core_event("b4", "LoanRepaid", "2026-07-09", **loan, principal="500.00", interest="0"),
    ]
    await own_bank.book(*events)
    await own_bank.close("2026-07")
    rates = {"substandard": "40", "doubtful": "60"}
    result = await result_of(own_bank, "2026-07", policy={"provision_rates": rates})
    # held: 400 by b2, and by b3, which is August's, 500 on either side; b4 requires 300 instead of 250
    assert lines_of(result, "manager") == {"m1": {"risk_charge": "-150.00"}}


# --- asking ---


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("period", {"period": "2026-H2"}),
        ("period", {"period": "2026"}),
        ("period", {"period": "July"}),
        ("period", {}),
        ("drivers.it", {"period": "2026-07", "drivers": {"it": "mood"}}),
        ("driver", {"period": "2026-07", "driver": {"it": "entries"}}),
        ("products.DEM", {"period": "2026-07", "products": {"DEM": "external"}}),
        ("policy.deposit_rate", {"period": "2026-07", "policy": {"deposit_rate": "101"}}),
        ("products", {"period": "2026-07", "products": {f"p{n}": "retail" for n in range(1001)}}),
    ],
)
async def test_what_cannot_be_read_is_named(closed: Bank, field: str, body: dict[str, Any]) -> None:
    answer = await closed.accountant.post(PATH, json={"policy": {"deposit_rate": "1"}, **body})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text


@pytest.mark.parametrize("nothing", [{}, {"policy": {}}, {"policy": None, "drivers": {}, "products": {}}])
async def test_nothing_proposed_is_malformed(closed: Bank, nothing: dict[str, Any]) -> None:
    answer = await closed.accountant.post(PATH, json={"period": "2026-07", **nothing})
    assert (answer.status_code, "at least one" in answer.json()["detail"]) == (422, True), answer.text


async def test_too_many_priced_products_are_malformed(closed: Bank) -> None:
    ftp = {f"p{n}": {"method": "pool"} for n in range(1001)}
    answer = await closed.accountant.post(PATH, json={"period": "2026-07", "policy": {"ftp": ftp}})
    assert (answer.status_code, "policy.ftp" in answer.json()["detail"]) == (422, True), answer.text


@pytest.mark.parametrize(
    ("rule", "field", "body"),
    [
        ("simulated-period-is-closed", "period", {"period": "2026-08"}),
        ("simulated-period-is-closed", "period", {"period": "2026-Q3"}),
        ("simulated-pool-is-declared", "drivers.rent", {"drivers": {"rent": "entries"}}),
        ("product-is-in-catalogue", "products.XYZ", {"products": {"XYZ": "retail"}}),
        ("curve-has-rate", "ftp",
         {"policy": {"ftp": {"DEM": {"method": "matched", "curve": "none", "tenor": "1Y"}}}}),
    ],
)  # fmt: skip
async def test_what_nobody_knows_is_refused(
    closed: Bank, rule: str, field: str, body: dict[str, Any]
) -> None:
    wanted = {"period": "2026-07", "policy": {"deposit_rate": "1"}, **body}
    answer = await closed.accountant.post(PATH, json=wanted)
    assert answer.status_code == 409, answer.text
    assert (answer.json()["rule"], answer.json()["errors"][0]["field"]) == (rule, field)


async def test_accountants_and_approvers_ask_and_auditors_read(closed: Bank) -> None:
    body = {"period": "2026-07", "policy": {"deposit_rate": "1"}}
    for role in ("core", "assigner", "manager", "department-head", "auditor"):
        assert (await closed.service.client(role).post(PATH, json=body)).status_code == 403, role
    for role in ("core", "assigner", "manager", "department-head"):
        assert (await closed.service.client(role).get(PATH)).status_code == 403, role
        assert (await closed.service.client(role).get(f"{PATH}/x")).status_code == 403, role
    assert (await closed.service.client().get(PATH)).status_code == 401
    unknown = await closed.service.client("auditor").get(f"{PATH}/x")
    assert unknown.status_code == 404
    for role in ("approver", "admin"):
        answer = await closed.service.client(role).post(PATH, json=body)
        assert answer.status_code == 202, answer.text
        await outlasting(closed, answer.headers["Location"])


async def test_simulations_are_listed_newest_first_and_by_pages(closed: Bank) -> None:
    ids = [
        (await simulated(closed, "2026-07", policy={"deposit_rate": rate}))["simulation_id"]
        for rate in ("1.10", "1.20", "1.30")
    ]
    first = await closed.get(PATH, limit=2)
    assert [one["simulation_id"] for one in first["items"]] == ids[:0:-1]
    second = await closed.get(PATH, limit=2, cursor=first["next"])
    assert second["items"][0]["simulation_id"] == ids[0]
    assert "result" not in first["items"][0]
    assert first["items"][0]["links"]["self"] == f"{PATH}/{ids[-1]}"


# --- ends that are not good ---


class Hold:
    """Keeps a simulation from going on with its first month."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.go = asyncio.Event(), asyncio.Event()
        facts = simulation.month_facts

        async def held(*arguments: Any) -> Any:
            self.reached.set()
            await self.go.wait()
            return await facts(*arguments)

        monkeypatch.setattr(simulation, "month_facts", held)


BODY = {"period": "2026-07", "policy": {"deposit_rate": "1.80"}}


async def test_one_simulation_at_a_time(closed: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = Hold(monkeypatch)
    answers = await asyncio.gather(*(closed.accountant.post(PATH, json=BODY) for _ in range(2)))
    assert sorted(one.status_code for one in answers) == [202, 409]
    [first] = [one for one in answers if one.status_code == 202]
    [second] = [one for one in answers if one.status_code == 409]
    assert second.json()["rule"] == "one-simulation-at-a-time"
    await hold.reached.wait()
    found = await closed.get(first.headers["Location"])
    assert found["status"] == "running"
    assert found["progress"] == {"done": 0, "of": 2, "doing": "reading 2026-07"}
    hold.go.set()
    assert (await outlasting(closed, first.headers["Location"]))["status"] == "done"
    assert (await simulated(closed, **BODY))["status"] == "done"


async def test_a_heart_beats_while_a_step_takes_long_and_its_silence_is_an_interruption(
    closed: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = Hold(monkeypatch)
    monkeypatch.setattr(simulation, "BEAT_SECONDS", 0.01)
    link = (await closed.accountant.post(PATH, json=BODY)).headers["Location"]
    await hold.reached.wait()
    stale = "UPDATE simulation SET updated_at = now() - interval '61 seconds' WHERE status = 'running'"
    await closed.service.execute(stale)
    assert (await outlasting(closed, link, "interrupted"))["status"] == "running"
    hold.go.set()
    assert (await outlasting(closed, link))["status"] == "done"
    await closed.service.execute(
        "INSERT INTO simulation VALUES ('0', 'anna', now(), '2026-07', '{}', 'running', 0, 2, 'x', NULL, NULL, "
        "now() - interval '61 seconds')"
    )
    assert (await closed.get(f"{PATH}/0"))["status"] == "interrupted"
    assert (await closed.get(PATH))["items"][-1]["status"] == "interrupted"
    await closed.service.execute("DELETE FROM simulation WHERE simulation_id = '0'")


async def test_a_service_that_stops_leaves_word_of_what_it_interrupts(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(postgres_url) as bank:
        await bank.book(*WORKED_EXAMPLE)
        await bank.close("2026-07")
        names = {"database": bank.service.database.url.database, "log_database": bank.service.log_database}
        with monkeypatch.context() as patched:
            hold = Hold(patched)
            link = (await bank.accountant.post(PATH, json=BODY)).headers["Location"]
            await hold.reached.wait()
    async with running_service(define, postgres_url, **names) as again:
        bank = Bank(again)
        found = await bank.get(link)
        assert (found["status"], found["result"]) == ("interrupted", None)
        assert found["error"] == {"detail": "the process that computed it was stopped"}
        assert (await simulated(bank, **BODY))["status"] == "done"


async def test_a_curve_that_lacks_a_tenor_later_on_fails_with_the_rule(as_it_was: dict[bool, Bank]) -> None:
    bank = as_it_was[False]
    for day, rates in (("2026-01-01", {"1M": "1"}), ("2026-08-10", {"1Y": "1"})):
        points = {"effective_from": day, "rates": rates}
        assert (await bank.accountant.put("/v1/ftp-curves/gap", json=points)).status_code == 200
    matched = {"TRM": {"method": "matched", "curve": "gap", "tenor": "1M"}}
    found = await simulated(bank, "2026-Q3", policy={"ftp": matched})
    assert (found["status"], found["result"]) == ("failed", None)
    assert (found["error"]["rule"], found["error"]["field"]) == ("curve-has-rate", "ftp")
    assert found["progress"]["doing"] == "computing 2026-08"


async def test_what_nobody_foresaw_fails_without_a_word_of_our_insides(
    closed: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(simulation, "month_differences", broken)
    found = await simulated(closed, **BODY)
    assert found["status"] == "failed"
    assert "inside" not in found["error"]["detail"]
