"""For hand-overs: what is under way with some customers, and complaints that change hands with them."""

from datetime import timedelta

from services.assignment.domain.care.complaint import DECIDER, AssignComplaint
from services.assignment.domain.month import months_later
from services.assignment.views.care.open_item import ItemKind, OpenItem, open_items
from shared.infrastructure.command_handler import Accepted, Submission
from shared.kernel.event import Origin
from tests.integration.assignment.care.office import Office


async def test_open_complaints_and_referrals_and_due_visits_are_answered_for_the_customers_named(
    office: Office,
) -> None:
    waiting = await office.complaint(days_ago=3)
    to_m2 = await office.complaint(days_ago=3, manager_id="m2")
    answered = await office.complaint(days_ago=3, manager_id="m1")
    await office.answer(answered)
    referral = (await office.refer()).json()["referral_id"]
    closed = (await office.refer()).json()["referral_id"]
    await office.close(closed)
    promise = await office.visit(kind="call", days_ago=9, revisit_on=office.day(8).isoformat())
    await office.complaint("c2")
    day = office.bank.today + timedelta(days=400)
    due_on = (await office.bank.auditor.get(f"/v1/complaints/{waiting}")).json()["due_on"]
    async with office.service.database.snapshot() as connection:
        found = await open_items(connection, ["c1", "c3", "c9"], day)
        nothing = await open_items(connection, [], day)
    shown = [
        (one.kind, one.item_id, one.customer_id, one.manager_id, one.due_on and one.due_on.isoformat())
        for one in found
    ]
    assert shown == [
        (ItemKind.COMPLAINT, waiting, "c1", None, due_on),
        (ItemKind.COMPLAINT, to_m2, "c1", "m2", due_on),
        (ItemKind.REFERRAL, referral, "c1", "m1", None),
        (ItemKind.REVISIT, promise.json()["visit_id"], "c1", "m1", office.day(8).isoformat()),
        (ItemKind.VISIT, "c1", "c1", "m1", months_later(office.bank.past, 3).isoformat()),
    ]
    assert nothing == []


async def test_complaints_go_to_another_manager_in_one_transaction(office: Office) -> None:
    made = [await office.complaint(manager_id="m1") for _ in range(3)]
    submissions = [
        Submission(
            DECIDER,
            AssignComplaint(complaint_id=one, customer_id="c1", today=office.bank.today, manager_id="m2"),
            Origin("bob", "hand-over/h1"),
        )
        for one in made
    ]
    async with office.service.database.begin() as connection:
        outcomes = await office.service.service.handler.work(connection, submissions)
    assert all(isinstance(one, Accepted) for one in outcomes)
    async with office.service.database.snapshot() as connection:
        found = await open_items(connection, ["c1"], office.bank.today)
    complaints = [one for one in found if one.kind is ItemKind.COMPLAINT]
    assert [(one.item_id, one.manager_id) for one in complaints] == [(one, "m2") for one in made]
    assert all(isinstance(one, OpenItem) for one in found)
