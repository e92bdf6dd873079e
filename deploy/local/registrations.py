"""Registrations: the facts of a stream that are delivered as HTTP requests to the service that owns them.

A stream of facts carries them as CloudEvents beside the core events. Names of people and companies are in
them, as the assignment service needs them; they never reach the event log (see
``shared/contracts/assignment.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal
from urllib.parse import quote

from shared.contracts.assignment import CustomerAssigned
from shared.contracts.envelope import CloudEvent
from shared.contracts.types import BusinessDate, CentreId, Contract, Id, Text, parse
from shared.kernel.errors import Malformed

Service = Literal["ledger", "assignment"]


class ProductDefined(Contract):
    """A product (产品) belongs to a department from ``effective_from`` on."""

    product_code: Id
    department_id: CentreId
    name: Text
    effective_from: BusinessDate | None = None


class ManagerRegistered(Contract):
    """A customer manager (客户经理), by name. The last two dates are those of staff taken over."""

    manager_id: CentreId
    name: Text
    branch_id: Id
    team_id: Id | None = None
    grade: Id
    hired_on: BusinessDate | None = None
    confirmed_on: BusinessDate | None = None
    confidentiality_signed_on: BusinessDate | None = None


class CustomerRegistered(Contract):
    """A customer (客户), by name."""

    customer_id: Id
    name: Text
    kind: Id
    region: Text
    industry: Text
    tier: Id
    branch_id: Id


@dataclass(frozen=True, slots=True)
class Route:
    """Where a kind of registration goes. Lower phases go first, as later ones refer to what they registered.

    ``identifier`` is the field that names the aggregate; a ``{}`` in ``path`` takes it out of the body.
    """

    phase: int
    service: Service
    method: Literal["POST", "PUT"]
    path: str
    model: type[Contract]
    identifier: str


ROUTES: Mapping[str, Route] = {
    route.model.__name__: route
    for route in (
        Route(0, "ledger", "PUT", "/v1/products/{}", ProductDefined, "product_code"),
        Route(1, "assignment", "POST", "/v1/managers", ManagerRegistered, "manager_id"),
        Route(2, "assignment", "POST", "/v1/customers", CustomerRegistered, "customer_id"),
        Route(3, "assignment", "PUT", "/v1/customers/{}/assignment", CustomerAssigned, "customer_id"),
    )
}
"""Every registration by its CloudEvents type: the class name of its model."""


@dataclass(frozen=True, slots=True)
class Registration:
    """One registration, ready to be sent. Those of the same ``aggregate`` must keep their order."""

    event_id: str
    route: Route
    aggregate: str
    path: str
    body: dict[str, object]

    @classmethod
    def of(cls, event: CloudEvent) -> "Registration":
        """Read an event of a type in ``ROUTES``; raises Malformed naming the event, field and rule."""
        route = ROUTES[event.type]
        try:
            model = parse(route.model, event.data)
        except Malformed as error:
            raise Malformed(f"event {event.id} ({event.type}): {error}") from None
        body = model.model_dump(mode="json", exclude_none=True)
        aggregate = str(body[route.identifier])
        if "{}" in route.path:
            del body[route.identifier]
        return cls(event.id, route, aggregate, route.path.format(quote(aggregate, safe="")), body)

    def event(self) -> dict[str, object]:
        """As an element of a batch of registrations: a CloudEvent."""
        data = {self.route.identifier: self.aggregate, **self.body}
        kind = self.route.model.__name__
        return {"specversion": "1.0", "id": self.event_id, "source": "dualbook", "type": kind, "data": data}


def registration(event_id: str, model: Contract, *, source: str, day: date, time: str = "") -> CloudEvent:
    """The CloudEvent of a registration that takes place on ``day``."""
    kind = type(model).__name__
    subject = str(getattr(model, ROUTES[kind].identifier))
    extensions = {"businessdate": day.isoformat()}
    return CloudEvent(event_id, kind, source, model.to_json(), time, subject, extensions)
