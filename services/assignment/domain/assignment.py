"""Who may look after whom (归属规则): on record, at work, sworn, of a grade that may, and not beyond capacity."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

from services.assignment.domain.load import Loads, Looked, first_excess
from services.assignment.domain.policy import Policies
from services.assignment.domain.standing import Career
from services.assignment.domain.timeline import Timeline
from shared.contracts.assignment import CustomerAssigned
from shared.kernel.errors import Refusal


@dataclass(frozen=True, slots=True)
class Staff:
    """The managers who are named, their loads, and the policies: what an assignment is judged by."""

    careers: Mapping[str, Career] = field(default_factory=dict)
    policies: Policies = field(default_factory=Policies)
    loads: Loads = field(default_factory=Loads)

    def with_customer(self, customer_id: str, looked: Looked) -> "Staff":
        """With what is now known of a customer."""
        return replace(self, loads=self.loads.with_customer(customer_id, looked))


def check_assignment(
    assigned: CustomerAssigned,
    timeline: Timeline[CustomerAssigned],
    tier: str,
    staff: Staff,
    today: date,
) -> None:
    """Raises Refusal naming the first share that may not be: ``timeline`` is the customer's before the change."""
    change = _Change(assigned, timeline, tier, staff, today)
    for index, share in enumerate(assigned.shares):
        path = f"shares.{index}.manager_id"
        change.check_presence(share.manager_id, path)
        if share.share > change.before.get(share.manager_id, Decimal(0)):
            change.check_fitness(share.manager_id, path)
        change.check_capacity(share.manager_id, path)
    change.check_lead()


def lead_of(shares: Mapping[str, Decimal]) -> str | None:
    """Who answers for a customer: the largest share (ties: the smaller id); None where nobody looks after it."""
    return min(shares, key=lambda manager_id: (-shares[manager_id], manager_id), default=None)


class _Change:
    """One assignment, and what was before it."""

    def __init__(
        self,
        assigned: CustomerAssigned,
        timeline: Timeline[CustomerAssigned],
        tier: str,
        staff: Staff,
        today: date,
    ) -> None:
        self._assigned = assigned
        self._tier = tier
        self._staff = staff
        self._day = assigned.effective_from
        self._policy = staff.policies.in_force(self._day)
        after = timeline.with_entry(assigned)
        self._end = after.end_of(assigned)
        self._felt_from = max(self._day, today)
        weight = staff.policies.in_force(self._felt_from).tier(tier).weight
        self._loads_before = staff.with_customer(assigned.customer_id, Looked(weight, timeline)).loads
        self._loads_after = staff.with_customer(assigned.customer_id, Looked(weight, after)).loads
        self.before = _shares_before(timeline, self._day)

    def check_presence(self, manager_id: str, path: str) -> None:
        """On record, and with the bank for as long as the assignment says."""
        career = self._staff.careers.get(manager_id)
        if career is None:
            raise Refusal("manager-is-known", path, f"there is no manager {manager_id}")
        departed_on = career.departed_on
        if departed_on is not None and (self._end is None or self._end > departed_on):
            raise Refusal("manager-is-there", path, f"{manager_id} leaves the bank on {departed_on}")

    def check_fitness(self, manager_id: str, path: str) -> None:
        """Whoever takes on more than before must be at work, sworn, and of a grade that holds customers."""
        standing = self._staff.careers[manager_id].on(self._day)
        if standing is None:
            detail = f"{manager_id} is not with the bank yet on {self._day}"
            raise Refusal("manager-is-there", path, detail)
        objection = standing.objection(self._policy)
        if objection is not None:
            rule, why = objection
            raise Refusal(rule, path, f"{manager_id} {why} on {self._day}")

    def check_capacity(self, manager_id: str, path: str) -> None:
        """No day from today on may see the load above the grade's capacity, unless it was so without this."""
        if self._end is not None and self._end <= self._felt_from:
            return  # days gone by weigh on nobody
        standing = self._staff.careers[manager_id].on(self._felt_from)
        assert standing is not None  # with the bank on the day of the assignment, so also after it
        policy = self._staff.policies.in_force(self._felt_from)
        capacity = policy.grades[standing.grade].capacity
        excess = first_excess(
            self._loads_before.of(manager_id),
            self._loads_after.of(manager_id),
            capacity,
            self._felt_from,
            self._end,
        )
        if excess is not None:
            detail = f"{manager_id} would have a load of {excess.load} of {capacity} on {excess.day}"
            raise Refusal("within-capacity", path, detail)

    def check_lead(self) -> None:
        """Who newly answers for the customer must be of a grade that may lead its tier."""
        lead = lead_of({share.manager_id: share.share for share in self._assigned.shares})
        if lead is None or lead == lead_of(self.before):
            return
        standing = self._staff.careers[lead].on(self._day)
        if standing is not None and not self._policy.may_lead(standing.grade, self._tier):
            index = [share.manager_id for share in self._assigned.shares].index(lead)
            detail = f"{lead} is {standing.grade}, which may not lead customers of tier {self._tier}"
            raise Refusal("grade-may-lead", f"shares.{index}.manager_id", detail)


def _shares_before(timeline: Timeline[CustomerAssigned], day: date) -> dict[str, Decimal]:
    """Who held what on the day before."""
    entry = timeline.on(day - timedelta(days=1))
    return {share.manager_id: share.share for share in entry.shares} if entry is not None else {}
