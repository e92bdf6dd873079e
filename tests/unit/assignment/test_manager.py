"""A manager comes on record once, under a name that no event says."""

from datetime import date

import pytest

from services.assignment.domain import manager as managers
from services.assignment.domain.grade import Grade
from services.assignment.domain.manager import DECIDER, ManagerRegistered, RegisterManager
from shared.contracts import assignment as contract
from shared.kernel.errors import Refusal

COMMAND = RegisterManager(
    contract.ManagerRegistered(
        manager_id="m1",
        branch_id="b1",
        grade=Grade.SENIOR_2,
        hired_on=date(2020, 3, 1),
        business_date=date(2026, 1, 15),
    ),
    "王小明",
)
SEALED = {COMMAND: "v1.c2VhbGVk"}


def test_a_new_manager_is_registered_with_the_name_sealed() -> None:
    [fact] = managers.decide(COMMAND, False, SEALED)
    assert fact == ManagerRegistered(**COMMAND.particulars.model_dump(), sealed="v1.c2VhbGVk")
    assert (DECIDER.stream(COMMAND), fact.stream) == ("manager-m1", "manager-m1")


def test_a_second_registration_of_an_id_is_refused_even_of_one_whose_name_was_erased() -> None:
    [fact] = managers.decide(COMMAND, False, SEALED)
    registered = managers.evolve(False, fact)
    with pytest.raises(Refusal) as refused:
        managers.decide(COMMAND, registered, {})
    assert (refused.value.rule, refused.value.field) == ("manager-is-new", "manager_id")


def test_the_name_is_in_no_event_and_in_no_text_of_the_command() -> None:
    [fact] = managers.decide(COMMAND, False, SEALED)
    assert COMMAND.name not in fact.to_json().decode()
    assert COMMAND.name not in repr(COMMAND)


def test_the_grades_are_in_order_from_trainee_to_principal() -> None:
    assert [grade.value for grade in Grade] == [
        "trainee", "assistant", "manager-4", "manager-3", "manager-2", "manager-1", "senior-2", "senior-1",
        "principal",
    ]  # fmt: skip
