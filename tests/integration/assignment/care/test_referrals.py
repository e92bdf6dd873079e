"""Referrals: from a customer's manager to a department, and what came of them."""

from datetime import timedelta

from tests.integration.assignment.care.office import WRITTEN, Office, items, refused, said_of

LIST = "/v1/referrals"


async def referred(office: Office, customer_id: str = "c1", **more: object) -> str:
    answer = await office.refer(customer_id, **more)
    assert answer.status_code == 201
    return str(answer.json()["referral_id"])


async def test_a_referral_is_made_and_won(office: Office) -> None:
    answer = await office.refer(days_ago=5)
    referral_id = answer.json()["referral_id"]
    base = {"referral_id": referral_id, "customer_id": "c1", "manager_id": "m1", "department_id": "lending"}
    made = {**base, "product_code": "TRM", "referred_on": office.day(5).isoformat()}
    assert (answer.status_code, answer.json()) == (201, {**made, "status": "open"})
    closed = await office.close(referral_id, days_ago=1)
    outcome = {"closed_on": office.day(1).isoformat(), "amount": "2500.50"}
    assert (closed.status_code, closed.json()) == (
        200,
        {**base, **outcome, "outcome": "won", "status": "won"},
    )
    texts = {"need": f"{WRITTEN}, need", "reason": f"{WRITTEN}, reason"}
    for by in (office.m1, office.head, office.bank.auditor):
        assert await items(by, LIST) == [{**made, **outcome, "status": "won", **texts}]
    assert refused(await office.close(referral_id)) == (409, "referral-is-open", "referral_id")


async def test_only_business_won_has_an_amount(office: Office) -> None:
    referral_id = await referred(office)
    assert refused(await office.close(referral_id, outcome="lost")) == (409, "amount-is-won", "amount")
    lost = await office.close(referral_id, outcome="lost", amount=None)
    assert (lost.status_code, lost.json()["status"], lost.json()["amount"]) == (200, "lost", None)


async def test_days_go_forward_and_lie_not_in_the_future(office: Office) -> None:
    tomorrow = (office.bank.today + timedelta(days=1)).isoformat()
    assert refused(await office.refer(referred_on=tomorrow)) == (409, "day-has-come", "referred_on")
    referral_id = await referred(office)
    assert refused(await office.close(referral_id, closed_on=tomorrow))[1:] == ("day-has-come", "closed_on")
    assert refused(await office.close(referral_id, days_ago=1))[1:] == ("dates-go-forward", "closed_on")


async def test_managers_refer_and_departments_or_approvers_close(office: Office) -> None:
    for by in (office.bank.assigner, office.bank.approver, office.bank.auditor, office.head):
        assert (await office.refer(by=by, manager_id="m1")).status_code == 403
    assert refused(await office.refer(by=office.bank.admin)) == (422, "", "manager_id")
    assert (await office.refer(by=office.bank.admin, manager_id="m2")).json()["manager_id"] == "m2"
    assert (await office.refer(manager_id="m2")).status_code == 403
    referral_id = await referred(office)
    for by in (office.m1, office.bank.assigner, office.bank.auditor):
        assert (await office.close(referral_id, by)).status_code == 403
    known, unknown = [await office.close(one, office.other_head) for one in (referral_id, "none")]
    assert known.status_code == 404
    assert said_of(referral_id, known) == said_of("none", unknown)
    assert (await office.close(referral_id, office.bank.approver)).status_code == 200


async def test_everybody_sees_what_is_theirs(office: Office) -> None:
    of_m1, of_m2 = await referred(office), await referred(office, "c2", by=office.m2)
    to_cards = await referred(office, department_id="cards")
    await office.close(to_cards, office.other_head, outcome="lost", amount=None)
    for by, query, expected in (
        (office.m1, {}, [of_m1, to_cards]),
        (office.m2, {}, [of_m2]),
        (office.head, {}, [of_m1, of_m2]),
        (office.head, {"department_id": "cards"}, []),
        (office.bank.assigner, {}, [of_m1, of_m2, to_cards]),
        (office.bank.assigner, {"status": "open"}, [of_m1, of_m2]),
        (office.bank.assigner, {"status": "lost", "department_id": "cards"}, [to_cards]),
        (office.bank.assigner, {"manager_id": "m2"}, [of_m2]),
        (office.m1, {"manager_id": "m2"}, []),
    ):
        assert [one["referral_id"] for one in await items(by, LIST, **query)] == expected
    assert (await office.bank.accountant.get(LIST)).status_code == 403
    page = (await office.bank.auditor.get(LIST, params={"limit": "2"})).json()
    rest = (await office.bank.auditor.get(LIST, params={"cursor": page["next"]})).json()
    assert [one["referral_id"] for one in (*page["items"], *rest["items"])] == [of_m1, of_m2, to_cards]


async def test_a_manager_sees_the_referrals_of_a_customer_taken_over(office: Office) -> None:
    referral_id = await referred(office)
    await office.bank.assign("c1", office.bank.today, m2="1")
    [found] = await items(office.m2, LIST)
    assert (found["referral_id"], found["need"]) == (referral_id, f"{WRITTEN}, need")
    [found] = await items(office.m1, LIST)
    assert (found["referral_id"], found["need"]) == (referral_id, None)


async def test_what_cannot_be_read_is_named(office: Office) -> None:
    for field, value in (("department_id", "treasury"), ("need", ""), ("product_code", "a b")):
        assert refused(await office.refer(**{field: value})) == (422, "", field)
    referral_id = await referred(office)
    for field, value in (("amount", "-1.00"), ("amount", 5), ("outcome", "drawn"), ("reason", "x" * 2001)):
        assert refused(await office.close(referral_id, **{field: value})) == (422, "", field)
