"""Who may call what: every route of every service asks for roles, and for those of the contract alone."""

from collections.abc import Iterator

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from services.appraisal.api import ROUTERS as APPRAISAL
from services.assignment.api import ROUTERS as ASSIGNMENT
from services.ledger.api import ROUTERS as LEDGER
from shared.infrastructure.auth import Gate, Role
from shared.infrastructure.http.dead_letters import router as dead_letters

SERVICES = {
    "assignment": ASSIGNMENT,
    "ledger": LEDGER,
    "appraisal": APPRAISAL,
    "every service": (dead_letters,),
}
ROUTES = [
    (service, method, route)
    for service, routers in SERVICES.items()
    for router in routers
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods
]


def gates(dependant: Dependant) -> Iterator[Gate]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Gate):
            yield inner.call
        yield from gates(inner)


def roles_of(route: APIRoute) -> set[Role]:
    """The roles that open a route, beside an admin's."""
    [gate] = gates(route.dependant)
    return set(gate._roles)


def named(service: str, method: str, route: APIRoute) -> str:
    return f"{service}: {method} {route.path}"


def test_every_route_asks_once_for_named_roles_and_an_auditor_reads_all_and_changes_nothing() -> None:
    for service, method, route in ROUTES:
        roles = roles_of(route)
        assert roles, named(service, method, route)
        assert (Role.AUDITOR in roles) == (method == "GET"), named(service, method, route)


def opened_to(role: Role) -> set[str]:
    """What a role may change."""
    return {named(*one) for one in ROUTES if one[1] != "GET" and role in roles_of(one[2])}


def test_core_banking_posts_core_events_and_works_off_what_was_refused() -> None:
    changes = opened_to(Role.CORE)
    assert "ledger: POST /v1/core-events" in changes
    assert all("core-events" in one or "dead-letters" in one for one in changes)


def test_the_ledger_is_changed_by_accountants_alone_but_for_core_events() -> None:
    for service, method, route in ROUTES:
        if service == "ledger" and method != "GET" and "core-events" not in route.path:
            assert roles_of(route) <= {Role.ACCOUNTANT, Role.APPROVER}, named(service, method, route)
            assert Role.ACCOUNTANT in roles_of(route), named(service, method, route)


@pytest.mark.parametrize("role", [Role.MANAGER, Role.DEPARTMENT_HEAD])
def test_managers_and_department_heads_change_no_books_no_policy_and_no_assignment(role: Role) -> None:
    for one in opened_to(role):
        service, _, path = one.split()
        assert service != "ledger:", one
        assert not any(word in path for word in ("policies", "schemes", "/assignment", "allocation")), one
        assert not path.startswith("/v1/cycles/") or path.endswith("/appeal"), one


def test_only_approvers_decide_on_what_others_proposed() -> None:
    deciding = [one for one in ROUTES if one[1] == "POST" and one[2].path.endswith(("/approve", "/reject"))]
    assert deciding
    for one in deciding:
        assert roles_of(one[2]) == {Role.APPROVER}, named(*one)
