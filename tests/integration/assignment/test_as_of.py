"""What is asked as of a day is what was answered on that day, kind by kind; and nobody sees more by asking so."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import httpx
import pytest

from services.assignment.api import past
from shared.infrastructure import bank_time, event_store
from shared.infrastructure.auth import Role
from shared.infrastructure.bank_time import BANK_TIME
from tests.integration.assignment.bank import Bank
from tests.integration.assignment.compliance.deposits import post, posted

NEVER = "01890000-0000-7000-8000-000000000000"


class Calendar:
    """The days of a bank, the first of them tomorrow, and a clock that can be put forward."""

    def __init__(self, bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bank = bank
        self._monkeypatch = monkeypatch
        self.now = datetime.now(BANK_TIME)

    def day(self, number: int) -> date:
        return self.bank.today + timedelta(days=number)

    def at(self, number: int, hour: int) -> datetime:
        return datetime.combine(self.day(number), time(hour), BANK_TIME)

    def turn_to(self, number: int, hour: int = 9) -> None:
        """From now on it is this hour of the day."""
        moment = self.at(number, hour)

        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return moment

        self._monkeypatch.setattr(bank_time, "datetime", Clock)
        self._monkeypatch.setattr(event_store, "now", lambda: moment.astimezone(UTC))
        self.now = moment


@pytest.fixture
async def calendar(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> Calendar:
    """m1 looks after c1 and c2; m3 is there, too."""
    answers = [
        await bank.hire("m3", "赵敏"),
        await bank.welcome("c2", "天鹰"),
        await bank.assign("c1", bank.past, m1="1"),
        await bank.assign("c2", bank.past, m1="1"),
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 200, 200]
    return Calendar(bank, monkeypatch)


async def said(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


class Memory:
    """What callers were answered at the end of each day, to be asked again as of it."""

    def __init__(self, calendar: Calendar, callers: Sequence[httpx.AsyncClient]) -> None:
        self.calendar = calendar
        self.callers = callers
        self.paths: list[str] = []
        self.days: list[date] = []
        self.answers: dict[tuple[int, str, date], tuple[int, Any]] = {}

    async def keep(self, number: int) -> None:
        """The day ends."""
        self.calendar.turn_to(number, 23)
        self.days.append(self.calendar.day(number))
        for caller in range(len(self.callers)):
            for path in self.paths:
                self.answers[caller, path, self.days[-1]] = await self._ask(caller, path)

    async def check(self) -> int:
        """All that was kept is answered so again; what was not there yet is not found, or in no list. And the tables
        of today are what the events say."""
        for (caller, path, day), before in self.answers.items():
            again = await self._ask(caller, path, day)
            assert again == before, (path, day)
        for path in self.paths:
            first = min(day for _, one, day in self.answers if one == path)
            for day in self.days:
                if day < first:
                    assert (await self._ask(0, path, day))[0] == 404, (path, day)
        assert await self.calendar.bank.service.verify() is None
        return len(self.answers)

    async def _ask(self, caller: int, path: str, day: date | None = None) -> tuple[int, Any]:
        query = {} if day is None else {"as_of": day.isoformat()}
        answer = await self.callers[caller].get(path, params=dict(httpx.URL(path).params) | query)
        return answer.status_code, answer.json() if answer.is_success else None


async def test_tenders_and_the_awards_proposed_for_them_are_as_they_were(calendar: Calendar) -> None:
    bank = calendar.bank
    memory = Memory(calendar, [bank.auditor, bank.approver])
    memory.paths = ["/v1/tenders", "/v1/tenders?limit=1", "/v1/proposals", "/v1/proposals?kind=award"]
    memory.paths += [f"/v1/tenders?status={one}" for one in ("open", "closed", "awarded", "cancelled")]
    memory.paths += [f"/v1/proposals?status={one}" for one in ("open", "approved")]

    async def opened(customer_id: str, closes: datetime) -> str:
        terms = {"customer_ids": [customer_id], "baseline_profit": "100.00", "lowest_grade": "manager-3"}
        terms["closes_at"] = closes.isoformat()
        tender_id = (await said(await bank.assigner.post("/v1/tenders", json=terms)))["tender_id"]
        memory.paths.append(f"/v1/tenders/{tender_id}")
        return str(tender_id)

    async def bid(manager_id: str, profit: str) -> None:
        terms = {"committed_profit": profit, "plan": f"visits for {profit}"}
        await said(await bank.manager(manager_id).post(f"/v1/tenders/{tender_id}/bids", json=terms))

    await memory.keep(0)
    calendar.turn_to(1)
    tender_id = await opened("c1", calendar.at(4, 12))
    await memory.keep(1)
    calendar.turn_to(2)
    other_id = await opened("c2", calendar.at(9, 12))
    for manager_id in ("m2", "m3"):
        await bid(manager_id, "300.00")
    await memory.keep(2)
    calendar.turn_to(3)
    await bid("m2", "900.00")
    await said(await bank.manager("m3").delete(f"/v1/tenders/{tender_id}/bids/mine"))
    await memory.keep(3)
    await memory.keep(4)
    calendar.turn_to(5)
    proposed = await said(await bank.assigner.post(f"/v1/tenders/{tender_id}/award"))
    memory.paths.append(f"/v1/proposals/{proposed['proposal_id']}")
    await said(await bank.assigner.post(f"/v1/tenders/{other_id}/cancel", json={"reason": "no need"}))
    await memory.keep(5)
    calendar.turn_to(6)
    await said(await bank.approver.post(f"/v1/proposals/{proposed['proposal_id']}/approve"))
    await memory.keep(6)
    calendar.turn_to(20)
    assert await memory.check() > 100


async def test_hand_overs_are_as_they_were_with_all_that_was_under_way(calendar: Calendar) -> None:
    bank = calendar.bank
    memory = Memory(calendar, [bank.auditor, bank.approver])
    memory.paths = ["/v1/hand-overs", "/v1/hand-overs?manager_id=m1", "/v1/hand-overs?manager_id=m3"]
    memory.paths += [f"/v1/hand-overs?status={one}" for one in ("planned", "completed", "cancelled")]

    async def planned(customer_id: str) -> str:
        item = {"customer_id": customer_id, "successor_id": "m2", "tail": [{"share": "0.3", "months": 3}]}
        terms = {"manager_id": "m1", "ground": "transfer", "items": [item]}
        terms["effective_from"] = calendar.day(8).isoformat()
        hand_over_id = (await said(await bank.assigner.post("/v1/hand-overs", json=terms)))["hand_over_id"]
        memory.paths.append(f"/v1/hand-overs/{hand_over_id}")
        return str(hand_over_id)

    calendar.turn_to(1)
    hand_over_id, other_id = await planned("c1"), await planned("c2")
    body: dict[str, Any] = {
        "received_on": calendar.day(1).isoformat(),
        "channel": "phone",
        "text": "too dear",
    }
    complaint = await said(await bank.assigner.post("/v1/customers/c1/complaints", json=body))
    await post(bank, posted("c1", calendar.day(1), "60000.00"))
    await memory.keep(1)
    calendar.turn_to(2)
    assigned = f"/v1/complaints/{complaint['complaint_id']}/assign"
    await said(await bank.assigner.post(assigned, json={"manager_id": "m1"}))
    body = {"department_id": "lending", "need": "a loan", "referred_on": calendar.day(2).isoformat()}
    referral = await said(await bank.manager("m1").post("/v1/customers/c1/referrals", json=body))
    await said(await bank.manager("m2").post(f"/v1/hand-overs/{hand_over_id}/acknowledge"))
    await memory.keep(2)
    calendar.turn_to(3)
    await said(await bank.manager("m1").post(f"/v1/hand-overs/{hand_over_id}/acknowledge"))
    duty = f"/v1/duties/large-value:c1:{calendar.day(1)}/done"
    await said(await bank.approver.post(duty, json={"done_on": calendar.day(3).isoformat()}))
    body = {"visited_on": calendar.day(3).isoformat(), "kind": "visit", "note": "all well"}
    body["revisit_on"] = calendar.day(4).isoformat()
    await said(await bank.manager("m1").post("/v1/customers/c1/visits", json=body))
    await memory.keep(3)
    calendar.turn_to(4)
    head = bank.service.client(Role.DEPARTMENT_HEAD, subject="dora", department="lending")
    body = {"outcome": "lost", "closed_on": calendar.day(4).isoformat(), "reason": "too dear"}
    await said(await head.post(f"/v1/referrals/{referral['referral_id']}/outcome", json=body))
    await memory.keep(4)
    calendar.turn_to(5)
    proposed = await said(await bank.assigner.post(f"/v1/hand-overs/{hand_over_id}/submit"))
    await said(await bank.assigner.post(f"/v1/hand-overs/{other_id}/cancel", json={"reason": "no need"}))
    tier = await said(
        await bank.assigner.post("/v1/customers/c1/tier", json={"tier": "basic", "reason": "x"})
    )
    await memory.keep(5)
    calendar.turn_to(6)
    await said(await bank.approver.post(f"/v1/proposals/{tier['proposal_id']}/approve"))
    await memory.keep(6)
    calendar.turn_to(7)
    await said(await bank.approver.post(f"/v1/proposals/{proposed['proposal_id']}/approve"))
    await memory.keep(7)
    calendar.turn_to(20)
    assert await memory.check() > 90

    async def under_way(manager_id: str) -> list[str]:
        query = {"as_of": calendar.day(1).isoformat()}
        shown = await said(await bank.manager(manager_id).get(f"/v1/hand-overs/{other_id}", params=query))
        return [one["kind"] for one in shown["open_items"]]

    assert (await under_way("m1"), await under_way("m2")) == (["visit"], [])


async def test_what_is_recorded_of_customers_is_as_it_was(calendar: Calendar) -> None:
    bank = calendar.bank
    memory = Memory(calendar, [bank.auditor, bank.approver])
    memory.paths = ["/v1/complaints", "/v1/complaints?manager_id=m1", "/v1/complaints?customer_id=c1"]
    memory.paths += [f"/v1/complaints?overdue={one}" for one in ("true", "false")]
    memory.paths += [f"/v1/complaints?status={one}" for one in ("received", "assigned", "answered")]
    memory.paths += ["/v1/referrals", "/v1/referrals?status=open", "/v1/referrals?status=won"]
    memory.paths += ["/v1/feedback", "/v1/feedback?status=open", "/v1/feedback?department_id=cards"]
    memory.paths += ["/v1/suspicions", "/v1/suspicions?status=open", "/v1/suspicions?status=reported"]
    memory.paths += [f"/v1/customers/c1/{one}" for one in ("visits", "surveys", "reviews")]
    m1 = bank.manager("m1")
    head = bank.service.client(Role.DEPARTMENT_HEAD, subject="dora", department="lending")

    def on(number: int, **more: Any) -> dict[str, Any]:
        """A body whose one field that is None is this day."""
        return {name: value or calendar.day(number).isoformat() for name, value in more.items()}

    await memory.keep(0)
    calendar.turn_to(1)
    body = on(1, received_on=None, channel="phone", text="too dear")
    complaint = await said(await bank.assigner.post("/v1/customers/c1/complaints", json=body))
    path = f"/v1/complaints/{complaint['complaint_id']}"
    body = on(1, referred_on=None, department_id="lending", need="a loan")
    referral = await said(await m1.post("/v1/customers/c1/referrals", json=body))
    body = {"department_id": "lending", "subject": "rates", "text": "too high"}
    feedback = [await said(await m1.post("/v1/feedback", json=body))]
    feedback.append(await said(await m1.post("/v1/feedback", json={**body, "customer_id": "c1"})))
    suspicion = await said(
        await m1.post("/v1/customers/c1/suspicions", json=on(1, observed_on=None, text="bags of cash"))
    )
    memory.paths += [path, f"/v1/suspicions/{suspicion['suspicion_id']}"]
    await memory.keep(1)
    calendar.turn_to(2)
    await said(await bank.assigner.post(f"{path}/assign", json={"manager_id": "m1"}))
    await said(
        await m1.post("/v1/customers/c1/visits", json=on(2, visited_on=None, kind="visit", note="all well"))
    )
    await memory.keep(2)
    due = date.fromisoformat(complaint["due_on"])
    late = (due - bank.today).days + 1
    await memory.keep(late)
    calendar.turn_to(late + 1)
    await said(await m1.post(f"{path}/answer", json=on(late + 1, answered_on=None, text="we are sorry")))
    body = on(late + 1, closed_on=None, outcome="won", amount="2500.50", reason="it fits")
    await said(await head.post(f"/v1/referrals/{referral['referral_id']}/outcome", json=body))
    body = on(late + 1, surveyed_on=None, score=4, comment="content")
    await said(await bank.assigner.post("/v1/customers/c1/surveys", json=body))
    await memory.keep(late + 1)
    calendar.turn_to(late + 2)
    await said(
        await bank.approver.post(
            f"{path}/confirm", json={"satisfied": False, **on(late + 2, confirmed_on=None)}
        )
    )
    for one in feedback:
        await said(await head.post(f"/v1/feedback/{one['feedback_id']}/answer", json={"text": "we see"}))
    body = on(late + 2, reviewed_on=None, risk_rating="low", note="known for long")
    await said(await m1.post("/v1/customers/c1/reviews", json=body))
    await memory.keep(late + 2)
    calendar.turn_to(late + 3)
    body = {"decision": "reported", "reference": "AML-7", "reason": "clear"}
    await said(await bank.approver.post(f"/v1/suspicions/{suspicion['suspicion_id']}/decide", json=body))
    await said(await bank.assigner.post(f"{path}/assign", json={"manager_id": "m2"}))
    await said(
        await bank.manager("m2").post(
            f"{path}/answer", json=on(late + 3, answered_on=None, text="sorry again")
        )
    )
    await memory.keep(late + 3)
    calendar.turn_to(late + 4)
    await said(
        await bank.approver.post(
            f"{path}/confirm", json={"satisfied": True, **on(late + 4, confirmed_on=None)}
        )
    )
    await memory.keep(late + 4)
    calendar.turn_to(late + 9)
    assert await memory.check() > 200


async def test_duties_are_as_they_were_and_those_answer_for_them_who_did(calendar: Calendar) -> None:
    bank = calendar.bank
    memory = Memory(calendar, [bank.auditor, bank.approver])
    memory.paths = [
        "/v1/duties",
        "/v1/duties?limit=1",
        "/v1/duties?manager_id=m1",
        "/v1/duties?manager_id=m2",
    ]
    memory.paths += [f"/v1/duties?status={one}" for one in ("open", "done", "breached")]
    memory.paths += ["/v1/duties?kind=customer-review", "/v1/duties?customer_id=c2"]
    await memory.keep(0)
    calendar.turn_to(1)
    await post(bank, posted("c1", calendar.day(1), "60000.00"), posted("c2", calendar.day(1), "60000.00"))
    duties = {one: f"/v1/duties/large-value:{one}:{calendar.day(1)}" for one in ("c1", "c2")}
    memory.paths += duties.values()
    await memory.keep(1)
    calendar.turn_to(2)
    assert (await bank.assign("c1", calendar.day(2), m2="1")).status_code == 200
    await memory.keep(2)
    calendar.turn_to(3)
    body = {"done_on": calendar.day(3).isoformat(), "note": "sent"}
    await said(await bank.manager("m2").post(f"{duties['c1']}/done", json=body))
    await memory.keep(3)
    due = date.fromisoformat((await said(await bank.auditor.get(duties["c2"])))["due_on"])
    late = (due - bank.today).days + 1
    calendar.turn_to(late)
    await said(await bank.approver.post("/v1/duties/look", json={}))
    await memory.keep(late)
    calendar.turn_to(late + 1)
    await said(
        await bank.approver.post(f"{duties['c2']}/done", json={"done_on": calendar.day(late + 1).isoformat()})
    )
    await memory.keep(late + 1)
    assert await memory.check() > 100

    async def status(number: int) -> str:
        query = {"as_of": calendar.day(number).isoformat()}
        return str((await said(await bank.auditor.get(duties["c2"], params=query)))["status"])

    assert [await status(number) for number in (late - 2, late - 1, late)] == ["open", "breached", "breached"]


async def test_rules_policies_and_allocations_are_as_they_were_set(calendar: Calendar) -> None:
    bank = calendar.bank
    memory = Memory(calendar, [bank.auditor])
    memory.paths = ["/v1/policies", "/v1/allocation-rules", "/v1/allocation-rules?limit=1", "/v1/allocations"]
    await memory.keep(0)
    for number, manager_id in ((1, "m1"), (2, "m2")):
        calendar.turn_to(number)
        rules = {"rules": [{"name": "all", "pool": {"managers": [manager_id]}}]}
        await said(await bank.approver.put(f"/v1/allocation-rules/{calendar.day(2)}", json=rules))
        terms = {"grades": {"manager-2": {"capacity": f"{number}00"}}}
        await said(await bank.approver.put(f"/v1/policies/{calendar.day(9)}", json=terms))
        await memory.keep(number)
    calendar.turn_to(3)
    asked = {"effective_from": calendar.day(3).isoformat(), "scope": {"branch_id": "b1"}}
    preview = await said(await bank.assigner.post("/v1/allocations/preview", json=asked))
    applied = await said(await bank.assigner.post("/v1/allocations", json=asked))
    memory.paths.append(f"/v1/allocations/{applied['allocation_id']}")
    await memory.keep(3)
    calendar.turn_to(9)
    assert await memory.check() > 15
    query = {"as_of": calendar.day(3).isoformat()}
    for name in (
        preview["allocation_id"],
        "rules",
    ):  # never applied; the stream of the rules is no allocation
        gone = await bank.auditor.get(f"/v1/allocations/{name}", params=query)
        assert gone.status_code == 404


async def test_what_was_recorded_late_counts_from_its_business_date_on(calendar: Calendar) -> None:
    bank = calendar.bank
    calendar.turn_to(9)

    async def recorded(path: str, **body: Any) -> dict[str, Any]:
        return await said(await bank.approver.post(f"/v1/{path}", json=body))

    complaint = await recorded(
        "customers/c1/complaints", received_on=calendar.day(2).isoformat(), channel="phone", text="too dear"
    )
    path = f"complaints/{complaint['complaint_id']}"
    await recorded(f"{path}/assign", manager_id="m1")
    await said(
        await bank.manager("m1").post(
            f"/v1/{path}/answer", json={"text": "sorry", "answered_on": calendar.day(4).isoformat()}
        )
    )
    visit = {"visited_on": calendar.day(3).isoformat(), "kind": "visit", "note": "x", "manager_id": "m1"}
    await recorded("customers/c1/visits", **visit)

    async def as_of(number: int) -> tuple[int, str | None, int]:
        query = {"as_of": calendar.day(number).isoformat()}
        one = await bank.auditor.get(f"/v1/{path}", params=query)
        visits = await said(await bank.auditor.get("/v1/customers/c1/visits", params=query))
        return one.status_code, one.json().get("answer"), len(visits["items"])

    assert [await as_of(number) for number in (1, 2, 3, 4)] == [
        (404, None, 0),
        (200, None, 0),
        (200, None, 1),
        (200, "sorry", 1),
    ]


async def test_bids_stay_sealed_whatever_day_is_asked_about(calendar: Calendar) -> None:
    bank = calendar.bank
    calendar.turn_to(1)
    terms = {"customer_ids": ["c1"], "baseline_profit": "1.00", "lowest_grade": "manager-3"}
    terms["closes_at"] = calendar.at(4, 12).isoformat()
    opened = await said(await bank.assigner.post("/v1/tenders", json=terms))
    path = f"/v1/tenders/{opened['tender_id']}"

    async def offers(number: int) -> tuple[str, Any, Any]:
        query = {"as_of": calendar.day(number).isoformat()}
        own = await said(await bank.manager("m2").get(path, params=query))
        assert "offers" not in own
        shown = await said(await bank.auditor.get(path, params=query))
        mine = own["mine"] and own["mine"]["committed_profit"]
        return shown["status"], shown["offers"] and len(shown["offers"]), mine

    for number, profit in ((1, "500.00"), (2, "700.00")):
        calendar.turn_to(number)
        for manager_id in ("m2", "m3"):
            body = {"committed_profit": profit, "plan": "visits"}
            await said(await bank.manager(manager_id).post(f"{path}/bids", json=body))
    assert [await offers(number) for number in (1, 2, 30)] == [
        ("open", None, "500.00"),
        ("open", None, "700.00"),
        ("open", None, "700.00"),
    ]
    calendar.turn_to(4, 11)
    assert await offers(4) == ("open", None, "700.00")
    calendar.turn_to(4, 13)
    assert await offers(3) == ("open", None, "700.00")
    assert await offers(4) == ("closed", 2, "700.00")
    gone = await bank.manager("m1").get(path, params={"as_of": calendar.day(2).isoformat()})
    assert gone.status_code == (await bank.manager("m1").get(path)).status_code == 404


async def test_a_manager_sees_no_more_of_a_day_gone_by_than_of_today(calendar: Calendar) -> None:
    bank = calendar.bank
    calendar.turn_to(1)
    body = {"received_on": calendar.day(1).isoformat(), "channel": "phone", "text": "too dear"}
    complaint = await said(await bank.assigner.post("/v1/customers/c1/complaints", json=body))
    path = f"/v1/complaints/{complaint['complaint_id']}"
    await said(await bank.assigner.post(f"{path}/assign", json={"manager_id": "m1"}))
    calendar.turn_to(3)
    await said(await bank.assigner.post(f"{path}/assign", json={"manager_id": "m3"}))
    assert (await bank.assign("c1", calendar.day(3), m2="1")).status_code == 200
    query = {"as_of": calendar.day(1).isoformat()}

    async def seen(manager_id: str) -> tuple[int, list[tuple[str, str]]]:
        caller = bank.manager(manager_id)
        listed = await said(await caller.get("/v1/complaints", params=query))
        one = await caller.get(path, params=query)
        return one.status_code, [(item["manager_id"], item["text"]) for item in listed["items"]]

    assert await seen("m1") == (404, [])
    assert await seen("m2") == (200, [("m1", "too dear")])
    assert await seen("m3") == (200, [("m1", "too dear")])


KINDS = (
    *("tenders", "hand-overs", "proposals", "complaints", "referrals", "feedback", "suspicions", "duties"),
    *("allocations", "allocation-rules", "policies"),
    *(f"customers/c1/{one}" for one in ("visits", "surveys", "reviews")),
)


async def test_a_day_that_is_none_is_refused_by_name(bank: Bank) -> None:
    for kind in KINDS:
        for wrong in ("yesterday", "1899-12-31", "2026-02-30"):
            answer = await bank.auditor.get(f"/v1/{kind}", params={"as_of": wrong})
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "as_of"), kind
    for kind in ("tenders", "hand-overs", "proposals", "complaints", "suspicions", "duties", "allocations"):
        answer = await bank.auditor.get(f"/v1/{kind}/{NEVER}", params={"as_of": "2026-11-01"})
        assert answer.status_code == 404, kind


async def test_a_page_looks_at_no_more_than_so_much_and_the_next_goes_on(
    calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = calendar.bank
    monkeypatch.setattr(past, "LOOKED_AT", 2)
    monkeypatch.setattr(past, "MOST_LOOKED_AT", 4)
    calendar.turn_to(1)
    subjects = [str(number) for number in range(11)]
    for subject in subjects:
        calendar.turn_to(1 if subject in {"0", "9"} else 3)
        body = {"department_id": "lending", "subject": subject, "text": "rates"}
        await said(await bank.manager("m1").post("/v1/feedback", json=body))
    query = {"as_of": calendar.day(2).isoformat(), "limit": "1"}
    pages = [await said(await bank.auditor.get("/v1/feedback", params=query))]
    while pages[-1]["next"] is not None:
        cursor = pages[-1]["next"]
        pages.append(await said(await bank.auditor.get("/v1/feedback", params={**query, "cursor": cursor})))
    assert [[item["subject"] for item in page["items"]] for page in pages] == [["0"], [], [], ["9"], []]
