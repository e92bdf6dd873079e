"""Why this amount? Every leg of the worked example explained through HTTP, down to the place in the log."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.contracts import core_banking
from shared.contracts.envelope import from_mapping, from_message
from shared.kernel.money import parse_money
from tests.integration.ledger.bank import Bank, opened
from tests.support.reference import WORKED_EXAMPLE, core_event


@pytest.fixture(scope="module")
async def told(postgres_url: str) -> AsyncIterator[Bank]:
    """July of the worked example with a cost pool, closed; then c2 given to m2 from the 10th on, and August closed."""
    async with opened(postgres_url) as bank:
        await bank.book(*WORKED_EXAMPLE)
        await bank.declare("2026-07", "it", "1000.00", "entries")
        await bank.close("2026-07")
        await bank.assign("c2", {"m2": "1"}, "2026-07-10")
        await bank.service.caught_up()
        await bank.close("2026-08")
        yield bank


async def leg_of(bank: Bank, centre: str, line: str, entry: str, book: str = "manager", **more: str) -> Any:
    """The one leg of a centre in an entry on a line."""
    path = f"/v1/books/{book}/centres/{centre}/legs"
    items = (await bank.get(path, period="2026", line=line))["items"]
    [leg] = [one for one in items if one["entry_id"] == entry and more.items() <= one.items()]
    return leg


async def why(bank: Bank, centre: str, line: str, entry: str, book: str = "manager", **more: str) -> Any:
    """The explanation of that leg, as an auditor reads it."""
    leg = await leg_of(bank, centre, line, entry, book, **more)
    return await bank.get(leg["links"]["explain"])


async def all_legs(bank: Bank) -> list[str]:
    rows = await bank.service.rows("SELECT shard, position, number FROM leg ORDER BY 1, 2, 3")
    return ["-".join(map(str, row)) for row in rows]


async def test_every_leg_of_every_entry_is_explained_and_its_figures_add_up(told: Bank) -> None:
    legs = await all_legs(told)
    assert len(legs) > 80
    for leg_id in legs:
        explained = await told.get(f"/v1/legs/{leg_id}/explain")
        assert explained["leg"]["leg_id"] == leg_id
        amounts = [parse_money(term["amount"]) for term in explained["terms"]]
        assert sum(amounts) == parse_money(explained["leg"]["amount"]), explained
        assert explained["sentences"]
        assert explained["cause"]["position"]
        for split in explained["splits"]:
            assert sum(parse_money(part["amount"]) for part in split["parts"]) == parse_money(split["amount"])


# --- by hand ---


async def test_a_shared_deposit_says_who_got_the_odd_fen(told: Bank) -> None:
    explained = await why(told, "m1", "deposit_balance", "e2")
    assert explained["leg"]["amount"] == "60000.01"
    position = explained["assignment"]["position"]
    assert explained["assignment"] == {
        "event_id": "assigned-1", "effective_from": "2026-07-01", "position": position,
    }  # fmt: skip
    assert position.startswith("assignment.events/")
    assert explained["sentences"] == [
        "Customer c2 paid in 100000.01 on account a2 (product DEM) on 2026-07-05.",
        (
            "On 2026-07-05 customer c2 was looked after by m1 (0.6) and m2 (0.4), from 2026-07-01 on, "
            f"says message assigned-1 ({position})."
        ),
        "Line deposit_balance: the part of m1 is 0.6 of 100000.01, exactly 60000.006.",
        "Rounded down, the parts leave fen over; the fraction of m1 is one of the largest and gets one: 60000.01.",
    ]


async def test_what_was_known_on_booking_is_told_whatever_was_said_later(told: Bank) -> None:
    explained = await why(told, "m1", "interest_income", "e4")
    assert explained["assignment"]["event_id"] == "assigned-1"
    assert explained["shares"] == [
        {"manager_id": "m1", "share": "0.6"},
        {"manager_id": "m2", "share": "0.4"},
    ]


async def test_a_risk_charge_says_balance_class_rate_and_what_was_held(told: Bank) -> None:
    explained = await why(told, "m1", "risk_charge", "e6")
    assert explained["leg"]["amount"] == "-90000.00"
    assert explained["sentences"][0] == (
        "After this event of 2026-07-25 loan l1 is substandard with 500000.00 outstanding. 30 % of that is "
        "150000.00, so 150000.00 is required (policy default); 0.00 was held before: 0.00 - 150000.00 = -150000.00."
    )
    assert (
        explained["sentences"][2]
        == "Line risk_charge: the part of m1 is 0.6 of -150000.00, exactly -90000.00."
    )
    assert explained["policy"] == {"version": "default", "rates": {"provision_rate": "30"}}


async def test_a_policy_set_later_does_not_change_what_is_told(own_bank: Bank) -> None:
    await own_bank.book(*WORKED_EXAMPLE)
    rates = {"provision_rates": {"substandard": "45"}}
    answer = await own_bank.accountant.put("/v1/policies/2026-07", json=rates)
    assert answer.status_code == 200
    first = await why(own_bank, "lending", "risk_charge", "e6", "department")
    assert first["policy"]["rates"] == {"provision_rate": "30"}
    later = {
        "customer_id": "c2",
        "loan_id": "l1",
        "product_code": "TRM",
        "principal": "1.00",
        "interest": "0",
    }
    await own_bank.book(core_event("later", "LoanRepaid", "2026-07-28", **later))
    second = await why(own_bank, "lending", "risk_charge", "later", "department")
    assert second["policy"] == {"version": "2026-07", "rates": {"provision_rate": "45"}}
    assert second["figures"]["held_before"] == "150000.00"


async def test_ftp_income_says_average_rate_and_days(told: Bank) -> None:
    explained = await why(told, "m1", "ftp_income", "close-2026-07~m1")
    assert explained["leg"]["amount"] == "1322.67"
    assert explained["sentences"] == [
        (
            "On ten-day average (of the 10th, the 20th and the last day) m1 had deposits of 960000.01 and loans of "
            "320000.00 in 2026-07: 640000.01 was lent out inside the bank."
        ),
        "640000.01 × 2.40 % × 31 / 360 = 1322.666687…, rounded 1322.67.",
    ]
    assert explained["policy"] == {
        "version": "default",
        "rates": {"lend_out_rate": "2.40", "day_basis": "360"},
    }
    assert (explained["cause"]["id"], explained["cause"]["actor"]) == ("close-2026-07", "anna")


async def test_a_late_reassignment_says_what_was_held_before_and_by_the_new_word(told: Bank) -> None:
    explained = await why(told, "m1", "interest_income", "assigned-2~entry")
    assert explained["leg"]["amount"] == "-1500.00"
    assert [rule["name"] for rule in explained["rules"]] == ["re-split", "first-open-month"]
    assert explained["sentences"] == [
        "Message assigned-2 says that from 2026-07-10 on customer c2 is looked after by m2 (1).",
        "Of 2500.00 posted to interest_income of account l1 on 2026-07-15, m1 had 1500.00 and now has 0.00.",
        (
            "In this place (line, business date, account, product and department) m1 held 1500.00 before this entry "
            "and holds 0.00 by it: the difference, -1500.00, changes hands."
        ),
        (
            "Booked late: 2026-07-15 lies in 2026-07, which was closed already, so this stands in 2026-08, the first "
            "month that was open, and adjusts 2026-07."
        ),
    ]
    assert explained["cause"]["position"] == explained["assignment"]["position"]


async def test_a_stock_handed_over_says_what_was_held_the_day_before(told: Bank) -> None:
    explained = await why(told, "m1", "loan_balance", "assigned-2~entry", business_date="2026-07-10")
    assert explained["leg"]["amount"] == "-360000.00"
    assert [rule["name"] for rule in explained["rules"]] == ["stock-handed-over", "first-open-month"]
    assert explained["sentences"][1] == (
        "On 2026-07-10, an effective date, account l1 changes hands with a loan_balance of 600000.00: "
        "m1 held 360000.00 of it the day before and holds 0.00 from then on."
    )


async def test_a_true_up_says_what_was_computed_before_and_computes_now(told: Bank) -> None:
    explained = await why(told, "m1", "ftp_income", "close-2026-08~m1~2026-07")
    assert explained["leg"]["amount"] == "537.33"
    assert explained["sentences"][1:3] == [
        "900000.00 × 2.40 % × 31 / 360 = 1860.00, rounded 1860.00.",
        (
            "With all that is known now, 2026-07 computes to 1860.00 for m1 in deposits; earlier closes had computed "
            "1322.67: the difference is 537.33."
        ),
    ]
    assert explained["sentences"][3].startswith("Booked late: 2026-07-31 lies in 2026-07")


async def test_a_cost_pool_says_its_driver_and_the_weights(told: Bank) -> None:
    explained = await why(told, "m1", "allocated_cost", "close-2026-07~m1", department_id="deposits")
    assert explained["sentences"] == [
        "Cost pool it of 1000.00 is spread by entries: core events of the month, a shared customer's by the shares.",
        "Cost pool it: the part of m1 in deposits is 1.6/6 of -1000.00, exactly -266.666666….",
        (
            "Rounded down, the parts leave fen over; the fraction of m1 in deposits is one of the largest and gets "
            "one: -266.67."
        ),
    ]
    others = await why(told, "m2", "allocated_cost", "close-2026-07~m2", department_id="deposits")
    assert others["sentences"][2] == "It is rounded down to -66.66; the odd fen goes to larger fractions."


async def test_a_product_on_a_curve_says_its_curve_and_rates(own_bank: Bank) -> None:
    points = {"effective_from": "2026-01-01", "rates": {"1Y": "2.60"}}
    assert (await own_bank.accountant.put("/v1/ftp-curves/cny", json=points)).status_code == 200
    method = {"ftp": {"TRM": {"method": "matched", "curve": "cny", "tenor": "1Y"}}}
    assert (await own_bank.accountant.put("/v1/policies/2026-07", json=method)).status_code == 200
    await own_bank.book(*WORKED_EXAMPLE)
    await own_bank.close("2026-07")
    explained = await why(own_bank, "m1", "ftp_cost", "close-2026-07~m1")
    assert explained["terms"] == [{"what": "product TRM on its curve", "amount": explained["leg"]["amount"]}]
    assert explained["sentences"][-1].startswith(
        "Product TRM in lending is priced on curve cny 1Y (2.60 % from 2026-07-08 on). Its balances"
    )


async def test_an_entry_says_why_of_each_of_its_lines(told: Bank) -> None:
    entry = await told.get("/v1/entries/e4")
    assert [(one["line"], one["sentences"]) for one in entry["explanation"]["lines"]] == [
        ("loan_balance", ["Customer c2 paid back 100000.00 of the principal of loan l1 (product TRM) on 2026-07-15."]),
        ("interest_income", ["Customer c2 paid 2500.00 interest on loan l1 (product TRM) on 2026-07-15."]),
    ]  # fmt: skip
    assert entry["explanation"]["assignment"]["event_id"] == "assigned-1"
    pooled = await told.get("/v1/entries/close-2026-07~m1")
    assert pooled["explanation"]["lines"][-1]["line"] == "allocated_cost"
    assert "one of the largest" in " ".join(pooled["explanation"]["lines"][-1]["sentences"])


async def test_from_a_statement_one_walks_to_the_place_in_the_log(own_bank: Bank) -> None:
    service = own_bank.service
    await service.publish(core_banking.TOPIC, from_mapping(WORKED_EXAMPLE[1]))
    await service.caught_up()
    stated = await own_bank.statement("manager", "m1", "2026-07")
    assert stated["lines"]["deposit_balance"] == "60000.01"
    leg = await leg_of(own_bank, "m1", "deposit_balance", "e2")
    explained = await own_bank.get(leg["links"]["explain"])
    answer = await service.client("auditor", subject="otto").get(explained["links"]["statement"])
    assert answer.json() == stated
    entry = await own_bank.get(explained["links"]["entry"])
    assert leg in entry["legs"]
    event = await own_bank.get(explained["links"]["core_event"])
    assert event["cause"] == entry["cause"]["position"] == explained["cause"]["position"]
    records = {
        f"{one.topic}/{one.partition}/{one.offset}": one
        for one in await service.published(core_banking.TOPIC)
    }
    message = records[event["cause"]]
    assert from_message(message.headers, message.value).id == explained["cause"]["id"] == "e2"


# --- whose it is to know ---


def manager(bank: Bank, manager_id: str) -> Any:
    return bank.service.client("manager", subject=manager_id)


def head(bank: Bank, department: str) -> Any:
    return bank.service.client("department-head", subject="dora", department=department)


async def test_a_manager_reads_why_of_own_legs_and_of_no_others(told: Bank) -> None:
    for leg_id in await all_legs(told):
        leg = (await told.get(f"/v1/legs/{leg_id}/explain"))["leg"]
        answer = await manager(told, "m2").get(f"/v1/legs/{leg_id}/explain")
        own = (leg["book"], leg["centre_id"]) == ("manager", "m2")
        assert answer.status_code == (200 if own else 404)
        assert not own or '"m1"' not in answer.text
        assert not own or "m1 " not in answer.text


async def test_a_manager_does_not_learn_the_part_of_another(told: Bank) -> None:
    leg = await leg_of(told, "m2", "deposit_balance", "e2")
    explained = (await manager(told, "m2").get(leg["links"]["explain"])).json()
    other, own = explained["splits"][0]["parts"]
    assert (own["centre_id"], own["exact"], own["amount"]) == ("m2", "40000.004", "40000.00")
    assert other == {**dict.fromkeys(other), "centre_id": "another manager"}
    assert "core_event" not in explained["links"]
    entry = await manager(told, "m2").get(explained["links"]["entry"])
    assert entry.status_code == 200


async def test_who_gives_up_a_customer_reads_the_entry_that_takes_it(told: Bank) -> None:
    entry = (await manager(told, "m1").get("/v1/entries/assigned-2~entry")).json()
    assert {leg["centre_id"] for leg in entry["legs"]} == {"m1"}
    assert entry["cause"]["data"]["shares"] == [{"manager_id": "another manager"}]


async def test_a_department_head_reads_why_of_the_own_department(told: Bank) -> None:
    leg = await leg_of(told, "lending", "ftp_cost", "close-2026-07~m2", "department")
    explained = (await head(told, "lending").get(leg["links"]["explain"])).json()
    assert "another manager had loans of 213333.33" in explained["sentences"][0]
    entry = (await head(told, "lending").get(explained["links"]["entry"])).json()
    assert set(entry["lines"]) == {"ftp_cost", "allocated_cost"}
    assert {leg["centre_id"] for leg in entry["legs"]} == {"lending"}
    refused = await head(told, "intermediary").get(leg["links"]["explain"])
    assert refused.status_code == 404


async def test_anothers_leg_is_unknown_in_the_words_of_one_that_is_not_there(told: Bank) -> None:
    leg_id = (await leg_of(told, "m1", "fee_income", "e5"))["leg_id"]
    there, nowhere = [
        await manager(told, "m2").get(f"/v1/legs/{one}/explain") for one in (leg_id, "7-999999-1")
    ]
    assert (there.status_code, nowhere.status_code) == (404, 404)
    assert there.json()["detail"].replace(leg_id, "?") == nowhere.json()["detail"].replace("7-999999-1", "?")


async def test_a_contra_centre_is_nobodys_own(told: Bank) -> None:
    leg = await leg_of(told, "external", "fee_income", "e5")
    for caller in (manager(told, "external"), head(told, "external")):
        assert (await caller.get(leg["links"]["explain"])).status_code == 404


@pytest.mark.parametrize(
    ("role", "status"),
    [("accountant", 200), ("approver", 200), ("auditor", 200), ("admin", 200), ("core", 403), ("assigner", 403)],
)  # fmt: skip
async def test_a_role_reads_explanations_if_it_reads_the_books(told: Bank, role: str, status: int) -> None:
    leg = await leg_of(told, "m1", "fee_income", "e5")
    assert (await told.service.client(role).get(leg["links"]["explain"])).status_code == status


async def test_without_a_token_nothing_is_explained(told: Bank) -> None:
    assert (await told.service.client().get("/v1/legs/0-1-1/explain")).status_code == 401


@pytest.mark.parametrize(
    "leg_id", ["x", "0-1", "0-1-1-1", "00-1-1", "0-0-1", "0-1-0", "-1-1-1", "99999-1-1", "٠-1-1"]
)
async def test_what_is_no_leg_id_is_malformed(told: Bank, leg_id: str) -> None:
    answer = await told.service.admin.get(f"/v1/legs/{leg_id}/explain")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "leg_id")


@pytest.mark.parametrize("leg_id", ["9999-1-1", f"0-{10**17}-1", "0-1-999999999"])
async def test_a_leg_that_is_not_there_is_unknown(told: Bank, leg_id: str) -> None:
    answer = await told.service.admin.get(f"/v1/legs/{leg_id}/explain")
    assert (answer.status_code, answer.json()["detail"]) == (404, f"there is no leg {leg_id}")
