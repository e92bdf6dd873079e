"""Market feedback: to the department that it concerns, and back."""

from tests.integration.assignment.care.office import WRITTEN, Office, items, refused, said_of

LIST = "/v1/feedback"


async def given(office: Office, **more: object) -> str:
    answer = await office.feedback(**more)
    assert answer.status_code == 201
    return str(answer.json()["feedback_id"])


async def test_feedback_is_given_and_answered(office: Office) -> None:
    answer = await office.feedback(customer_id="c1")
    feedback_id = answer.json()["feedback_id"]
    base = {"feedback_id": feedback_id, "department_id": "lending", "customer_id": "c1", "given_by": "m1"}
    assert (answer.status_code, answer.json()) == (201, {**base, "status": "open"})
    reply = await office.reply(feedback_id)
    assert (reply.status_code, reply.json()) == (
        200,
        {
            "feedback_id": feedback_id,
            "department_id": "lending",
            "answered_by": "dora",
            "status": "answered",
        },
    )
    shown = {
        **base,
        "given_on": office.bank.today.isoformat(),
        "status": "answered",
        "subject": f"{WRITTEN}, subject",
        "text": f"{WRITTEN}, feedback",
        "answered_by": "dora",
        "answered_on": office.bank.today.isoformat(),
        "answer": f"{WRITTEN}, reply",
    }
    for by in (office.m1, office.head, office.bank.auditor):
        assert await items(by, LIST) == [shown]
    assert refused(await office.reply(feedback_id)) == (409, "feedback-is-open", "feedback_id")


async def test_everybody_sees_what_is_theirs(office: Office) -> None:
    of_m1, of_m2 = await given(office), await given(office, by=office.m2, customer_id="c2")
    to_cards = await given(office, by=office.bank.assigner, department_id="cards")

    for by, expected in (
        (office.m1, [of_m1]),
        (office.m2, [of_m2]),
        (office.head, [of_m1, of_m2]),
        (office.other_head, [to_cards]),
        (office.bank.assigner, [of_m1, of_m2, to_cards]),
    ):
        assert [one["feedback_id"] for one in await items(by, LIST)] == expected
    assert await items(office.head, LIST, department_id="cards") == []
    [found] = await items(office.bank.auditor, LIST, department_id="cards", status="open")
    assert found["feedback_id"] == to_cards
    assert await items(office.bank.auditor, LIST, status="answered") == []
    assert (await office.bank.accountant.get(LIST)).status_code == 403


async def test_what_is_said_of_a_customer_is_not_for_the_office_and_the_rest_is(office: Office) -> None:
    await given(office, customer_id="c1")
    await given(office)
    named, plain = await items(office.bank.assigner, LIST)
    assert (named["subject"], named["text"]) == (None, None)
    assert (plain["subject"], plain["text"]) == (f"{WRITTEN}, subject", f"{WRITTEN}, feedback")


async def test_only_the_departments_head_or_an_admin_answers(office: Office) -> None:
    feedback_id = await given(office)
    for by in (office.m1, office.bank.approver, office.bank.auditor):
        assert (await office.reply(feedback_id, by)).status_code == 403
    known, unknown = [await office.reply(one, office.other_head) for one in (feedback_id, "none")]
    assert known.status_code == 404
    assert said_of(feedback_id, known) == said_of("none", unknown)
    assert (await office.reply(feedback_id, office.bank.admin)).status_code == 200


async def test_feedback_comes_in_pages(office: Office) -> None:
    made = [await given(office) for _ in range(3)]
    page = (await office.m1.get(LIST, params={"limit": "2"})).json()
    rest = (await office.m1.get(LIST, params={"cursor": page["next"]})).json()
    assert [one["feedback_id"] for one in (*page["items"], *rest["items"])] == made


async def test_what_cannot_be_read_or_is_not_theirs_is_refused(office: Office) -> None:
    for field, value in (
        ("department_id", "external"),
        ("subject", "two\nlines"),
        ("subject", "x" * 201),
        ("text", "x" * 2001),
        ("customer_id", "no blanks"),
    ):
        assert refused(await office.feedback(**{field: value})) == (422, "", field)
    for by in (office.head, office.bank.auditor):
        assert (await office.feedback(by)).status_code == 403
